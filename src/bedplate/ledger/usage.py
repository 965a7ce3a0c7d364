"""The usage log: calls that ended, written in batches by one task, forgotten after a time."""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from bedplate.domain.budgets import Used
from bedplate.domain.ids import TenantId, new_id
from bedplate.domain.money import from_micro, to_micro
from bedplate.domain.usage import UsageLine
from bedplate.errors import BedplateError, TooLarge
from bedplate.ledger.periods import DAY, micros, moment
from bedplate.ledger.protocol import MOST_LINES, Call, Grouping, LedgerOptions
from bedplate.sql import Row, Session, Sessions

logger = logging.getLogger(__name__)

BATCH = 256
WAIT_SECONDS = 0.5
"""So long calls are gathered before they are written."""

MOST_WAIT_SECONDS = 60.0
"""Between two tries, where writing fails again and again."""

FORGET_SECONDS = 3_600.0
FORGOTTEN = 1_000
"""At once: a long delete would hold up whoever reserves."""

MOST_GROUPS = 10_000
GROUPS: Mapping[Grouping, str] = {
    "day": f"at / {DAY}",
    "tenant": "tenant_id",
    "model": "model",
    "key": "coalesce(key_id, '')",
    "assistant": "coalesce(assistant, '')",
}
INSERT = """
INSERT INTO ledger_call (id, tenant_id, at, key_id, assistant, run, model, status, input_tokens,
  output_tokens, cached_tokens, estimated, cost, ttft_ms, took_ms, trace_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

LINES = (
    f"SELECT at / {DAY}, tenant_id, coalesce(key_id, ''), coalesce(assistant, ''), model, count(*),"  # noqa: S608 - constants
    " sum(input_tokens), sum(output_tokens), sum(cached_tokens), coalesce(sum(cost), 0),"
    " sum(CASE WHEN cost IS NULL THEN 1 ELSE 0 END), sum(estimated) FROM ledger_call"
)


class SqlUsageLog:
    def __init__(self, sessions: Sessions, options: LedgerOptions) -> None:
        self._sessions = sessions
        self._options = options
        self._waiting = deque[Row]()
        self._some = asyncio.Event()
        self._writing = asyncio.Lock()
        self._dropped = 0

    def record(self, call: Call) -> None:
        if len(self._waiting) >= self._options.queue:
            if not self._dropped:
                logger.error("usage is lost: too many calls wait to be written")
            self._dropped += 1
            return
        self._waiting.append(_row(call))
        self._some.set()

    async def run(self) -> None:
        """Write and forget until cancelled."""
        loop = asyncio.get_running_loop()
        forget_at, pause = loop.time(), WAIT_SECONDS
        while True:
            try:
                if loop.time() >= forget_at:
                    forget_at = loop.time() + FORGET_SECONDS
                    await self.forget()
                # Not wait_for, which may swallow the cancellation that ends this.
                async with asyncio.timeout(FORGET_SECONDS):
                    await self._some.wait()
                await asyncio.sleep(WAIT_SECONDS)
                await self.flush()
                pause = WAIT_SECONDS
            except TimeoutError:
                continue
            except BedplateError as error:
                logger.warning("usage not written yet", extra={"error": error.message})
                await asyncio.sleep(pause)
                pause = min(2 * pause, MOST_WAIT_SECONDS)

    async def flush(self) -> None:
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        self._some.clear()
        while self._waiting:
            batch = list(itertools.islice(self._waiting, BATCH))
            try:
                await self._sessions.write(lambda session, rows=batch: _insert(session, rows))
            except BaseException:
                # They are still in the queue; written after all, they are passed over.
                self._some.set()
                raise
            for _ in batch:
                self._waiting.popleft()
        if self._dropped:
            logger.error("usage was lost", extra={"calls": self._dropped})
            self._dropped = 0

    async def forget(self) -> None:
        """Delete what is older than it is kept, in parts."""
        before = micros(self._options.clock() - timedelta(days=self._options.keep_days))
        for delete in (_forget_calls, _forget_runs):
            while await self._sessions.write(lambda session, work=delete: work(session, before)):
                pass

    async def summarise(
        self, tenant: TenantId | None, by: Grouping, *, since: datetime, until: datetime
    ) -> tuple[Used, ...]:
        await self.flush()
        where, values = _between(tenant, since, until)
        order = "1" if by == "day" else "5 DESC, 1"
        sql = (
            f"SELECT {GROUPS[by]}, count(*), sum(input_tokens), sum(output_tokens),"  # noqa: S608 - constants
            " coalesce(sum(cost), 0), sum(CASE WHEN cost IS NULL THEN 1 ELSE 0 END)"
            f" FROM ledger_call WHERE {where} GROUP BY 1 ORDER BY {order} LIMIT {MOST_GROUPS}"
        )
        rows = await self._sessions.read(lambda session: session.select(sql, values))
        return tuple(_used(by, row) for row in rows)

    async def lines(
        self, tenant: TenantId | None, *, since: datetime, until: datetime
    ) -> tuple[UsageLine, ...]:
        await self.flush()
        where, values = _between(tenant, since, until)
        sql = (
            f"{LINES} WHERE {where} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
            f" LIMIT {MOST_LINES + 1}"
        )
        rows = await self._sessions.read(lambda session: session.select(sql, values))
        if len(rows) > MOST_LINES:
            raise TooLarge(f"More than {MOST_LINES:,} lines: give a shorter time.")
        return tuple(_line(row) for row in rows)


def _between(
    tenant: TenantId | None, since: datetime, until: datetime
) -> tuple[str, list[int | str]]:
    where: str = "at >= ? AND at < ?"
    values: list[int | str] = [micros(since), micros(until)]
    return (where, values) if tenant is None else (f"{where} AND tenant_id = ?", [*values, tenant])


def _line(row: Row) -> UsageLine:
    day, tenant, key, assistant, model, requests, sent, made, cached, cost, unpriced, guessed = row
    return UsageLine(
        day=f"{moment(int(day) * DAY):%Y-%m-%d}",
        tenant=TenantId(tenant),
        key=key,
        assistant=assistant,
        model=model,
        requests=int(requests),
        input_tokens=int(sent),
        output_tokens=int(made),
        cached_tokens=int(cached),
        cost_usd=from_micro(int(cost)),
        unpriced=int(unpriced),
        estimated=int(guessed),
    )


def _row(call: Call) -> Row:
    usage, account = call.usage, call.account
    return (
        new_id(),
        account.tenant,
        micros(call.at),
        account.key,
        account.assistant,
        account.run,
        call.model,
        call.status,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        int(usage.estimated),
        None if usage.cost_usd is None else to_micro(usage.cost_usd),
        call.ttft_ms,
        call.took_ms,
        call.trace_id,
    )


def _insert(session: Session, rows: list[Row]) -> None:
    session.execute_many(f"{INSERT} ON CONFLICT (id) DO NOTHING", rows)


def _used(by: Grouping, row: Row) -> Used:
    group, requests, sent, made, cost, unpriced = row
    name = f"{moment(int(group) * DAY):%Y-%m-%d}" if by == "day" else str(group)
    return Used(name, int(requests), int(sent), int(made), from_micro(int(cost)), int(unpriced))


def _forget_calls(session: Session, before: int) -> bool:
    # Ids begin with their milliseconds, so the oldest are found without an index of their own.
    first = f"{before // 1_000:012x}"
    deleted = session.execute(
        "DELETE FROM ledger_call WHERE id IN"  # noqa: S608 - constants
        f" (SELECT id FROM ledger_call WHERE id < ? ORDER BY id LIMIT {FORGOTTEN})",
        (f"{first[:8]}-{first[8:]}",),
    )
    return deleted == FORGOTTEN


def _forget_runs(session: Session, before: int) -> bool:
    """Runs come and go, and each has counters."""
    deleted = session.execute(
        "DELETE FROM ledger_counter WHERE id IN (SELECT id FROM ledger_counter"  # noqa: S608 - constants
        f" WHERE kind IN ('run', 'tool') AND reserved = 0 AND touched < ? ORDER BY id LIMIT {FORGOTTEN})",
        (before,),
    )
    return deleted == FORGOTTEN
