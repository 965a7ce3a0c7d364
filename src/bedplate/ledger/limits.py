"""Which limits there are, and which of them concern a call."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import EACH, EVERYONE, MEASURES, SHARED, Kind, Limit, Measure, Subject
from bedplate.domain.ids import TenantId
from bedplate.sql import Session, Sessions

REFRESH_SECONDS = 1.0
"""For so long a process may not know of a limit that another one set."""

MOST_REMEMBERED = 4_096
"""Kinds of calls whose limits need not be looked for again."""

Table = Mapping[tuple[TenantId, Kind, str], Mapping[Measure, Limit]]


@dataclass(frozen=True, slots=True)
class Applied:
    """A limit as it concerns one: for EACH, `name` is whose amount it is.

    `tenant` is whose calls count, EVERYONE where all do.
    """

    limit: Limit
    tenant: TenantId
    name: str

    @property
    def key(self) -> str:
        """Names its counter."""
        return _key(self.tenant, self.limit.subject.kind, self.name, self.limit.measure)

    @property
    def subject(self) -> Subject:
        return Subject(self.limit.subject.kind, self.name, self.tenant)


@lru_cache(maxsize=4_096)
def _key(tenant: TenantId, kind: Kind, name: str, measure: Measure) -> str:
    return json.dumps([tenant, kind, name, measure.unit, measure.period], ensure_ascii=False)


class LimitTable:
    """All limits of one moment, by whom they are for."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.limits = tuple(limits)
        table: dict[tuple[TenantId, Kind, str], dict[Measure, Limit]] = {}
        for limit in limits:
            subject = limit.subject
            own = table.setdefault((subject.tenant, subject.kind, subject.name), {})
            own[limit.measure] = limit
        self._table: Table = table
        self._concerning: dict[tuple[str | None, ...], list[Applied]] = {}

    def concerning(self, account: Account, model: str) -> list[Applied]:
        """Those that a call is held to."""
        if not self._table:
            return []
        if account.run is not None:
            # Of runs there is no end, and each makes few calls.
            return self._of_call(account, model)
        who = (account.tenant, account.key, account.assistant, model)
        found = self._concerning.get(who)
        if found is None:
            if len(self._concerning) >= MOST_REMEMBERED:
                self._concerning.clear()
            found = self._concerning[who] = self._of_call(account, model)
        return found

    def _of_call(self, account: Account, model: str) -> list[Applied]:
        whose: tuple[tuple[Kind, str | None], ...] = (
            ("tenant", account.tenant),
            ("key", account.key),
            ("assistant", account.assistant),
            ("run", account.run),
            ("model", model),
        )
        return [
            applied
            for kind, name in whose
            if name is not None
            for applied in self.of(account.tenant, kind, name)
        ]

    def of(self, tenant: TenantId, kind: Kind, name: str) -> Iterator[Applied]:
        """Those of one: its own win over those of each.

        What is set over all tenants for a key or a run holds beside what its tenant sets for it.
        """
        if kind in SHARED:
            # What all tenants may use together does not widen what one of them may.
            for level in (tenant, EVERYONE):
                own = {**self._at(level, kind, EACH), **self._at(level, kind, name)}
                for limit in own.values():
                    yield Applied(limit, level, name)
            return
        named = [self._at(level, kind, name) for level in (EVERYONE, tenant)]
        each = {**self._at(EVERYONE, kind, EACH), **self._at(tenant, kind, EACH)}
        if name == EACH:
            named = [each]
        for measure, limit in each.items():
            if not any(measure in own for own in named):
                yield Applied(limit, tenant, name)
        for own in named:
            for limit in own.values():
                yield Applied(limit, limit.subject.tenant, name)

    def _at(self, tenant: TenantId, kind: Kind, name: str) -> Mapping[Measure, Limit]:
        return self._table.get((tenant, kind, name), {})


class Limits:
    """The limits in force: declared ones, and those of the database as of a second ago at most."""

    def __init__(self, declared: Sequence[Limit], sessions: Sessions) -> None:
        self._declared = tuple(declared)
        self._sessions = sessions
        self._lock = asyncio.Lock()
        self._generation: int | None = None
        self._fresh_until = 0.0
        self._table = LimitTable(self._declared)

    @property
    def declared(self) -> Sequence[Limit]:
        return self._declared

    def forget(self) -> None:
        """Look again at the next call."""
        self._fresh_until = 0.0

    async def current(self) -> LimitTable:
        """Raises what the database does: without its limits no call may go on."""
        if time.monotonic() < self._fresh_until:
            return self._table
        async with self._lock:
            if time.monotonic() >= self._fresh_until:
                known = self._generation
                found = await self._sessions.read(lambda session: _changed(session, known))
                if found is not None:
                    self._generation, stored = found
                    spoken = {(limit.subject, limit.measure) for limit in self._declared}
                    others = [each for each in stored if (each.subject, each.measure) not in spoken]
                    self._table = LimitTable([*self._declared, *others])
                self._fresh_until = time.monotonic() + REFRESH_SECONDS
        return self._table


def _changed(session: Session, known: int | None) -> tuple[int, list[Limit]] | None:
    # The number first: limits that are newer than it are read again, never the other way round.
    generation = int(session.select("SELECT number FROM ledger_generation")[0][0])
    if generation == known:
        return None
    rows = session.select("SELECT tenant_id, kind, name, unit, period, amount FROM ledger_limit")
    return generation, [
        Limit(Subject(kind, name, TenantId(tenant)), MEASURES[f"{unit}_{period}"], int(amount))
        for tenant, kind, name, unit, period, amount in rows
    ]
