"""Reservations that nobody settled: each function is the work of one transaction."""

from bedplate.ledger.counters import Counter, load_by_id, store
from bedplate.ledger.lines import Line, dump, parse
from bedplate.ledger.periods import DAY
from bedplate.sql import Session

MOST_EXPIRED = 1_000
"""Dealt with in one transaction."""


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
    held = {id: parse(lines) for id, lines in rows}
    counters = load_by_id(session, (each.counter for lines in held.values() for each in lines))
    for id, lines in held.items():
        counted = [_count(line, counters.get(line.counter)) for line in lines]
        session.execute(
            "UPDATE ledger_reservation SET expired = 1, lines = ? WHERE id = ?",
            (dump(counted), id),
        )
    store(session, counters.values(), now)
    return len(rows)


def _count(line: Line, counter: Counter | None) -> Line:
    if counter is None or line.period == "minute":
        return line
    counter.settle(line.amount, line.amount)
    return Line(line.counter, line.unit, line.period, line.amount, line.limit, counter.mark)
