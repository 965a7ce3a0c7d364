"""Several processes that answer on one socket, and the one that keeps them.

The first worker opens everything alone, since it may have to make tables; the others follow. One
that dies is replaced, and its connections alone are lost: those that wait for an answer of the
others, or to be accepted, are not its own. When the keeper dies each worker sees it and stops.
"""

import logging
import multiprocessing
import signal
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Literal

from bedplate.api.listening import listen, url_of
from bedplate.api.worker_shares import share_of
from bedplate.config import Config
from bedplate.errors import BedplateError, ConfigError, StorageError
from bedplate.keys import were_made

logger = logging.getLogger(__name__)

STOP_SECONDS = 20.0
"""Beyond `server.drain_seconds`, for a worker to close what it opened; then it is killed."""

QUICK_SECONDS = 10.0
"""A worker that lived for less is started again after a pause, which doubles each time."""

LONGEST_PAUSE = 30.0

Announce = Callable[[str, bool], None]
Failure = Literal["config", "storage", "other"]
FAILURES: dict[Failure, type[BedplateError]] = {
    "config": ConfigError,
    "storage": StorageError,
    "other": BedplateError,
}


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker takes requests; `is_open` as there are no access keys."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker could not open what it needs."""

    failure: Failure
    message: str

    @classmethod
    def of(cls, error: BedplateError) -> "Failed":
        kinds: list[Failure] = [kind for kind, type in FAILURES.items() if isinstance(error, type)]
        return cls(kinds[0], error.message)

    @property
    def error(self) -> BedplateError:
        return FAILURES[self.failure](self.message)


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker is given. That of number 0 does what must be done once; `metrics` is a folder for
    the numbers of all.
    """

    config: Config
    listener: socket.socket
    line: Connection
    number: int
    metrics: Path


Work = Callable[[Post], None]
"""What a worker process does; picklable, as it is handed to a new interpreter."""


@dataclass(slots=True)
class _Worker:
    number: int
    process: BaseProcess
    line: Connection
    started_at: float = field(default_factory=time.monotonic)
    ready: bool = False


class Workers:
    """Keeps `count` processes that each do `work` over one listening socket."""

    def __init__(self, config: Config, listener: socket.socket, work: Work, metrics: Path) -> None:
        self._count = config.server.workers
        self._share = share_of(config, self._count)
        self._drain_seconds = config.server.drain_seconds
        self._listener = listener
        self._metrics = metrics
        self._work = work
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[int, _Worker] = {}
        self._due: dict[int, float] = {}
        self._pauses: dict[int, float] = {}

    def run(self, stop: socket.socket, announce: Callable[[bool], None]) -> None:
        """Until `stop` can be read; `announce` is called once all workers take requests.

        Raises:
            ConfigError, StorageError: what the first worker could not open.
        """
        try:
            self._start(0)
            if (is_open := self._until_ready(stop)) is None:
                return
            for number in range(1, self._count):
                self._start(number)
            if self._until_ready(stop) is None:
                return
            announce(is_open)
            while stop not in self._wait(stop):
                self._replace()
        finally:
            self._stop(stop)

    def _start(self, number: int) -> None:
        ours, theirs = self._context.Pipe()
        post = Post(self._share, self._listener, theirs, number, self._metrics)
        process = self._context.Process(
            target=self._work, args=(post,), name=f"bedplate-worker-{number}"
        )
        process.start()
        theirs.close()
        self._workers[number] = _Worker(number, process, ours)

    def _until_ready(self, stop: socket.socket) -> bool | None:
        """Whether the server is open, once all started workers are ready; None for a stop."""
        is_open = False
        while not all(worker.ready for worker in self._workers.values()):
            if stop in self._wait(stop):
                return None
            for worker in self._workers.values():
                match self._heard(worker):
                    case Ready() as ready:
                        worker.ready, is_open = True, ready.is_open
                    case Failed() as failed:
                        raise failed.error
                    case None if not worker.process.is_alive():
                        raise StorageError(f"A worker ended at its start: {_ending(worker)}.")
                    case None:
                        pass
        return is_open

    def _replace(self) -> None:
        """Start anew what died, at once or after its pause; say what was heard."""
        now = time.monotonic()
        for worker in list(self._workers.values()):
            if isinstance(heard := self._heard(worker), Failed):
                logger.error("worker failed", extra={"error": heard.message})
            if worker.process.is_alive():
                continue
            logger.error("worker ended", extra={"worker": worker.number, "how": _ending(worker)})
            self._close(worker)
            pause = 0.0
            if now - worker.started_at < QUICK_SECONDS:
                pause = min(LONGEST_PAUSE, 2 * self._pauses.get(worker.number, 0.0) or 1.0)
            self._pauses[worker.number] = pause
            self._due[worker.number] = now + pause
        for number in [number for number, due in self._due.items() if due <= now]:
            del self._due[number]
            self._start(number)

    def _wait(self, stop: socket.socket) -> list[object]:
        """What can be read or has ended, of `stop` and the workers; nothing once one is due."""
        timeout = None
        if self._due:
            timeout = max(0.0, min(self._due.values()) - time.monotonic())
        workers = self._workers.values()
        lines = [worker.line for worker in workers if not worker.line.closed]
        ends = [worker.process.sentinel for worker in workers]
        return list(wait([stop, *lines, *ends], timeout))

    def _heard(self, worker: _Worker) -> Ready | Failed | None:
        try:
            if not worker.line.closed and worker.line.poll():
                return worker.line.recv()
        except (EOFError, OSError):
            worker.line.close()
        return None

    def _stop(self, stop: socket.socket) -> None:
        """SIGTERM to all; SIGKILL to those that take too long, or upon a second signal."""
        self._due.clear()
        _empty(stop)
        for worker in self._workers.values():
            worker.process.terminate()
        deadline = time.monotonic() + self._drain_seconds + STOP_SECONDS
        # Looked at once a turn: the last may end between two looks, and nothing would wake the wait.
        while alive := [w for w in self._workers.values() if w.process.is_alive()]:
            for worker in self._workers.values():
                self._heard(worker)
            left = deadline - time.monotonic()
            ends = [worker.process.sentinel for worker in alive]
            if left <= 0 or stop in wait([stop, *ends], max(0.0, left)):
                for worker in self._workers.values():
                    worker.process.kill()
                break
        for worker in list(self._workers.values()):
            self._close(worker)

    def _close(self, worker: _Worker) -> None:
        worker.process.join()
        worker.process.close()
        worker.line.close()
        del self._workers[worker.number]


def serve_by_workers(config: Config, work: Work, *, announce: Announce) -> None:
    """Serve by `server.workers` processes until SIGINT or SIGTERM.

    Raises:
        ConfigError: see `listen` and `share_of`; or what a worker found wrong.
        StorageError: what a worker cannot use.
    """
    with (
        listen(config.server, has_keys=were_made(config)) as listener,
        _signals() as stop,
        TemporaryDirectory(prefix="bedplate-metrics-") as metrics,
    ):
        workers = Workers(config, listener, work, Path(metrics))
        workers.run(stop, lambda is_open: announce(url_of(listener), is_open))


def _ending(worker: _Worker) -> str:
    code = worker.process.exitcode
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _empty(sock: socket.socket) -> None:
    try:
        sock.recv(4096)
    except BlockingIOError:
        return


@contextmanager
def _signals() -> Generator[socket.socket]:
    """A socket that can be read once SIGINT or SIGTERM came."""
    read, write = socket.socketpair()
    read.settimeout(0)
    write.settimeout(0)

    def stop(_number: int, _frame: FrameType | None) -> None:
        write.send(b"\0")

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield read
    finally:
        for number, restored in former.items():
            signal.signal(number, restored)
        read.close()
        write.close()
