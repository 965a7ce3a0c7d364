"""The ledger over SQL: what is the same on every database."""

import asyncio
import logging
import time
from collections.abc import Callable

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import Unit
from bedplate.domain.chat import Usage
from bedplate.domain.ids import TenantId, new_id
from bedplate.domain.money import to_micro
from bedplate.ledger.batches import Batches
from bedplate.ledger.budgets import SqlBudgets
from bedplate.ledger.counters import admit
from bedplate.ledger.limits import Applied, Limits
from bedplate.ledger.lines import Amounts
from bedplate.ledger.periods import SECOND, micros
from bedplate.ledger.protocol import Budgets, LedgerOptions, Reservation
from bedplate.ledger.refusals import unpriced
from bedplate.ledger.reservations import expire, overdue
from bedplate.ledger.steps import Hold, Settle
from bedplate.ledger.usage import SqlUsageLog
from bedplate.models.protocol import Bound
from bedplate.sql import Sessions

logger = logging.getLogger(__name__)

GRACE_SECONDS = 60.0
"""After the longest time that a call may take, for its settling."""

EXPIRE_SECONDS = 10.0
"""How often a process looks for reservations that nobody will settle."""


NOTHING: Amounts = {"tokens": 0, "usd": 0, "requests": 1}
"""What a call used that is given back: its request was made."""


class SqlLedger:
    def __init__(self, sessions: Sessions, options: LedgerOptions) -> None:
        self._sessions = sessions
        self._options = options
        self._batches = Batches(sessions)
        self._limits = Limits(options.declared, sessions)
        self._expire_at = 0.0
        self._warned: set[str] = set()
        self.budgets: Budgets = SqlBudgets(sessions, self._limits, options.clock)
        self.usage = SqlUsageLog(sessions, options)

    async def reserve(
        self,
        account: Account,
        model: str,
        bound: Callable[[], Bound],
        *,
        seconds: float,
        part: bool = False,
    ) -> Reservation | None:
        concerning = (await self._limits.current()).concerning(account, model)
        if part:
            concerning = [each for each in concerning if each.limit.subject.kind == "model"]
        if not concerning:
            return None
        reservation = Reservation(new_id(), bound())
        if reservation.bound.usd is None:
            concerning = self._without_price(concerning, model)
        if not concerning:
            return None
        if time.monotonic() >= self._expire_at:
            await self.expire()
        amounts = amounts_of(reservation.bound)
        wanted = [(each, amounts[each.limit.measure.unit]) for each in concerning]
        now = self._now()
        expires = now + int((max(0.0, seconds) + GRACE_SECONDS) * SECOND)
        await self._hold(Hold(reservation.id, account, wanted, now, expires))
        return reservation

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        used: dict[Unit, int] = {"tokens": usage.total_tokens, "requests": 1}
        if usage.cost_usd is not None:
            used["usd"] = to_micro(usage.cost_usd)
        if usage.total_tokens > reservation.bound.tokens:
            logger.warning(
                "a call used more than its bound",
                extra={"used": usage.total_tokens, "bound": reservation.bound.tokens},
            )
        await self._settle(reservation.id, used)

    async def release(self, reservation: Reservation) -> None:
        await self._settle(reservation.id, NOTHING)

    async def admit(self, tenant: TenantId, tool: str, most: int) -> float | None:
        now = self._now()
        wait = await self._sessions.write(lambda session: admit(session, tenant, tool, most, now))
        return wait / SECOND if wait > 0 else None

    async def drain(self) -> None:
        """Until what is under way is done."""
        await self._batches.drain()

    async def expire(self) -> None:
        """Count as spent what the calls of processes that died still hold."""
        self._expire_at = time.monotonic() + EXPIRE_SECONDS
        now, count = self._now(), 0
        try:
            if await self._sessions.read(lambda session: overdue(session, now)):
                count = await self._sessions.write(lambda session: expire(session, now))
        except BaseException:
            self._expire_at = 0.0
            raise
        if count:
            logger.warning("reservations expired and count as spent", extra={"count": count})

    async def _hold(self, step: Hold) -> None:
        """Where the caller is cancelled, it may be held all the same: then it is given back."""
        verdict = self._batches.submit(step)
        try:
            await asyncio.shield(verdict)
        except asyncio.CancelledError:
            await asyncio.wait([verdict])
            if verdict.result() is None:
                await self._settle(step.id, NOTHING)
            raise
        if error := verdict.result():
            raise error

    async def _settle(self, id: str, used: Amounts) -> None:
        # Where the caller is cancelled it is done all the same.
        if error := await self._batches.submit(Settle(id, used, self._now())):
            raise error

    def _without_price(self, concerning: list[Applied], model: str) -> list[Applied]:
        in_usd = [each for each in concerning if each.limit.measure.unit == "usd"]
        if in_usd and self._options.unknown_price == "refuse":
            raise unpriced(model, in_usd[0])
        if in_usd and model not in self._warned:
            self._warned.add(model)
            logger.warning("a call of unknown price is in no budget", extra={"model": model})
        return [each for each in concerning if each.limit.measure.unit != "usd"]

    def _now(self) -> int:
        return micros(self._options.clock())


def amounts_of(bound: Bound) -> Amounts:
    usd = 0 if bound.usd is None else to_micro(bound.usd)
    return {"usd": usd, "tokens": bound.tokens, "requests": 1}
