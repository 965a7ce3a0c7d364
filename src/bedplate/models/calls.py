"""Calls to a server that answers with server-sent events, bounded in time and size."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.models.anthropic_options import AnthropicOptions
from bedplate.models.failed import charging
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.patience import Patience
from bedplate.models.refusals import read_refusal
from bedplate.models.streamed import Reply, StreamedAnswer, WholeReply
from bedplate.models.whole_calls import WholeCalls
from bedplate.upstream.failures import Failures
from bedplate.upstream.http_client import HttpClient, open_client
from bedplate.upstream.http_connection import Answer
from bedplate.upstream.http_errors import HttpError
from bedplate.upstream.options import secrets

NOT_STREAMS = frozenset({"application/json", "text/html"})
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
        self._turns = asyncio.Semaphore(options.max_connections)
        self._failures = Failures(
            f"The model {options.model!r} at {options.shown_url}",
            options.shown_url,
            options.connect_seconds,
            secrets(options.api_key, options.headers),
            provider,
        )
        self._whole = (
            None
            if whole_reply_to is None
            else WholeCalls(options, self._failures, encode, whole_reply_to)
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def asks_whole(self) -> bool:
        return self._whole is not None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """The connection is closed as soon as the iterator is."""
        if request.unstreamed is not None and self._whole is not None:
            for event in await self.answer(request):
                yield event
            return
        body = self._encode(request)
        reply = self._reply_to(request, self._failures)
        sink = request.sink
        patience = Patience(self._options, request.deadline, self._failures)
        await patience.turn(self._turns)
        with charging(reply):
            try:
                response = await self._send(body, patience)
                try:
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

    async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
        """See WholeModel; of a model with `asks_whole`."""
        if self._whole is None:
            raise TypeError(f"{self._name} streams its answers")
        return await self._whole.answer(request, self._client.post, self._turns)

    async def _send(self, body: bytes, patience: Patience) -> Answer:
        response = await patience.within(lambda: self._client.post(body))
        try:
            said = await read_refusal(response, self._failures, unless=NOT_STREAMS)
        except BaseException:
            response.close()
            raise
        if said is None:
            return response
        response.close()
        raise self._failures.refused(response.status, response.headers, said)


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


async def _drain(response: Answer) -> None:
    """Read the end of the body behind the last event, so that the connection can serve the next."""
    with suppress(TimeoutError, HttpError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.read()
