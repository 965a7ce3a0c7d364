"""`openai`: any server that speaks OpenAI's chat completions, local or in the cloud.

Wire: POST {base_url}/chat/completions, always streamed (OpenAI API reference, "Chat Completions").
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import aiohttp

from bedplate.domain.chat import ChatEvent, ChatRequest, TextDelta
from bedplate.embedders.protocol import Embedder
from bedplate.errors import UpstreamError
from bedplate.models.openai_reply import Reply
from bedplate.models.openai_request import OpenAIOptions, encode_request
from bedplate.models.protocol import ChatModel
from bedplate.models.sse import EventTooLong, SseEvent, SseParser
from bedplate.upstream.failures import Failures
from bedplate.upstream.options import secrets

T = TypeVar("T")

NOT_STREAMS = frozenset({"application/json", "text/html"})
MAX_ERROR_BYTES = 64 * 1024
# Under the 5 s after which uvicorn (vLLM, SGLang) drops an idle connection: a POST that meets the
# drop halfway cannot be repeated safely.
KEEP_ALIVE_SECONDS = 4.0
# Usage and [DONE] follow the finish reason at once; an answer that is whole does not fail for them.
CLOSING_SECONDS = 2.0
DRAIN_SECONDS = 0.1


class Patience:
    """How long one call may still wait, and for what."""

    def __init__(self, options: OpenAIOptions, deadline: float | None, failures: Failures) -> None:
        self._clock = asyncio.get_running_loop().time
        self._failures = failures
        self._idle = options.idle_seconds
        self._winding_down = False
        now = self._clock()
        seconds = options.total_seconds
        self._whole = (now + seconds, f"took longer than {seconds:g} s (total_seconds)")
        if deadline is not None and deadline < self._whole[0]:
            left = max(0.0, deadline - now)
            self._whole = (deadline, f"was not done by the request's deadline, {left:.3g} s away")
        seconds = options.first_token_seconds
        self._phase = (now + seconds, f"sent no token within {seconds:g} s (first_token_seconds)")

    def renew(self) -> None:
        """A chunk came; the wait for the next starts now, after the reader took this one."""
        what = f"sent nothing for {self._idle:g} s in mid-stream (idle_seconds)"
        self._phase = (self._clock() + self._idle, what)

    def wind_down(self) -> None:
        """The answer is whole: wait no longer for what may still follow."""
        if self._winding_down:
            return
        self._winding_down = True
        seconds = min(self._idle, CLOSING_SECONDS)
        self._phase = (self._clock() + seconds, "did not close the stream")

    async def within(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives; UpstreamTimeout once whichever limit is nearest has passed."""
        at, what = min(self._phase, self._whole)
        if self._clock() >= at:
            raise self._failures.timeout(what)
        try:
            async with asyncio.timeout_at(at):
                return await work()
        except (aiohttp.ClientError, ssl.SSLError) as error:
            raise self._failures.of_client(error) from error
        except TimeoutError as error:
            raise self._failures.timeout(what) from error


class OpenAIModel:
    def __init__(self, options: OpenAIOptions, session: aiohttp.ClientSession) -> None:
        self._options = options
        self._session = session
        self._turns = asyncio.Semaphore(options.max_connections)
        self._failures = Failures(
            f"The model {options.model!r} at {options.shown_url}",
            options.shown_url,
            options.connect_seconds,
            secrets(options.api_key, options.headers),
        )

    @property
    def name(self) -> str:
        return f"openai:{self._options.model}"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """See ChatModel. The connection is closed as soon as the iterator is."""
        body = encode_request(request, self._options)
        patience = Patience(self._options, request.deadline, self._failures)
        reply = Reply(request, self._options.model, self._failures)
        parser = SseParser()
        await patience.within(self._turns.acquire)
        try:
            response = await self._send(body, patience)
            try:
                while not reply.done:
                    packet = await self._read(response, patience, reply)
                    if not packet:
                        break
                    events = self._parse(parser, packet)
                    for event in events:
                        if text := reply.take(event):
                            yield TextDelta(text)
                    if reply.ended:
                        patience.wind_down()
                    elif events and reply.begun:
                        patience.renew()
                await _drain(response)
            finally:
                response.close()
        finally:
            self._turns.release()
        yield reply.finish()

    async def _send(self, body: bytes, patience: Patience) -> aiohttp.ClientResponse:
        endpoint = self._options.endpoint
        # A redirect would carry the key to another host.
        response = await patience.within(
            lambda: self._session.post(endpoint, data=body, allow_redirects=False)
        )
        if response.status == 200 and response.content_type not in NOT_STREAMS:
            return response
        try:
            said = await _read_body(response)
        finally:
            response.close()
        raise self._failures.refused(response.status, response.headers, said)

    async def _read(
        self, response: aiohttp.ClientResponse, patience: Patience, reply: Reply
    ) -> bytes:
        try:
            return await patience.within(response.content.readany)
        except UpstreamError as error:
            if reply.ended:
                return b""
            if isinstance(error.__cause__, aiohttp.ClientError):
                raise self._failures.ended_early(reply.characters) from error.__cause__
            raise

    def _parse(self, parser: SseParser, packet: bytes) -> list[SseEvent]:
        try:
            return parser.feed(packet)
        except EventTooLong as error:
            raise self._failures.error(str(error)) from error


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """What the server says about its refusal, as far as it comes; the status stands without it."""
    said = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(CLOSING_SECONDS):
            while len(said) < MAX_ERROR_BYTES and (packet := await response.content.readany()):
                said += packet
    return bytes(said[:MAX_ERROR_BYTES])


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the end of the body behind [DONE], so that the connection can serve the next call."""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.content.readany()


@asynccontextmanager
async def open_openai_model(
    options: Mapping[str, Any], *, embedder: Embedder
) -> AsyncGenerator[ChatModel]:
    """See OpenAIOptions. Nothing is sent before the first request."""
    chosen = OpenAIOptions.model_validate(dict(options))
    async with aiohttp.ClientSession(
        # The model counts its own connections, so that `connect` times nothing but connecting.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=chosen.sent_headers,
        timeout=aiohttp.ClientTimeout(total=None, connect=chosen.connect_seconds),
    ) as session:
        yield OpenAIModel(chosen, session)
