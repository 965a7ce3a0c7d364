"""Holding and settling: many steps are the work of one transaction, each with a verdict of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bedplate.domain.accounts import Account
from bedplate.errors import Blocked
from bedplate.ledger.counters import Counter, load, store
from bedplate.ledger.limits import Applied
from bedplate.ledger.lines import Amounts, Line, dump, parse
from bedplate.ledger.refusals import over_budget, too_fast
from bedplate.sql import Session, places, rows_of


@dataclass(frozen=True, slots=True)
class Hold:
    """Hold these amounts, all of them or none."""

    id: str
    account: Account
    wanted: Sequence[tuple[Applied, int]]
    now: int
    expires: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Count what was used in place of what is held; a unit that is not named counts as held."""

    id: str
    used: Amounts
    now: int


Step = Hold | Settle


def carry_out(session: Session, steps: Sequence[Step], known: set[str]) -> list[Blocked | None]:
    """All steps, those that give back first. Of each: None, or why it was refused.

    `known` are keys of counters that this process has met; it learns those that it meets now.
    """
    settling: dict[str, Settle] = {}
    for step in steps:
        if isinstance(step, Settle):
            settling.setdefault(step.id, step)
    holding = [step for step in steps if isinstance(step, Hold)]
    held = _held(session, list(settling))
    applied = {each.key: each for step in holding for each, _ in step.wanted}
    ids = {line.counter for lines, _ in held.values() for line in lines}
    now = max(step.now for step in steps)
    counters = load(session, applied, ids, known, now)
    by_id = {counter.id: counter for counter in counters}
    by_key = {counter.key: counter for counter in counters}
    for id, (lines, expired) in held.items():
        _settle(by_id, lines, settling[id].used, expired=expired)
    refused: dict[str, Blocked] = {}
    made: list[tuple[str, str, str, int]] = []
    for step in holding:
        lines = _hold(session, by_key, step)
        if isinstance(lines, Blocked):
            refused[step.id] = lines
        else:
            made.append((step.id, step.account.tenant, dump(lines), step.expires))
    store(session, [counter for counter in counters if counter.changed], now)
    _write(session, made, list(held))
    return [refused.get(step.id) for step in steps]


def _held(session: Session, ids: Sequence[str]) -> dict[str, tuple[list[Line], bool]]:
    """What these reservations hold, and whether they expired; without those that are settled."""
    if not ids:
        return {}
    rows = session.select(
        "SELECT id, lines, expired FROM ledger_reservation"  # noqa: S608 - constants
        f" WHERE id IN ({places(len(ids))}) ORDER BY id" + session.locking,
        ids,
    )
    return {id: (parse(lines), bool(expired)) for id, lines, expired in rows}


def _settle(
    counters: dict[int, Counter], lines: Iterable[Line], used: Amounts, *, expired: bool
) -> None:
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


def _hold(session: Session, counters: dict[str, Counter], step: Hold) -> list[Line] | Blocked:
    for applied, amount in step.wanted:
        if refusal := _refusal(session, counters[applied.key], applied, amount, step):
            return refusal
    lines: list[Line] = []
    for applied, amount in step.wanted:
        counter, limit = counters[applied.key], applied.limit
        if limit.measure.period == "minute":
            counter.use(amount, limit.amount, step.now)
        else:
            counter.hold(amount)
        lines.append(
            Line(counter.id, limit.measure.unit, limit.measure.period, amount, limit.amount)
        )
    return lines


def _refusal(
    session: Session, counter: Counter, applied: Applied, amount: int, step: Hold
) -> Blocked | None:
    limit = applied.limit
    if limit.measure.period == "minute":
        wait = counter.wait(amount, limit.amount, step.now)
        return too_fast(applied, amount, wait) if wait > 0 else None
    counter.roll(session, applied, step.now)
    # What costs nothing passes, however little is left.
    if amount and counter.spent + counter.reserved + amount > limit.amount:
        return over_budget(applied, counter, amount, step.account, step.now)
    return None


def _write(
    session: Session, made: Sequence[tuple[str, str, str, int]], settled: Sequence[str]
) -> None:
    if made:
        session.execute(
            "INSERT INTO ledger_reservation (id, tenant_id, lines, expires)"  # noqa: S608
            f" VALUES {rows_of(4, len(made))}",
            [value for row in made for value in row],
        )
    if settled:
        session.execute(
            f"DELETE FROM ledger_reservation WHERE id IN ({places(len(settled))})",  # noqa: S608
            settled,
        )
