"""How far limits are used: rows that one transaction reads, changes and writes back.

A budget counts what was spent and what is held in its present period. A rate is a bucket that is
full after a minute without calls; only the moment is kept up to which it is used up (the "virtual
scheduling" form of the generic cell rate algorithm, ITU-T I.371).
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bedplate.domain.budgets import EVERYONE, Kind
from bedplate.domain.ids import TenantId
from bedplate.ledger.limits import Applied
from bedplate.ledger.periods import MINUTE, begins, ends
from bedplate.sql import Session, places, rows_of

COLUMNS: dict[Kind, str] = {
    "tenant": "tenant_id",
    "key": "key_id",
    "assistant": "assistant",
    "run": "run",
    "model": "model",
}
"""Of the usage log."""


@dataclass(slots=True)
class Counter:
    id: int
    key: str
    mark: int
    spent: int
    reserved: int
    changed: bool = False
    """Since it was read; not by a period that begins, which anybody sees by the clock."""

    @property
    def row(self) -> tuple[int, int, int, int]:
        return self.id, self.mark, self.spent, self.reserved

    def roll(self, session: Session, applied: Applied, now: int) -> None:
        """Begin the period that `now` is in. What is held stays held: its calls go on.

        A clock that was set back does not bring back a period that is over. Only one that lies
        further ahead than it is long was begun by a clock that was wrong, and is begun again.
        """
        period = applied.limit.measure.period
        begin = begins(period, now)
        if begin > self.mark:
            self.mark, self.spent = begin, 0
        elif self.mark > (ends(period, begin) or self.mark):
            self.mark, self.spent = begin, logged(session, applied, begin)

    def hold(self, amount: int) -> None:
        self.reserved += amount
        self.changed = True

    def settle(self, held: int, used: int) -> None:
        self.reserved = max(0, self.reserved - held)
        self.spent += used
        self.changed = True

    def correct(self, counted: int, used: int) -> None:
        """Put what was used in place of what was counted before."""
        self.spent = max(0, self.spent - counted) + used
        self.changed = True

    def available(self, limit: int, now: int) -> int:
        """Of a rate: how much may be used at once."""
        return (now + MINUTE - self._used_until(now)) * limit // MINUTE

    def wait(self, amount: int, limit: int, now: int) -> int:
        """Of a rate: microseconds until so much may be used; 0 or less for now."""
        return self._used_until(now) + amount * MINUTE // limit - (now + MINUTE)

    def use(self, amount: int, limit: int, now: int) -> None:
        self.mark = self._used_until(now) + amount * MINUTE // limit
        self.changed = True

    def give_back(self, amount: int, limit: int) -> None:
        """Negative for what was used beyond what `use` was told."""
        self.mark -= amount * MINUTE // limit
        self.changed = True

    def _used_until(self, now: int) -> int:
        # Much further ahead than a minute it was put by a clock that has been set back since: once
        # more the bucket is full, as nobody knows how long ago that was. A little further it may be,
        # as clocks of servers differ, and a call that waited for the row is older than the one
        # before it: then the bucket is empty.
        if self.mark > now + 2 * MINUTE:
            return now
        return min(max(self.mark, now), now + MINUTE)


def load(
    session: Session,
    applied: Mapping[str, Applied],
    ids: Collection[int],
    known: set[str],
    now: int,
) -> list[Counter]:
    """The counters of limits by key, missing ones made, and those with an id that are still there.

    All are locked. Keys that are not `known` are made before anything is locked: two transactions
    that each make what the other has locked would wait for each other.
    """
    unknown = sorted(applied.keys() - known)
    if unknown:
        there = session.select(
            f"SELECT key FROM ledger_counter WHERE key IN ({places(len(unknown))})",  # noqa: S608
            unknown,
        )
        _make(session, applied, set(unknown) - {key for (key,) in there}, now)
    found = _load(session, applied, ids)
    # One that was known may have been forgotten since, by its budget's removal.
    if missing := applied.keys() - {counter.key for counter in found}:
        _make(session, applied, missing, now)
        found = _load(session, applied, ids)
    known.update(applied)
    return found


def admit(session: Session, tenant: TenantId, tool: str, most: int, now: int) -> int:
    """Use one call of a tool's rate; microseconds to wait where none is left."""
    key = json.dumps(["tool", tenant, tool])
    found = _select(session, "key = ?", [key])
    if not found:
        session.execute(
            "INSERT INTO ledger_counter (tenant_id, kind, key, mark, touched)"
            " VALUES (?, 'tool', ?, 0, ?) ON CONFLICT (key) DO NOTHING",
            (tenant, key, now),
        )
        found = _select(session, "key = ?", [key])
    [counter] = found
    wait = counter.wait(1, most, now)
    if wait <= 0:
        counter.use(1, most, now)
        store(session, [counter], now)
    return wait


def _load(session: Session, keys: Collection[str], ids: Collection[int]) -> list[Counter]:
    parts: list[str] = []
    if keys:
        parts.append(f"key IN ({places(len(keys))})")
    if ids:
        parts.append(f"id IN ({places(len(ids))})")
    return _select(session, " OR ".join(parts), [*keys, *ids]) if parts else []


def _make(session: Session, applied: Mapping[str, Applied], keys: Iterable[str], now: int) -> None:
    for key in sorted(keys):
        each = applied[key]
        mark = begins(each.limit.measure.period, now)
        session.execute(
            "INSERT INTO ledger_counter (tenant_id, kind, key, mark, spent, touched)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (each.tenant, each.limit.subject.kind, key, mark, logged(session, each, mark), now),
        )


def load_by_id(session: Session, ids: Iterable[int]) -> dict[int, Counter]:
    """Those that are still there, locked."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    return {row.id: row for row in _select(session, f"id IN ({places(len(wanted))})", wanted)}


def store(session: Session, counters: Collection[Counter], now: int) -> None:
    if not counters:
        return
    # One statement, so one way to the server. Both databases name the columns of VALUES like this.
    session.execute(
        "UPDATE ledger_counter SET mark = v.column2, spent = v.column3, reserved = v.column4,"  # noqa: S608
        f" touched = ? FROM (VALUES {rows_of(4, len(counters))}) AS v WHERE id = v.column1",
        [now, *(value for each in counters for value in each.row)],
    )


def logged(session: Session, applied: Applied, begin: int) -> int:
    """What the usage log has of it since `begin`; nothing for a rate."""
    measure, kind = applied.limit.measure, applied.limit.subject.kind
    if measure.period == "minute":
        return 0
    what = "cost" if measure.unit == "usd" else "input_tokens + output_tokens"
    where, values = f"{COLUMNS[kind]} = ? AND at >= ?", [applied.name, begin]
    if applied.tenant != EVERYONE:
        where, values = f"{where} AND tenant_id = ?", [*values, applied.tenant]
    rows = session.select(
        f"SELECT coalesce(sum({what}), 0) FROM ledger_call WHERE {where}",  # noqa: S608 - constants
        values,
    )
    return int(rows[0][0])


def _select(session: Session, where: str, values: Sequence[object]) -> list[Counter]:
    # Always in the same order: two transactions that lock several would else wait for each other.
    rows = session.select(
        f"SELECT id, key, mark, spent, reserved FROM ledger_counter WHERE {where} ORDER BY key"  # noqa: S608 - constants
        + session.locking,
        values,
    )
    return [Counter(*row) for row in rows]
