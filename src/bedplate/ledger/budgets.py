"""The limits as people see and set them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bedplate.domain.budgets import (
    EACH,
    Kind,
    Limit,
    Measure,
    Standing,
    Subject,
)
from bedplate.domain.ids import TenantId
from bedplate.errors import Conflict
from bedplate.ledger.counters import Counter, logged
from bedplate.ledger.limits import Applied, Limits
from bedplate.ledger.periods import begins, ends, micros, moment
from bedplate.ledger.subjects import check_amount, check_subject
from bedplate.sql import Session, Sessions


class SqlBudgets:
    def __init__(self, sessions: Sessions, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._limits = limits
        self._clock = clock

    async def list(self, tenant: TenantId | None) -> tuple[Standing, ...]:
        self._limits.forget()
        table = await self._limits.current()
        mine = [each for each in table.limits if tenant is None or _is_of(each, tenant)]
        mine.sort(key=lambda each: (*_subject_key(each.subject), each.measure.name))
        return await self._standings([_applied(limit) for limit in mine])

    async def show(self, tenant: TenantId, kind: Kind, name: str) -> tuple[Standing, ...]:
        self._limits.forget()
        table = await self._limits.current()
        return await self._standings(list(table.of(tenant, kind, name)))

    async def set(self, subject: Subject, amounts: Mapping[Measure, int | None]) -> None:
        check_subject(subject)
        for measure, amount in amounts.items():
            if amount is not None:
                check_amount(measure, amount)
        self._refuse_declared(subject, amounts)

        def work(session: Session) -> None:
            for measure, amount in amounts.items():
                _put(session, subject, measure, amount)
            _grow(session)

        await self._sessions.write(work)
        self._limits.forget()

    async def remove(self, subject: Subject) -> int:
        self._refuse_declared(subject, None)

        def work(session: Session) -> int:
            rows = session.select(
                "SELECT unit, period FROM ledger_limit"
                " WHERE tenant_id = ? AND kind = ? AND name = ?",
                (subject.tenant, subject.kind, subject.name),
            )
            for unit, period in rows:
                _put(session, subject, Measure(unit, period), None)
            _grow(session)
            return len(rows)

        removed = await self._sessions.write(work)
        self._limits.forget()
        return removed

    def _refuse_declared(
        self, subject: Subject, measures: Mapping[Measure, int | None] | None
    ) -> None:
        for limit in self._limits.declared:
            if limit.subject == subject and (measures is None or limit.measure in measures):
                raise Conflict(
                    f"The configuration declares {limit.measure.name} of {subject}: change it "
                    "there, under [budgets]."
                )

    async def _standings(self, applied: Sequence[Applied]) -> tuple[Standing, ...]:
        now = micros(self._clock())
        return await self._sessions.read(
            lambda session: tuple(_standing(session, each, now) for each in applied)
        )


def _is_of(limit: Limit, tenant: TenantId) -> bool:
    return limit.subject.tenant == tenant


def _subject_key(subject: Subject) -> tuple[str, str, str]:
    return subject.tenant, subject.kind, subject.name


def _applied(limit: Limit) -> Applied:
    """The limit as it concerns the one that it names."""
    subject = limit.subject
    return Applied(limit, subject.tenant, subject.name)


def _put(session: Session, subject: Subject, measure: Measure, amount: int | None) -> None:
    place = (subject.tenant, subject.kind, subject.name, measure.unit, measure.period)
    if amount is None:
        session.execute(
            "DELETE FROM ledger_limit"
            " WHERE tenant_id = ? AND kind = ? AND name = ? AND unit = ? AND period = ?",
            place,
        )
        # What is counted no more would be wrong when the limit comes back.
        key = Applied(Limit(subject, measure, 0), subject.tenant, subject.name).key
        session.execute("DELETE FROM ledger_counter WHERE key = ?", (key,))
        return
    session.execute(
        "INSERT INTO ledger_limit (tenant_id, kind, name, unit, period, amount)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, kind, name, unit, period)"
        " DO UPDATE SET amount = excluded.amount",
        (*place, amount),
    )


def _grow(session: Session) -> None:
    session.execute("UPDATE ledger_generation SET number = number + 1")


def _standing(session: Session, applied: Applied, now: int) -> Standing:
    limit, period = applied.limit, applied.limit.measure.period
    if applied.name == EACH:
        return Standing(limit)
    rows = session.select(
        "SELECT id, key, mark, spent, reserved FROM ledger_counter WHERE key = ?", (applied.key,)
    )
    begin = begins(period, now)
    if rows:
        counter = Counter(*rows[0])
    else:
        counter = Counter(0, applied.key, begin, logged(session, applied, begin), 0)
    if period == "minute":
        return Standing(limit, left=counter.available(limit.amount, now))
    counter.roll(session, applied, now)
    until = ends(period, counter.mark)
    return Standing(
        limit,
        counter.spent,
        counter.reserved,
        max(0, limit.amount - counter.spent - counter.reserved),
        None if until is None else moment(until),
    )
