"""Reviews over SQL: what is the same on every database."""

import json
from dataclasses import replace
from datetime import datetime

from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import Review
from bedplate.errors import Busy, Conflict, NotFound
from bedplate.reviews.protocol import Ending, ReviewQuery, ReviewUpkeep
from bedplate.reviews.query import page
from bedplate.reviews.rows import COLUMNS, decision_json, micros, review_of, row_of
from bedplate.reviews.upkeep import SqlReviewUpkeep
from bedplate.sql import Session, Sessions, places

INSERT = f"INSERT INTO review ({COLUMNS}) VALUES ({places(16)})"  # noqa: S608 - constants
OF_ID = f"SELECT {COLUMNS} FROM review WHERE tenant_id = ? AND id = ?"  # noqa: S608 - constants


class SqlReviews:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.upkeep: ReviewUpkeep = SqlReviewUpkeep(sessions)

    async def add(self, review: Review, *, most: int) -> Review:
        return await self._sessions.write(lambda session: _add(session, review, most))

    async def get(self, tenant: TenantId, id: str) -> Review:
        return await self._sessions.read(lambda session: _get(session, tenant, id))

    async def list(self, tenant: TenantId, query: ReviewQuery) -> tuple[Review, ...]:
        def work(session: Session) -> tuple[Review, ...]:
            last = None if query.after is None else _get(session, tenant, query.after)
            where, values, order = page(query, last)
            rows = session.select(
                f"SELECT {COLUMNS} FROM review WHERE tenant_id = ?{where}"  # noqa: S608 - constants
                f" ORDER BY {order} LIMIT ?",
                (tenant, *values, query.limit),
            )
            return tuple(map(review_of, rows))

        return await self._sessions.read(work)

    async def end(self, tenant: TenantId, id: str, ending: Ending) -> Review:
        return await self._sessions.write(lambda session: _end(session, tenant, id, ending))

    async def assign(
        self, tenant: TenantId, id: str, assignee: str | None, *, was: str | None, at: datetime
    ) -> Review:
        def work(session: Session) -> Review:
            changed = _changed(session, tenant)
            found = _pending(session, tenant, id, at)
            if found.assignee not in (was, assignee):
                raise Conflict(
                    f"Review {id!r} is {_whose(found.assignee)}, not {_whose(was)}: say so in `was` "
                    "to take it over."
                )
            session.execute(
                "UPDATE review SET assignee = ?, changed = ? WHERE tenant_id = ? AND id = ?",
                (assignee, changed, tenant, id),
            )
            return replace(found, assignee=assignee, changed=changed)

        return await self._sessions.write(work)

    async def changed(self, tenant: TenantId, *, after: int, limit: int) -> tuple[Review, ...]:
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT {COLUMNS} FROM review WHERE tenant_id = ? AND changed > ?"  # noqa: S608 - constants
                " ORDER BY changed LIMIT ?",
                (tenant, after, limit),
            )
        )
        return tuple(map(review_of, rows))


def _add(session: Session, review: Review, most: int) -> Review:
    request = review.request
    # The tenant's row is held from here on, so that nobody else adds or changes meanwhile.
    changed = _changed(session, request.tenant)
    if request.once is not None:
        there = session.select(
            f"SELECT {COLUMNS} FROM review WHERE tenant_id = ? AND once = ?",  # noqa: S608 - constants
            (request.tenant, request.once),
        )
        if there:
            return review_of(there[0])
    [(pending,)] = session.select(
        "SELECT count(*) FROM review WHERE tenant_id = ? AND state = 'pending'", (request.tenant,)
    )
    if int(pending) >= most:
        raise Busy(
            f"{pending:,} reviews wait for a decision, as many as reviews.max_pending allows: try "
            "again later."
        )
    kept = replace(review, changed=changed)
    session.execute(INSERT, row_of(kept))
    return kept


def _end(session: Session, tenant: TenantId, id: str, ending: Ending) -> Review:
    changed = _changed(session, tenant)
    expires, by = ending.state == "expired", ending.decision.by
    found = _pending(session, tenant, id, ending.at, expires=expires)
    if not (expires or ending.withdrawn) and found.assignee not in (None, by):
        raise Conflict(
            f"Review {id!r} is {_whose(found.assignee)}, and {by!r} cannot decide it: assign it to "
            "yourself first."
        )
    ended = replace(
        found,
        state=ending.state,
        decision=ending.decision,
        decided_at=ending.at,
        labels=ending.labels,
        changed=changed,
        delivery="waiting" if found.request.webhook else "none",
    )
    session.execute(
        "UPDATE review SET state = ?, decision = ?, decided = ?, labels = ?, changed = ?,"
        " delivery = ?, call_at = ? WHERE tenant_id = ? AND id = ? AND state = 'pending'",
        (
            ended.state,
            decision_json(ending.decision),
            micros(ending.at),
            json.dumps(ended.labels),
            changed,
            ended.delivery,
            micros(ending.at) if found.request.webhook else None,
            tenant,
            id,
        ),
    )
    return ended


def _get(session: Session, tenant: TenantId, id: str) -> Review:
    rows = session.select(OF_ID, (tenant, id))
    if not rows:
        raise NotFound(f"There is no review {id!r}.", param="id")
    return review_of(rows[0])


def _pending(
    session: Session, tenant: TenantId, id: str, now: datetime, *, expires: bool = False
) -> Review:
    """Conflict where it is decided, or is due and not to expire, or the reverse."""
    found = _get(session, tenant, id)
    if found.decision is not None:
        who = "by default" if found.state == "expired" else f"by {found.decision.by!r}"
        raise Conflict(f"Review {id!r} was {found.state} {who} already.")
    if (found.due_at <= now) != expires:
        due = f"{found.due_at:%Y-%m-%d %H:%M:%S} UTC"
        raise Conflict(f"Review {id!r} was to be decided by {due}.")
    return found


def _changed(session: Session, tenant: TenantId) -> int:
    """The number of this change; until it is committed nobody else changes the tenant's reviews."""
    session.execute(
        "INSERT INTO review_tenant (tenant_id, changed) VALUES (?, 1)"
        " ON CONFLICT (tenant_id) DO UPDATE SET changed = review_tenant.changed + 1",
        (tenant,),
    )
    [(number,)] = session.select("SELECT changed FROM review_tenant WHERE tenant_id = ?", (tenant,))
    return int(number)


def _whose(assignee: str | None) -> str:
    return "nobody's" if assignee is None else f"of {assignee!r}"
