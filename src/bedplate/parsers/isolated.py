"""Parsing in processes of its own, so that a hostile file can take down nothing else."""

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NoReturn, TypeVar

import msgspec

from bedplate.domain.documents import Blob, Document, Parsed
from bedplate.errors import ConfigError, TooLarge, Unavailable, Unreadable
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.wire import (
    HEADER,
    Batch,
    Done,
    Ready,
    Refused,
    Reply,
    Request,
    Shown,
    framed,
)

T = TypeVar("T")

WORKER = "bedplate.parsers.worker"

_START_SECONDS = 60.0
_STEP = 1 << 20
_BYTES_PER_CHARACTER = 8
_SPARE_BYTES = 64 * 1024 * 1024


@asynccontextmanager
async def open_parser(
    limits: ParseLimits, *, slots: int = 2, module: str = WORKER
) -> AsyncGenerator["IsolatedParser"]:
    """A parser of up to `slots` blobs at once; each slot's process starts when first needed.

    `module` is what a process runs; another one than ours must speak as `worker.py` does.
    """
    if slots < 1:
        raise ConfigError(f"A parser needs at least one slot; slots is {slots!r}.")
    parser = IsolatedParser(limits, slots, module)
    try:
        yield parser
    finally:
        await parser.close()


class IsolatedParser:
    """Hands each blob to a process that lives from blob to blob.

    A process that overruns the deadline, dies, or says something unforeseen is killed and replaced;
    so is one whose caller was cancelled.
    """

    def __init__(self, limits: ParseLimits, slots: int, module: str) -> None:
        self._limits = limits
        self._module = module
        self._free = asyncio.Semaphore(slots)
        self._idle: list[_Worker] = []

    async def parse(self, blob: Blob) -> Parsed:
        """What the blob holds.

        Raises:
            Unreadable: by the format's reader; "timeout" past the deadline; "crashed" when the
                process died of it.
            TooLarge: over one of the limits.
            Unavailable: no parser process could be started.
        """
        return await self._asked(blob, lambda worker: worker.parse(blob))

    async def picture(self, blob: Blob) -> bytes:
        """See PictureParser; raises as `parse`."""
        return await self._asked(blob, lambda worker: worker.picture(blob))

    async def _asked(self, blob: Blob, ask: Callable[["_Worker"], Awaitable[T]]) -> T:
        if len(blob.content) > self._limits.bytes:
            raise TooLarge(
                f"{blob.source!r} has {len(blob.content):,} bytes; "
                f"the limit is {self._limits.bytes:,}."
            )
        if blob.source != blob.source.encode("utf-8", "replace").decode():
            raise Unreadable(
                f"The name {blob.source!r} is not valid Unicode; rename the file.",
                reason="bad_name",
            )
        async with self._free:
            worker = self._idle.pop() if self._idle else await _start(self._limits, self._module)
            try:
                async with asyncio.timeout(self._limits.seconds):
                    return await ask(worker)
            except TimeoutError as error:
                raise Unreadable(
                    f"{blob.source!r} took longer than {self._limits.seconds:g} s to parse.",
                    reason="timeout",
                ) from error
            except _CRASHES as error:
                raise Unreadable(
                    f"{blob.source!r} crashed its parser; nothing of it was read.",
                    reason="crashed",
                ) from error
            finally:
                if worker.usable:
                    self._idle.append(worker)
                else:
                    await worker.end()

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().end()


async def _start(limits: ParseLimits, module: str) -> "_Worker":
    """A process that has said it is ready.

    It inherits the import path and nothing else: no environment, so no keys, and no modules from
    the working folder (-P).
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        module,
        msgspec.json.encode(limits).decode(),
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"},
        limit=_STEP,
        start_new_session=True,
    )
    if process.stdin is None or process.stdout is None:
        raise Unavailable("A parser process came without pipes.")
    worker = _Worker(process, process.stdin, process.stdout, limits)
    try:
        async with asyncio.timeout(_START_SECONDS):
            await worker.greet()
    except (TimeoutError, *_CRASHES) as error:
        raise Unavailable("A parser process did not start.") from error
    finally:
        if not worker.usable:
            await worker.end()
    return worker


_CRASHES = (EOFError, ConnectionError, msgspec.MsgspecError)


class _Worker:
    """One process and its pipes; `usable` only between one whole answer and the next request."""

    def __init__(
        self, process: Process, requests: StreamWriter, replies: StreamReader, limits: ParseLimits
    ) -> None:
        self._process = process
        self._requests = requests
        self._replies = replies
        self._decoder = msgspec.msgpack.Decoder(Reply)
        self._most_documents = limits.documents
        self._most_bytes = limits.characters * _BYTES_PER_CHARACTER + _SPARE_BYTES
        self._received = 0
        self.usable = False

    async def greet(self) -> None:
        self.usable = isinstance(await self._reply(), Ready)

    async def parse(self, blob: Blob) -> Parsed:
        await self._send(blob)
        documents: list[Document] = []
        while True:
            match await self._reply():
                case Batch(batch):
                    documents += batch
                    if len(documents) > self._most_documents:
                        raise ConnectionError("The answer has more documents than may be.")
                case Done(failures, warnings, retire):
                    self.usable = not retire
                    return Parsed(tuple(documents), failures, warnings)
                case Refused() as refused:
                    self._refuse(refused)
                case _:
                    raise ConnectionError("The process answered what it was not asked.")

    async def picture(self, blob: Blob) -> bytes:
        await self._send(blob, picture=True)
        reply = await self._reply()
        if isinstance(reply, Refused):
            self._refuse(reply)
        if not isinstance(reply, Shown):
            raise ConnectionError("The process answered what it was not asked.")
        self.usable = not reply.retire
        return reply.content

    async def _send(self, blob: Blob, *, picture: bool = False) -> None:
        self.usable = False
        self._received = 0
        asked = Request(blob.source, blob.media_type, len(blob.content), picture)
        self._requests.write(framed(asked))
        view = memoryview(blob.content)
        for start in range(0, len(view), _STEP):
            self._requests.write(view[start : start + _STEP])
            await self._requests.drain()

    def _refuse(self, refused: Refused) -> NoReturn:
        self.usable = True
        if refused.code == "unreadable":
            raise Unreadable(refused.message, reason=refused.reason)
        raise TooLarge(refused.message)

    async def _reply(self) -> Reply:
        """The next message; ConnectionError when the answer outgrows what any may take."""
        (size,) = HEADER.unpack(await self._replies.readexactly(HEADER.size))
        self._received += size
        if self._received > self._most_bytes:
            raise ConnectionError("The answer is larger than the limits allow.")
        return self._decoder.decode(await self._replies.readexactly(size))

    async def end(self) -> None:
        """Kill the process and close its pipes."""
        self.usable = False
        if self._process.returncode is None:
            # It leads a session of its own, so what it has started ends with it.
            if sys.platform == "win32":
                self._process.kill()
            else:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
        self._requests.close()
        # Reading to the end lets the transport close before its event loop does.
        while await self._replies.read(_STEP):
            pass
        await self._process.wait()
