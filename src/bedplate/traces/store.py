"""Traces over SQL that SQLite's full-text index is part of."""

import re
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bedplate.domain.ids import TenantId
from bedplate.domain.money import from_micro
from bedplate.domain.traces import EndedSpan, EndedTrace, Feedback, TraceSummary
from bedplate.errors import InvalidInput, NotFound
from bedplate.sql import Row, Session, Sessions
from bedplate.traces.feedback import SqlFeedback
from bedplate.traces.protocol import MOST_LISTED, TraceQuery
from bedplate.traces.query import conditions
from bedplate.traces.series import SqlCharts
from bedplate.traces.summary import sums_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PRUNED = 500
"""At once: a long delete would hold up the writer."""

SLACK = 0.05
"""How far below its bound the file is brought, so that it is not pruned with each batch."""

MERGED_PAGES = 500
TEXT_CHARACTERS = 100_000
"""Of one trace's words."""

LEVEL = 1
"""Of compression: the next ones save little and take twice as long."""

SMALL_BITS, SMALL_MEMORY = 12, 5
"""Of zlib, for what its window of 4 KiB holds. By default it takes a quarter of a megabyte from the
system for each trace and gives it back, which costs more than to compress the trace.
"""

COLUMNS = (
    "t.id, t.trace_id, t.span_id, t.name, t.started, t.took_ms, t.spans, t.key_id, t.assistant,"
    " t.model, t.status, t.error, t.input_tokens, t.output_tokens, t.cost, t.ttft_ms, t.grounded,"
    " t.verdict"
)
INSERT = """
INSERT INTO trace (id, tenant_id, trace_id, span_id, name, started, took_ms, spans, key_id,
  assistant, model, status, error, input_tokens, output_tokens, cost, ttft_ms, grounded, verdict,
  listed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_decoder = msgspec.json.Decoder(tuple[EndedSpan, ...])
_encoder = msgspec.json.Encoder()


class SqlTraces:
    """`list` and `spans` are of one tenant, whatever else they are asked for."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._feedback = SqlFeedback(sessions)
        self.charts = SqlCharts(sessions)

    async def write(self, traces: Sequence[EndedTrace]) -> None:
        await self._sessions.write(lambda session: _insert(session, traces))

    async def list(self, tenant: TenantId, query: TraceQuery) -> tuple[TraceSummary, ...]:
        if not 1 <= query.limit <= MOST_LISTED:
            raise InvalidInput(
                f"limit is {query.limit}; it must be 1 to {MOST_LISTED}.", param="limit"
            )
        source, where, values = conditions(tenant, query)
        sql = (
            f"SELECT {COLUMNS} FROM {source} WHERE {where}"  # noqa: S608 - constants
            " ORDER BY t.id DESC LIMIT ?"
        )
        rows = await self._sessions.read(
            lambda session: session.select(sql, [*values, query.limit])
        )
        return tuple(_summary(row) for row in rows)

    async def spans(self, tenant: TenantId, id: str) -> tuple[EndedSpan, ...]:
        if not re.fullmatch("[0-9a-f]{32}", id):
            raise NotFound(f"There is no trace {id!r}: ids have 32 hexadecimal digits.")
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT s.body FROM trace t JOIN trace_spans s ON s.id = t.id"
                " WHERE t.trace_id = ? AND t.tenant_id = ? ORDER BY t.id",
                (bytes.fromhex(id), tenant),
            )
        )
        if not rows:
            raise NotFound(
                f"There is no trace {id!r}: it may be too old, or not have been kept (tracing)."
            )
        found = [span for (body,) in rows for span in _decoder.decode(zlib.decompress(body))]
        return tuple(sorted(found, key=lambda span: span.started))

    async def prune(self, before: datetime, *, max_bytes: int) -> int:
        gone = 0
        while (dropped := await self._sessions.write(lambda s: _drop_old(s, micros(before)))) > 0:
            gone += dropped
        surplus = await self._sessions.read(lambda session: _surplus(session, max_bytes))
        while surplus > 0:
            part = min(surplus, PRUNED)
            dropped = await self._sessions.write(lambda s, most=part: _drop_oldest(s, most))
            gone += dropped
            surplus = surplus - dropped if dropped == part else 0
        if gone:
            await self._sessions.write(_merge)
        return gone

    async def add_feedback(self, tenant: TenantId, feedback: Feedback) -> None:
        await self.spans(tenant, feedback.trace_id)
        await self._feedback.add(tenant, feedback)

    async def list_feedback(
        self, tenant: TenantId, *, since: datetime | None = None, limit: int = 1_000
    ) -> tuple[Feedback, ...]:
        return await self._feedback.list(tenant, since=since, limit=limit)


