"""The conditions of a list as SQL."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.domain.money import to_micro
from bedplate.errors import InvalidInput
from bedplate.traces.protocol import TraceQuery

MOST_WORDS = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_WORD = re.compile(r"[^\W_]+")


def conditions(tenant: TenantId, query: TraceQuery) -> tuple[str, str, list[Any]]:
    """Tables, condition and values; "t" are the lines. InvalidInput for a text without a word."""
    source, clauses = "trace t", ["t.tenant_id = ?", "t.listed = 1"]
    values: list[Any] = [tenant]
    if query.text.strip():
        words = _WORD.findall(query.text)[:MOST_WORDS]
        if not words:
            raise InvalidInput(f"{query.text!r} holds no word to search for.", param="text")
        wanted = " AND ".join(f'content:"{word}"' for word in words)
        source = "trace_text f JOIN trace t ON t.id = f.rowid"
        clauses.insert(0, "trace_text MATCH ?")
        values.insert(0, f"tenant:t{tenant.encode().hex()} AND {wanted}")
    exact = {
        "t.model = ?": query.model,
        "t.assistant = ?": query.assistant,
        "t.key_id = ?": query.key,
        "t.name = ?": query.name,
        "t.error = ?": query.error,
        "t.took_ms >= ?": query.min_ms,
        "t.cost >= ?": None if query.min_cost_usd is None else to_micro(query.min_cost_usd),
        "t.started >= ?": _micros(query.since),
        "t.started < ?": _micros(query.until),
        ("f.rowid < ?" if query.text.strip() else "t.id < ?"): query.before,
    }
    for clause, value in exact.items():
        if value is not None:
            clauses.append(clause)
            values.append(value)
    if query.state is not None:
        clauses.append(f"t.error IS {'NOT ' if query.state == 'error' else ''}NULL")
    return source, " AND ".join(clauses), values


def _micros(at: datetime | None) -> int | None:
    return None if at is None else (at - EPOCH) // timedelta(microseconds=1)
