"""One of several processes that answer on one socket."""

import asyncio
import multiprocessing
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bedplate.api.garbage import spare_collections
from bedplate.api.server import loop_factory, running, scheduling
from bedplate.api.workers import Failed, Post, Ready
from bedplate.app import App, open_app
from bedplate.errors import BedplateError
from bedplate.metering import exporting, sharing


def work(set_up: Callable[[], None], post: Post) -> None:
    """Answer requests until SIGTERM, or until who started this process is gone.

    `set_up` is called first, in the new process.
    """
    # Ctrl-C reaches all processes of a terminal; the one that keeps the workers stops them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up()
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_work(post))
        keeper = multiprocessing.parent_process()
        if keeper is not None and not keeper.is_alive():
            # It was killed, and nobody else is left to do it.
            shutil.rmtree(post.metrics, ignore_errors=True)
    except BedplateError as error:
        post.line.send(Failed.of(error))
        sys.exit(1)


async def _work(post: Post) -> None:
    async with (
        open_app(post.config, work=True) as app,
        exporting(app),
        sharing(app, post.metrics, post.number),
        _schedules(app, leads=post.number == 0),
        running(app, post.listener),
    ):
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        # Nothing is ever sent this way: what can be read is the end.
        loop.add_reader(post.line.fileno(), stopped.set)
        spare_collections()
        try:
            post.line.send(Ready(app.keyring.is_open))
            await stopped.wait()
        finally:
            loop.remove_reader(post.line.fileno())


def _schedules(app: App, *, leads: bool) -> AbstractAsyncContextManager[None]:
    return scheduling(app) if leads else _nothing()


@asynccontextmanager
async def _nothing() -> AsyncGenerator[None]:
    yield
