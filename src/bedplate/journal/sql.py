"""The journal over SQL: what is the same on every database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.domain.runs import (
    ENDED,
    Entry,
    NewEntry,
    Run,
    RunPage,
    RunStatus,
    RunUsage,
)
from bedplate.errors import BudgetExceeded, Conflict, NotFound
from bedplate.journal.forgetting import forget_old, forget_surplus
from bedplate.journal.protocol import FARTHEST, Change, Overtaken, Writer
from bedplate.journal.rows import (
    COLUMNS,
    column_values,
    encode,
    entry_of,
    micros,
    now,
    run_of,
    run_row,
)
from bedplate.sql import Row, Session, Sessions, places

WHERE = "WHERE tenant_id = ? AND id = ?"


class SqlJournal:
    """See Journal."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(self, run: Run, entries: Sequence[NewEntry], *, look_at: datetime) -> Run:
        def work(session: Session) -> Run:
            there = _select(session, run.tenant, run.id)
            if there:
                return run_of(there[0])
            made = replace(run, entries=len(entries))
            session.execute(
                f"INSERT INTO run ({COLUMNS}, look_at) VALUES ({places(20)})",  # noqa: S608 - constants
                (*run_row(made), micros(look_at)),
            )
            _add(session, run, 0, entries)
            return made

        return await self._sessions.write(work)

    async def get(self, tenant: TenantId, id: str) -> Run:
        return await self._sessions.read(lambda session: _get(session, tenant, id))

    async def list(self, tenant: TenantId, page: RunPage) -> tuple[Run, ...]:
        return await self._sessions.read(lambda session: _list(session, tenant, page))

    async def entries(
        self, tenant: TenantId, id: str, *, after: int = -1, limit: int = 1_000
    ) -> tuple[Entry, ...]:
        def work(session: Session) -> tuple[Entry, ...]:
            _get(session, tenant, id)
            rows = session.select(
                "SELECT number, kind, at, data FROM run_entry WHERE tenant_id = ? AND run = ?"
                " AND number > ? ORDER BY number LIMIT ?",
                (tenant, id, after, limit),
            )
            return tuple(map(entry_of, rows))

        return await self._sessions.read(work)

    async def charge(self, writer: Writer, amount: RunUsage, *entries: NewEntry) -> Run:
        def work(session: Session) -> Run:
            root, run = _locked(session, writer)
            _check(run, writer)
            for each in {root.id: root, run.id: run}.values():
                measure = each.setup.limits.exceeded(each.used.plus(amount))
                if measure is not None:
                    raise _over(each, measure)
            return _write(session, root, run, amount, entries)

        return await self._sessions.write(work)

    async def settle(self, writer: Writer, amount: RunUsage, *entries: NewEntry) -> Run:
        def work(session: Session) -> Run | Overtaken:
            root, run = _locked(session, writer)
            # What happened is told, whoever stopped the run meanwhile. Another leg reconciles.
            told = entries if run.leg == writer.leg else ()
            written = _write(session, root, run, amount, told)
            try:
                _check(run, writer)
            except Overtaken as overtaken:
                return overtaken
            return written

        written = await self._sessions.write(work)
        if isinstance(written, Overtaken):
            raise written
        return written

    async def change(
        self,
        tenant: TenantId,
        id: str,
        was: Sequence[RunStatus],
        change: Change,
        *entries: NewEntry,
        leg: int | None = None,
    ) -> Run:
        def work(session: Session) -> Run:
            run = _get(session, tenant, id, session.locking)
            if run.status not in was or (leg is not None and run.leg != leg):
                raise Conflict(
                    f"The run {id!r} is {run.status}; this needs one that is {' or '.join(was)}."
                )
            changed = replace(run, **change.values, entries=run.entries + len(entries))
            _add(session, run, run.entries, entries)
            values = column_values({**change.values, "entries": changed.entries})
            values["ended"] = now() if changed.status in ENDED else None
            values["look_at"] = None if change.look_at is None else micros(change.look_at)
            _set(session, run, values)
            return _get(session, tenant, id)

        return await self._sessions.write(work)

    async def due(self, now: datetime, limit: int) -> tuple[Run, ...]:
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT {COLUMNS} FROM run WHERE look_at <= ? OR look_at > ?"  # noqa: S608 - constants
                " ORDER BY look_at LIMIT ?",
                (micros(now), micros(now + FARTHEST), limit),
            )
        )
        return tuple(map(run_of, rows))

    async def look(self, tenant: TenantId, id: str, at: datetime | None) -> None:
        await self._sessions.write(
            lambda session: session.execute(
                f"UPDATE run SET look_at = ? {WHERE}",  # noqa: S608 - constants
                (None if at is None else micros(at), tenant, id),
            )
        )

    async def children(self, tenant: TenantId, id: str) -> tuple[Run, ...]:
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT {COLUMNS} FROM run WHERE tenant_id = ? AND parent = ? ORDER BY created",  # noqa: S608 - constants
                (tenant, id),
            )
        )
        return tuple(map(run_of, rows))

    async def forget(self, before: datetime, *, most: int) -> int:
        return await forget_old(self._sessions, before) + await forget_surplus(self._sessions, most)


