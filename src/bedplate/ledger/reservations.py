"""Holding, settling and expiring: each function is the work of one transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import Unit
from bedplate.ledger.counters import Counter, load, load_by_id, store
from bedplate.ledger.limits import Applied
from bedplate.ledger.periods import DAY
from bedplate.ledger.refusals import over_budget, too_fast
from bedplate.ledger.sessions import Session

MOST_EXPIRED = 1_000
"""Dealt with in one transaction."""

Amounts = Mapping[Unit, int]


@dataclass(frozen=True, slots=True)
class Line:
    """What a reservation holds of one counter; `mark` is the period in which it was counted as spent."""

    counter: int
    unit: Unit
    period: str
    amount: int
    limit: int
    mark: int = 0


def hold(
    session: Session,
    id: str,
    account: Account,
    wanted: Sequence[tuple[Applied, int]],
    now: int,
    expires: int,
) -> None:
    """Hold these amounts, all of them or none: BudgetExceeded or RateLimited."""
    counters = load(session, [applied for applied, _ in wanted], now)
    lines: list[Line] = []
    for applied, amount in wanted:
        counter = counters[applied.key]
        _take(session, counter, applied, amount, account, now)
        measure = applied.limit.measure
        lines.append(Line(counter.id, measure.unit, measure.period, amount, applied.limit.amount))
    store(session, counters.values(), now)
    session.execute(
        "INSERT INTO ledger_reservation (id, tenant_id, lines, expires) VALUES (?, ?, ?, ?)",
        (id, account.tenant, _dump(lines), expires),
    )


def _take(
    session: Session, counter: Counter, applied: Applied, amount: int, account: Account, now: int
) -> None:
    limit = applied.limit
    if limit.measure.period == "minute":
        wait = counter.wait(amount, limit.amount, now)
        if wait > 0:
            raise too_fast(applied, amount, wait)
        counter.use(amount, limit.amount, now)
        return
    counter.roll(session, applied, now)
    # What costs nothing passes, however little is left.
    if amount and counter.spent + counter.reserved + amount > limit.amount:
        raise over_budget(applied, counter, amount, account, now)
    counter.hold(amount)


def settle(session: Session, id: str, used: Amounts, now: int) -> None:
    """Count what was used in place of what is held; a unit that is not named counts as held."""
    rows = session.select(
        "SELECT lines, expired FROM ledger_reservation WHERE id = ?"  # noqa: S608 - constants
        + session.locking,
        (id,),
    )
    if not rows:
        return
    lines, expired = _parse(rows[0][0]), bool(rows[0][1])
    counters = load_by_id(session, (line.counter for line in lines))
    for line in lines:
        counter = counters.get(line.counter)
        if counter is None:
            continue
        amount = used.get(line.unit, line.amount)
        if line.period == "minute":
            counter.give_back(line.amount - amount, line.limit)
        elif not expired:
            counter.settle(line.amount, amount)
        elif counter.mark == line.mark:
            counter.correct(line.amount, amount)
    store(session, counters.values(), now)
    session.execute("DELETE FROM ledger_reservation WHERE id = ?", (id,))


def overdue(session: Session, now: int) -> bool:
    """Whether `expire` has anything to do. It only reads: no right to write is needed, and no disk."""
    there = "SELECT 1 FROM ledger_reservation WHERE"
    return bool(
        session.select(
            f"{there} expired = 0 AND expires <= ?"
            f" UNION ALL {there} expired = 1 AND expires < ? LIMIT 1",
            (now, now - DAY),
        )
    )


def expire(session: Session, now: int) -> int:
    """Count as spent what is held past its time: its process died. How many there were."""
    session.execute(
        "DELETE FROM ledger_reservation WHERE expired = 1 AND expires < ?", (now - DAY,)
    )
    rows = session.select(
        "SELECT id, lines FROM ledger_reservation WHERE expired = 0 AND expires <= ?"  # noqa: S608
        f" ORDER BY expires LIMIT {MOST_EXPIRED}" + session.claiming,
        (now,),
    )
    if not rows:
        return 0
    held = {id: _parse(lines) for id, lines in rows}
    counters = load_by_id(session, (each.counter for lines in held.values() for each in lines))
    for id, lines in held.items():
        counted = [_count(line, counters.get(line.counter)) for line in lines]
        session.execute(
            "UPDATE ledger_reservation SET expired = 1, lines = ? WHERE id = ?",
            (_dump(counted), id),
        )
    store(session, counters.values(), now)
    return len(rows)


def _count(line: Line, counter: Counter | None) -> Line:
    if counter is None or line.period == "minute":
        return line
    counter.settle(line.amount, line.amount)
    return Line(line.counter, line.unit, line.period, line.amount, line.limit, counter.mark)


def _dump(lines: Sequence[Line]) -> str:
    return json.dumps(
        [
            [each.counter, each.unit, each.period, each.amount, each.limit, each.mark]
            for each in lines
        ]
    )


def _parse(text: str) -> list[Line]:
    return [
        Line(counter, unit, period, amount, limit, mark)
        for counter, unit, period, amount, limit, mark in cast(list[list[Any]], json.loads(text))
    ]
