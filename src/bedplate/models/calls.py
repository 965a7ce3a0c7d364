"""Calls to a server that answers with server-sent events, bounded in time and size."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.models.anthropic_options import AnthropicOptions
from bedplate.models.failed import charging
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.patience import CLOSING_SECONDS, Patience
from bedplate.models.streamed import Reply, StreamedAnswer
from bedplate.models.wire_options import WireOptions
from bedplate.upstream.failures import Failures
from bedplate.upstream.options import secrets

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
        session: aiohttp.ClientSession,
        encode: Callable[[ChatRequest], bytes],
        reply_to: Callable[[ChatRequest, Failures], Reply],
    ) -> None:
        self._name = f"{provider}:{options.model}"
        self._options = options
        self._session = session
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

    @property
    def name(self) -> str:
        return self._name

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """The connection is closed as soon as the iterator is."""
        body, reply = self._encode(request), self._reply_to(request, self._failures)
        sink = request.sink
        patience = Patience(self._options, request.deadline, self._failures)
        await patience.within(self._turns.acquire)
        with charging(reply):
            try:
                response = await self._send(body, patience)
                try:
                    answer = StreamedAnswer(
                        response, reply, patience, self._failures, self._options.max_answer_bytes
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

    async def _send(self, body: bytes, patience: Patience) -> aiohttp.ClientResponse:
        # A redirect would carry the key to another host, or lead inwards.
        response = await patience.within(
            lambda: self._session.post(self._options.endpoint, data=body, allow_redirects=False)
        )
        if response.status == 200 and response.content_type not in NOT_STREAMS:
            return response
        try:
            said = await _read_body(response)
        finally:
            response.close()
        raise self._failures.refused(response.status, response.headers, said)


@asynccontextmanager
async def open_session(
    options: WireOptions, headers: dict[str, str]
) -> AsyncGenerator[aiohttp.ClientSession]:
    # The caller counts its own connections, so that `connect` times nothing but connecting.
    connector = (
        aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        if options.keep_alive
        else aiohttp.TCPConnector(limit=0, force_close=True)
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=None, connect=options.connect_seconds),
    ) as session:
        yield session


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """What the server says about its refusal, as far as it comes; the status stands without it."""
    said = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(CLOSING_SECONDS):
            while len(said) < MAX_ERROR_BYTES and (packet := await response.content.readany()):
                said += packet
    return bytes(said[:MAX_ERROR_BYTES])


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the end of the body behind the last event, so that the connection can serve the next."""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.content.readany()
