"""DBOS itself: set up, started, and put away again. One a process, as it keeps itself globally.

https://docs.dbos.dev/python/reference/configuration
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, PortableWorkflowError
from dbos import error as refused

from bedplate.durable.failures import translated
from bedplate.durable.places import SCHEMA, Place
from bedplate.errors import ConfigError

APPLICATION = "bedplate"
CONNECTIONS = 10
THREADS = 64
NOTICE_SECONDS = 0.1
"""Between two looks for whom to wake in memory, which cost next to nothing. On a SQLite file the
thread that looks sleeps so long whatever comes, and closing waits for it.
"""

VENDOR_FIELDS = ("applicationID", "applicationVersion", "executorID", "operationUUID")
EXPECTED = (
    PortableWorkflowError,
    refused.DBOSWorkflowCancelledError,
    refused.DBOSAwaitedWorkflowCancelledError,
)
EXPECTED_WORDS = ("Asyncio task cancelled", "was cancelled during execution")


@asynccontextmanager
async def launched(
    place: Place,
    node: str,
    *,
    version: str,
    entries: Mapping[str, Callable[[Any], Awaitable[Any]]],
    attempts: int,
    stop: Callable[[], Awaitable[None]],
) -> AsyncGenerator[DBOS]:
    """DBOS with `entries` as its workflows; work is taken from its queues by a HandOut.

    Called on the event loop that the work is to run on, which stands still while tables are made.
    `stop` is awaited once the block has ended, before the database is let go.
    """
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": place.url,
        "dbos_system_schema": SCHEMA,
        "application_version": version,
        "executor_id": node,
        "serializer": DBOSPortableJSONSerializer(),
        "sys_db_pool_size": CONNECTIONS,
        "max_executor_threads": THREADS,
        "notification_listener_polling_interval_sec": NOTICE_SECONDS,
        "log_level": "WARNING",
        "enable_otlp": False,
    }
    vendor = logging.getLogger("dbos")
    quiet = Quiet()
    # It puts up a handler of its own where there is none.
    vendor.addHandler(nothing := logging.NullHandler())
    try:
        with translated(place.shown):
            dbos = _made(config)
        vendor.addFilter(quiet)
        for name, entry in entries.items():
            DBOS.workflow(name=name, max_recovery_attempts=attempts)(entry)
        DBOS.listen_queues([])
        try:
            with translated(place.shown):
                DBOS.launch()
            yield dbos
        finally:
            for event in dbos.background_thread_stop_events:
                event.set()
            await stop()
            await _put_away()
    finally:
        vendor.removeFilter(quiet)
        vendor.removeHandler(nothing)


def _made(config: DBOSConfig) -> DBOS:
    dbos = DBOS(config=config)
    if dbos._launched:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] it gives the one that is there without a word
        raise ConfigError("Durable work is open in this process already: it can be open once.")
    if dbos.conductor_key is not None:
        raise ConfigError("Durable work needs no DBOS Conductor: unset its key.")
    return dbos


async def _put_away() -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="durable-stop") as thread:
        await loop.run_in_executor(thread, lambda: DBOS.destroy(destroy_registry=True))
    # DBOS put its own threads in this place, which are gone now.
    loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))


class Quiet(logging.Filter):
    """Keeps out what DBOS says of failed and cancelled work, which is ours to say, and its fields."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name in VENDOR_FIELDS:
            vars(record).pop(name, None)
        error = record.exc_info[1] if record.exc_info else None
        text = str(record.msg)
        return not isinstance(error, EXPECTED) and not any(w in text for w in EXPECTED_WORDS)
