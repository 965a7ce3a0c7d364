"""Calls to a server that answers with server-sent events, bounded in time and size."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.errors import UpstreamError
from bedplate.models.anthropic_options import AnthropicOptions
from bedplate.models.failed import charging
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.patience import CLOSING_SECONDS, Patience
from bedplate.models.streamed import Reply, StreamedAnswer, WholeReply
from bedplate.upstream.failures import Failures
from bedplate.upstream.http_client import HttpClient, open_client
from bedplate.upstream.http_connection import Answer
from bedplate.upstream.http_errors import HttpError
from bedplate.upstream.options import secrets

STREAM = "text/event-stream"
PLAIN = "identity"
NOT_STREAMS = frozenset({"application/json", "text/html"})
MAX_ERROR_BYTES = 64 * 1024
# Under the 5 s after which uvicorn (vLLM, SGLang) drops an idle connection: a POST that meets the
# drop halfway cannot be repeated safely.
KEEP_ALIVE_SECONDS = 4.0
DRAIN_SECONDS = 0.1


class WireModel:
    """See ChatModel: a server's model, in the wire that `encode` writes and a Reply reads."""

    hands_on = True

    def __init__(
        self,
        provider: str,
        options: OpenAIOptions | AnthropicOptions,
        client: HttpClient,
        encode: Callable[[ChatRequest], bytes],
        reply_to: Callable[[ChatRequest, Failures], Reply],
        whole_reply_to: Callable[[ChatRequest, Failures], WholeReply] | None = None,
    ) -> None:
        """`whole_reply_to` is given where `encode` asks for no stream of a request that is not to
        be streamed; a server may send one all the same.
        """
        self._name = f"{provider}:{options.model}"
        self._options = options
        self._client = client
        self._encode = encode
        self._reply_to = reply_to
        self._whole_reply_to = whole_reply_to
        self._turns = asyncio.Semaphore(options.max_connections)
        self._failures = Failures(
            f"The model {options.model!r} at {options.shown_url}",
            options.shown_url,
            options.connect_seconds,
            secrets(options.api_key, options.headers),
            provider,
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def asks_whole(self) -> bool:
        return self._whole_reply_to is not None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """The connection is closed as soon as the iterator is."""
        body = self._encode(request)
        whole: WholeReply | None = None
        if request.unstreamed is not None and self._whole_reply_to is not None:
            whole = self._whole_reply_to(request, self._failures)
        reply = whole or self._reply_to(request, self._failures)
        sink = request.sink
        patience = Patience(
            self._options, request.deadline, self._failures, whole=whole is not None
        )
        await self._wait_for_a_turn(patience)
        with _told(whole), charging(reply):
            try:
                response = await self._send(body, patience, whole)
                try:
                    if whole is not None and response.content_type != STREAM:
                        for event in await self._read_whole(response, whole, patience):
                            yield event
                    else:
                        answer = StreamedAnswer(
                            response,
                            reply,
                            patience,
                            self._failures,
                            self._options.max_answer_bytes,
                        )
                        while not answer.over:
                            made = await answer.read(join=request.whole_answer)
                            for number, event in enumerate(made, 1):
                                yield event
                                if sink is not None:
                                    rest = await answer.hand_on(sink, made[number:])
                                    sink = None
                                    for left in rest:
                                        yield left
                                    break
                            answer.renew()
                        await _drain(response)
                finally:
                    response.close()
            finally:
                self._turns.release()
            for made in reply.finish():
                yield made

    async def _wait_for_a_turn(self, patience: Patience) -> None:
        if self._turns.locked():
            await patience.within(self._turns.acquire)
        else:
            await self._turns.acquire()

    async def _send(self, body: bytes, patience: Patience, whole: WholeReply | None) -> Answer:
        if whole is not None:
            whole.under_way(unseen=True)
        response = await patience.within(lambda: self._client.post(body))
        coding = response.headers.get("content-encoding", PLAIN)
        if response.status == 200 and coding != PLAIN:
            response.close()
            raise self._failures.error(f"compressed its answer ({coding}), which was not asked for")
        if response.status == 200 and (
            whole is not None or response.content_type not in NOT_STREAMS
        ):
            if whole is not None and response.content_type == STREAM:
                whole.under_way(unseen=False)
            return response
        if whole is not None:
            whole.under_way(unseen=False)
        try:
            said = await _read_body(response) if coding == PLAIN else b""
        finally:
            response.close()
        raise self._failures.refused(response.status, response.headers, said)

    async def _read_whole(
        self, response: Answer, reply: WholeReply, patience: Patience
    ) -> Sequence[ChatEvent]:
        try:
            said = await patience.within(lambda: self._read(response))
        except UpstreamError as error:
            # It said that there is an answer.
            error.usage = reply.used()
            raise
        reply.under_way(unseen=False)
        made = reply.add_whole(said)
        if made is None:
            raise self._failures.refused(200, response.headers, said)
        return made

    async def _read(self, response: Answer) -> bytes:
        said = bytearray()
        while packet := await response.read():
            said += packet
            if len(said) > self._options.max_answer_bytes:
                most = self._options.max_answer_bytes
                raise self._failures.error(f"sent more than {most} bytes (max_answer_bytes)")
        return bytes(said)


@contextmanager
def _told(whole: WholeReply | None) -> Generator[None]:
    """Once a call failed that used nothing, nothing is under way: it may be repeated after a pause."""
    try:
        yield
    except UpstreamError as error:
        if whole is not None and error.usage is None:
            whole.under_way(unseen=False)
        raise


@asynccontextmanager
async def open_session(
    options: OpenAIOptions | AnthropicOptions, headers: dict[str, str]
) -> AsyncGenerator[HttpClient]:
    async with open_client(
        options.endpoint,
        headers,
        connect_seconds=options.connect_seconds,
        idle_seconds=KEEP_ALIVE_SECONDS if options.keep_alive else 0.0,
    ) as client:
        yield client


async def _read_body(response: Answer) -> bytes:
    """What the server says about its refusal, as far as it comes; the status stands without it."""
    said = bytearray()
    with suppress(TimeoutError, HttpError):
        async with asyncio.timeout(CLOSING_SECONDS):
            while len(said) < MAX_ERROR_BYTES and (packet := await response.read()):
                said += packet
    return bytes(said[:MAX_ERROR_BYTES])


async def _drain(response: Answer) -> None:
    """Read the end of the body behind the last event, so that the connection can serve the next."""
    with suppress(TimeoutError, HttpError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.read()
