"""An open ledger: what it does beside calls, and what it does before it is closed."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bedplate.errors import BedplateError, StorageError
from bedplate.ledger.protocol import LedgerOptions
from bedplate.ledger.sql import SqlLedger
from bedplate.sql import Sessions

logger = logging.getLogger(__name__)


@asynccontextmanager
async def running(sessions: Sessions, options: LedgerOptions) -> AsyncGenerator[SqlLedger]:
    """Reconcile what a process that died left, write usage while the block runs, and the rest at its end."""
    ledger = SqlLedger(sessions, options)
    try:
        await ledger.expire()
    except StorageError as error:
        # One who may only read can start. No call that a limit concerns is let through before.
        logger.warning("reservations that expired are not counted", extra={"error": error.message})
    # A TaskGroup would wrap what the block raises.
    writer = asyncio.get_running_loop().create_task(ledger.usage.run())
    try:
        yield ledger
    finally:
        await ledger.drain()
        writer.cancel()
        await asyncio.wait([writer])
        if not writer.cancelled() and (error := writer.exception()) is not None:
            logger.error("usage was not written", exc_info=error)
        try:
            await ledger.usage.flush()
        except BedplateError as error:
            logger.error("usage is lost", extra={"error": error.message})  # noqa: TRY400 - said in full
