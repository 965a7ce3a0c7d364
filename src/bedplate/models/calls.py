"""One call to a server that answers with server-sent events, bounded in time and size."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Protocol, TypeVar

import aiohttp

from bedplate.domain.chat import ChatEvent, TextDelta
from bedplate.errors import UpstreamError
from bedplate.models.failed import Part, charging
from bedplate.models.sse import EventTooLong, SseEvent, SseParser
from bedplate.models.wire_options import CallOptions, WireOptions
from bedplate.upstream.failures import Failures

T = TypeVar("T")

NOT_STREAMS = frozenset({"application/json", "text/html"})
MAX_ERROR_BYTES = 64 * 1024
# Under the 5 s after which uvicorn (vLLM, SGLang) drops an idle connection: a POST that meets the
# drop halfway cannot be repeated safely.
KEEP_ALIVE_SECONDS = 4.0
# What follows the finish reason follows at once; an answer that is whole does not fail for it.
CLOSING_SECONDS = 2.0
DRAIN_SECONDS = 0.1


class Reply(Part, Protocol):
    """One answer, put together event by event.

    `begun` once the model gave a sign of life (text, thoughts, a call), `ended` once it said why it
    stopped, `done` when nothing more can follow; `characters` counts what has come so far.
    """

    @property
    def ended(self) -> bool: ...

    @property
    def done(self) -> bool: ...

    @property
    def characters(self) -> int: ...

    def take(self, event: SseEvent) -> Iterable[ChatEvent]:
        """What `event` adds, often nothing; UpstreamError for what cannot be read."""
        ...

    def finish(self) -> Iterable[ChatEvent]:
        """What was held back, and Finished; UpstreamError when the answer is not whole."""
        ...


class Patience:
    """How long one call may still wait, and for what."""

    def __init__(self, options: CallOptions, deadline: float | None, failures: Failures) -> None:
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


class Caller:
    """Sends requests to one endpoint and reads their answers as they come."""

    def __init__(
        self,
        endpoint: str,
        options: WireOptions,
        session: aiohttp.ClientSession,
        failures: Failures,
    ) -> None:
        self._endpoint = endpoint
        self._options = options
        self._session = session
        self._turns = asyncio.Semaphore(options.max_connections)
        self._failures = failures

    async def stream(
        self, body: bytes, reply: Reply, deadline: float | None, *, join: bool = False
    ) -> AsyncGenerator[ChatEvent]:
        """The events that `reply` makes of the answer. Closing it closes the connection.

        `join`: pieces of text that come in one read are one event.
        """
        patience = Patience(self._options, deadline, self._failures)
        parser = SseParser()
        room = self._options.max_answer_bytes
        await patience.within(self._turns.acquire)
        with charging(reply):
            try:
                response = await self._send(body, patience)
                try:
                    while not reply.done:
                        packet = await self._read(response, patience, reply)
                        if not packet:
                            break
                        room = self._left(room - len(packet))
                        events = self._parse(parser, packet)
                        made_of = _joined if join else _each
                        for made in made_of(reply, events):
                            yield made
                        if reply.ended:
                            patience.wind_down()
                        elif events and reply.begun:
                            patience.renew()
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
            lambda: self._session.post(self._endpoint, data=body, allow_redirects=False)
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

    def _left(self, room: int) -> int:
        if room < 0:
            most = self._options.max_answer_bytes
            raise self._failures.error(f"sent more than {most} bytes (max_answer_bytes)")
        return room


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


def _each(reply: Reply, events: Iterable[SseEvent]) -> Generator[ChatEvent]:
    for event in events:
        yield from reply.take(event)


def _joined(reply: Reply, events: Iterable[SseEvent]) -> Generator[ChatEvent]:
    """The same with neighbouring pieces of text as one: each event costs every layer above."""
    pieces: list[str] = []
    try:
        for event in events:
            for made in reply.take(event):
                if isinstance(made, TextDelta) and not (made.logprobs or made.refusal):
                    pieces.append(made.text)
                    continue
                if pieces:
                    yield TextDelta("".join(pieces))
                    pieces = []
                yield made
    except UpstreamError:
        if pieces:
            yield TextDelta("".join(pieces))
        raise
    if pieces:
        yield TextDelta("".join(pieces))


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