def _select(session: Session, tenant: TenantId, id: str, locking: str = "") -> list[Row]:
    return session.select(f"SELECT {COLUMNS} FROM run {WHERE}{locking}", (tenant, id))  # noqa: S608 - constants


def _get(session: Session, tenant: TenantId, id: str, locking: str = "") -> Run:
    found = _select(session, tenant, id, locking)
    if not found:
        raise NotFound(f"There is no run {id!r}.", param="id")
    return run_of(found[0])


def _locked(session: Session, writer: Writer) -> tuple[Run, Run]:
    """The run's root and itself; the root is locked first by everyone."""
    run = _get(session, writer.tenant, writer.run)
    root = _get(session, writer.tenant, run.root, session.locking)
    return root, root if run.id == root.id else _get(
        session, writer.tenant, run.id, session.locking
    )


def _check(run: Run, writer: Writer) -> None:
    mine = run.status in (RunStatus.RUNNING, RunStatus.CANCELLING) and run.leg == writer.leg
    if not mine or run.entries != writer.entries:
        raise Overtaken(f"The run {run.id!r} is {run.status}, or another process goes on with it.")


def _write(
    session: Session, root: Run, run: Run, amount: RunUsage, entries: Sequence[NewEntry]
) -> Run:
    _add(session, run, run.entries, entries)
    written = replace(run, used=run.used.plus(amount), entries=run.entries + len(entries))
    if root.id != run.id:
        _set(session, root, column_values({"used": root.used.plus(amount)}))
    _set(session, run, column_values({"used": written.used, "entries": written.entries}))
    return written


def _add(session: Session, run: Run, first: int, entries: Sequence[NewEntry]) -> None:
    at = now()
    session.execute_many(
        "INSERT INTO run_entry (tenant_id, run, number, kind, at, data) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (run.tenant, run.id, number, entry.kind, at, encode(entry.data))
            for number, entry in enumerate(entries, first)
        ],
    )


def _set(session: Session, run: Run, values: dict[str, Any]) -> None:
    values = {**values, "touched": now()}
    session.execute(
        f"UPDATE run SET {', '.join(f'{name} = ?' for name in values)} {WHERE}",  # noqa: S608 - names of columns
        (*values.values(), run.tenant, run.id),
    )


def _list(session: Session, tenant: TenantId, page: RunPage) -> tuple[Run, ...]:
    where: list[str] = ["tenant_id = ?"]
    values: list[Any] = [tenant]
    if page.before is not None:
        before = _get(session, tenant, page.before)
        where.append("(created, id) < (?, ?)")
        values += [micros(before.created_at), before.id]
    if page.assistant is not None:
        where.append("assistant = ?")
        values.append(page.assistant)
    if page.statuses:
        where.append(f"status IN ({places(len(page.statuses))})")
        values += page.statuses
    rows = session.select(
        f"SELECT {COLUMNS} FROM run WHERE {' AND '.join(where)}"  # noqa: S608 - constants
        f" ORDER BY created DESC, id DESC LIMIT {int(page.limit)}",
        values,
    )
    return tuple(map(run_of, rows))


def _over(run: Run, measure: str) -> BudgetExceeded:
    limit = getattr(run.setup.limits, measure)
    return BudgetExceeded(
        f"The run {run.id!r} may use {limit:,} {measure}, and what comes next is more: resume it "
        "with a larger budget.",
        budget=measure,
    )
