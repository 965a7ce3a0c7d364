"""A server's process, under its keeper (managed_keeper.py)."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bedplate.errors import UpstreamError
from bedplate.models.managed_log import ServerLog

KEEPER = Path(__file__).with_name("managed_keeper.py")
STOP_SECONDS = 5.0
"""How long a server may take to stop by itself."""

_SPARE_SECONDS = 5.0
_STEP = 1 << 16


class ServerProcess:
    """`exited` is done once it has ended; its result is the exit code, from 128 on a signal's."""

    def __init__(self, exited: "asyncio.Task[int]") -> None:
        self.exited = exited

    @property
    def running(self) -> bool:
        return not self.exited.done()


@asynccontextmanager
async def open_process(
    command: Sequence[str], environment: Mapping[str, str], log: ServerLog
) -> AsyncGenerator[ServerProcess]:
    """Starts `command`; at the end it and all that it started are gone.

    It sees `environment` and nothing else of Bedplate's. What it writes goes to `log`. OSError where
    the system gives no process.
    """
    keeper = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(KEEPER),
        str(STOP_SECONDS),
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        env=dict(environment),
        start_new_session=True,
    )
    if keeper.stdin is None or keeper.stdout is None:
        raise UpstreamError("A process came without pipes.", provider="managed")
    # A TaskGroup must not span a yield: both end below, whatever becomes of the block.
    reading = asyncio.create_task(_read(keeper.stdout, log))  # noqa: TID251
    exited = asyncio.create_task(keeper.wait())  # noqa: TID251
    try:
        yield ServerProcess(exited)
    finally:
        # The end of its stdin tells the keeper to end the server.
        keeper.stdin.close()
        await asyncio.wait([exited], timeout=STOP_SECONDS + _SPARE_SECONDS)
        if not exited.done():
            keeper.kill()
            await asyncio.wait([exited])
        # Nobody holds the pipe any more, unless a child got away from its keeper.
        await asyncio.wait([reading], timeout=_SPARE_SECONDS)
        reading.cancel()
        await asyncio.wait([reading])


async def _read(output: asyncio.StreamReader, log: ServerLog) -> None:
    while written := await output.read(_STEP):
        log.feed(written)
