"""Traces sent to another server by OTLP over HTTP, and sent again while it is down."""

import asyncio
import gzip
import logging
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from bedplate.domain.traces import EndedTrace
from bedplate.telemetry.otlp import encoded

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
AGAIN = frozenset({408, 429, 502, 503, 504})
"""Statuses that OTLP's specification has tried again; all others refuse for good."""

GONE = 300
LEVEL = 1
CLOSING_SECONDS = 5.0
SAID_SECONDS = 60.0
HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """`name` is for messages, which never show url or headers: both may hold secrets."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    resource: Mapping[str, str] = field(default_factory=dict[str, str])
    openinference: bool = False
    seconds: float = 10.0
    max_waiting_bytes: int = 32 * 1024 * 1024


class OtlpExport:
    """Waits for nobody: what finds no room while the server is down is dropped and counted."""

    def __init__(self, options: ExportOptions, session: aiohttp.ClientSession) -> None:
        self._options = options
        self._session = session
        self._waiting = deque[tuple[bytes, int]]()
        self._bytes = 0
        self._some = asyncio.Event()
        self._said_at: float | None = None
        self.sent = 0
        """Traces."""
        self.dropped = 0

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    @property
    def waiting(self) -> int:
        """Traces that are not sent yet."""
        return sum(traces for _, traces in self._waiting)

    async def write(self, traces: Sequence[EndedTrace]) -> None:
        body = await asyncio.to_thread(self._body, traces)
        if self._bytes + len(body) > self._options.max_waiting_bytes:
            self._drop(len(traces), "too many wait for it")
            return
        self._waiting.append((body, len(traces)))
        self._bytes += len(body)
        self._some.set()

    async def run(self) -> None:
        """Send until cancelled."""
        pause = FIRST_PAUSE
        while True:
            await self._some.wait()
            if await self._send_first():
                pause = FIRST_PAUSE
                continue
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def drain(self) -> None:
        """Send what waits, as long as that works."""
        while self._waiting and await self._send_first():
            pass

    async def _send_first(self) -> bool:
        """False where it is to be tried again."""
        body, traces = self._waiting[0]
        problem, again = await post(self._session, self._options, body)
        if problem is None:
            self.sent += traces
        elif again:
            self._say(problem)
            return False
        else:
            self._drop(traces, problem)
        self._waiting.popleft()
        self._bytes -= len(body)
        if not self._waiting:
            self._some.clear()
        return True

    def _body(self, traces: Sequence[EndedTrace]) -> bytes:
        options = self._options
        whole = encoded(traces, options.resource, with_openinference=options.openinference)
        return gzip.compress(whole, LEVEL)

    def _drop(self, traces: int, why: str) -> None:
        self.dropped += traces
        self._say(f"{self.dropped} traces were dropped: {why}")

    def _say(self, what: str) -> None:
        now = asyncio.get_running_loop().time()
        if self._said_at is None or now >= self._said_at + SAID_SECONDS:
            self._said_at = now
            extra = {"export": self._options.name, "why": what}
            logger.warning("traces are not exported", extra=extra)


async def post(
    session: aiohttp.ClientSession, options: ExportOptions, body: bytes
) -> tuple[str | None, bool]:
    """What went wrong, and whether it may pass. `body` is gzip."""
    try:
        async with asyncio.timeout(options.seconds):
            # A redirect would carry the headers' secrets to another host.
            async with session.post(
                options.url,
                data=body,
                headers={**HEADERS, **options.headers},
                allow_redirects=False,
            ) as response:
                if response.status < GONE:
                    return None, False
                return f"it answered {response.status}", response.status in AGAIN
    except TimeoutError:
        return f"no answer within {options.seconds:g} s", True
    except aiohttp.ClientError as error:
        return f"it cannot be reached ({type(error).__name__})", True


@asynccontextmanager
async def open_export(options: ExportOptions) -> AsyncGenerator[OtlpExport]:
    """Send while the block runs, and for some seconds what then waits."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        export = OtlpExport(options, session)
        sending = asyncio.get_running_loop().create_task(export.run())
        try:
            yield export
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            try:
                async with asyncio.timeout(CLOSING_SECONDS):
                    await export.drain()
            except TimeoutError:
                pass
            if left := export.waiting:
                logger.warning("traces are lost", extra={"export": options.name, "traces": left})