def compressed(body: bytes) -> bytes:
    """As zlib.decompress reads it."""
    if len(body) > 1 << SMALL_BITS:
        return zlib.compress(body, LEVEL)
    packing = zlib.compressobj(LEVEL, zlib.DEFLATED, SMALL_BITS, SMALL_MEMORY)
    return packing.compress(body) + packing.flush()


def micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


def tenant_word(tenant: TenantId) -> str:
    return f"t{tenant.encode().hex()}"


def _insert(session: Session, traces: Iterable[EndedTrace]) -> None:
    ((last,),) = session.select("SELECT coalesce(max(seq), 0) FROM sqlite_sequence")
    lines: list[Row] = []
    bodies: list[Row] = []
    words: list[Row] = []
    for number, trace in enumerate(traces, int(last) + 1):
        lines.append(_line(number, trace))
        body = compressed(_encoder.encode(trace.spans))
        bodies.append((number, trace.tenant, body))
        words.append((number, tenant_word(trace.tenant), _words(trace)))
    session.execute_many(INSERT, lines)
    session.execute_many("INSERT INTO trace_spans (id, tenant_id, body) VALUES (?, ?, ?)", bodies)
    session.execute_many("INSERT INTO trace_text (rowid, tenant, content) VALUES (?, ?, ?)", words)


def _line(number: int, trace: EndedTrace) -> Row:
    root, sums = trace.spans[0], sums_of(trace)
    return (
        number,
        trace.tenant,
        bytes.fromhex(trace.id),
        root.id,
        root.name,
        root.started // 1_000,
        root.took / 1e6,
        len(trace.spans),
        trace.key,
        trace.assistant,
        sums.model,
        sums.status,
        sums.error,
        sums.input_tokens,
        sums.output_tokens,
        sums.cost,
        sums.ttft_ms,
        sums.grounded,
        sums.verdict,
        int(not trace.late),
    )


def _words(trace: EndedTrace) -> str:
    """What a trace is found by: its names and texts, and all content."""
    seen: dict[str, None] = {trace.id: None}
    for span in trace.spans:
        seen[span.name] = None
        if span.error:
            seen[span.error] = None
        seen.update((v, None) for v in span.attributes.values() if isinstance(v, str))
        seen.update(dict.fromkeys(span.content.values()))
    return "\n".join(seen)[:TEXT_CHARACTERS]


def _summary(row: Row) -> TraceSummary:
    number, trace, span, name, started, took, spans, key, assistant = row[:9]
    model, status, error, sent, made, cost, ttft, grounded, verdict = row[9:]
    return TraceSummary(
        number=int(number),
        id=bytes(trace).hex(),
        span=str(span),
        name=str(name),
        started=moment(int(started)),
        took_ms=round(float(took), 3),
        spans=int(spans),
        key=key,
        assistant=assistant,
        model=model,
        status=status,
        error=error,
        input_tokens=int(sent),
        output_tokens=int(made),
        cost_usd=None if cost is None else from_micro(int(cost)),
        ttft_ms=None if ttft is None else round(float(ttft), 1),
        grounded=grounded,
        verdict=verdict,
    )


def _drop_old(session: Session, before: int) -> int:
    """Of the oldest, those that began before; so a clock that jumped costs no look at all others."""
    rows = session.select("SELECT id, started FROM trace ORDER BY id LIMIT ?", (PRUNED,))
    return _drop(session, [number for number, started in rows if started < before])


def _drop_oldest(session: Session, most: int) -> int:
    rows = session.select("SELECT id FROM trace ORDER BY id LIMIT ?", (most,))
    return _drop(session, [number for (number,) in rows])


def _drop(session: Session, numbers: Sequence[Any]) -> int:
    each = [(number,) for number in numbers]
    session.execute_many("DELETE FROM trace_text WHERE rowid = ?", each)
    session.execute_many("DELETE FROM trace_spans WHERE id = ?", each)
    session.execute_many("DELETE FROM trace WHERE id = ?", each)
    return len(each)


def _merge(session: Session) -> None:
    """Give back some of what the words of deleted traces still hold."""
    session.execute(
        "INSERT INTO trace_text (trace_text, rank) VALUES ('merge', ?)", (MERGED_PAGES,)
    )


def _surplus(session: Session, max_bytes: int) -> int:
    """How many traces are too many, by what one takes up on average; free pages do not count."""
    ((pages,),) = session.select("SELECT page_count FROM pragma_page_count")
    ((free,),) = session.select("SELECT freelist_count FROM pragma_freelist_count")
    ((size,),) = session.select("SELECT page_size FROM pragma_page_size")
    used = (int(pages) - int(free)) * int(size)
    if used <= max_bytes:
        return 0
    ((count,),) = session.select("SELECT count(*) FROM trace")
    return int(int(count) * (1 - max_bytes * (1 - SLACK) / used)) + 1 if count else 0
