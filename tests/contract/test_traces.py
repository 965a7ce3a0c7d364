"""What every place for traces does."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bedplate.domain.ids import TenantId, new_id
from bedplate.domain.traces import EndedSpan, EndedTrace, Feedback
from bedplate.errors import InvalidInput, NotFound
from bedplate.telemetry.conventions import (
    COST,
    EVALUATION,
    EVALUATION_LABEL,
    EVALUATION_SCORE,
    FIRST_CHUNK,
    INPUT_TOKENS,
    OPERATION,
    OUTPUT_TOKENS,
    QUESTION,
    REQUEST_MODEL,
    STATUS,
)
from bedplate.traces.protocol import SeriesQuery, TraceQuery, Traces
from bedplate.traces.sqlite import open_sqlite_traces

T1, T2 = TenantId("t1"), TenantId("t2")
BEGUN = datetime(2026, 5, 4, 12, tzinfo=UTC)
MS = 1_000_000


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncGenerator[Traces]:
    async with open_sqlite_traces(tmp_path / "traces.db") as opened:
        yield opened


def span(number: int, parent: str | None = None, *, ms: int = 0, took: int = 10, **more: Any):
    started = int(BEGUN.timestamp()) * 1_000_000_000 + ms * MS
    options = {"name": "POST /api/ask", "kind": "server", **more}
    return EndedSpan(f"{number:016x}", parent, started=started, took=took * MS, **options)


def trace(number: int, *spans: EndedSpan, tenant: TenantId = T1, **more: Any) -> EndedTrace:
    return EndedTrace(f"{number:032x}", spans or (span(number),), tenant=tenant, **more)


def asked(number: int, question: str = "", **attributes: Any) -> EndedTrace:
    content = {QUESTION: question} if question else {}
    return trace(number, span(number, attributes=attributes, content=content))


async def ids(traces: Traces, tenant: TenantId = T1, **query: Any) -> list[int]:
    return [int(found.id, 16) for found in await traces.list(tenant, TraceQuery(**query))]


async def test_a_trace_comes_back_with_its_steps_in_order(traces: Traces):
    root = span(1, attributes={STATUS: 200, "b": True, "f": 0.5}, content={QUESTION: "Why?"})
    inner = span(2, root.id, ms=3, kind="client", error="upstream_error")
    await traces.write([trace(7, root, inner)])

    assert await traces.spans(T1, f"{7:032x}") == (root, inner)


async def test_a_line_says_what_its_steps_come_to(traces: Traces):
    root = span(1, took=900, attributes={STATUS: 200})
    ask = span(2, root.id, ms=16, attributes={REQUEST_MODEL: "default"})
    call = {FIRST_CHUNK: 0.25, INPUT_TOKENS: 40, OUTPUT_TOKENS: 9, COST: 0.0012}
    spans = (
        root,
        ask,
        span(3, ask.id, ms=20, attributes={REQUEST_MODEL: "big", **call}),
        span(4, ask.id, ms=700, attributes={**call, FIRST_CHUNK: 0.1}),
        span(5, ask.id, ms=850, attributes={EVALUATION: "sufficiency", EVALUATION_SCORE: 0.1}),
        span(6, ask.id, ms=15, attributes={OPERATION: "embeddings", REQUEST_MODEL: "e"}),
        span(7, ask.id, ms=800, attributes={EVALUATION_SCORE: 0.75, EVALUATION_LABEL: "supported"}),
    )
    await traces.write([trace(7, *spans, key="k", assistant="docs")])

    (line,) = await traces.list(T1, TraceQuery())
    assert (line.name, line.spans, line.key, line.assistant) == ("POST /api/ask", 7, "k", "docs")
    assert (line.model, line.status, line.error) == ("default", 200, None)
    assert (line.input_tokens, line.output_tokens) == (80, 18)
    assert line.cost_usd == Decimal("0.0024")
    assert (line.took_ms, line.ttft_ms) == (900.0, 270.0)
    assert (line.grounded, line.verdict) == (0.75, "supported")
    assert line.started == BEGUN


async def test_the_newest_comes_first_in_pages_that_share_nothing(traces: Traces):
    await traces.write([trace(n) for n in range(1, 8)])

    first = await traces.list(T1, TraceQuery(limit=3))
    second = await traces.list(T1, TraceQuery(limit=3, before=first[-1].number))
    # What is written meanwhile moves no page.
    await traces.write([trace(8)])
    third = await traces.list(T1, TraceQuery(limit=3, before=second[-1].number))
    assert [int(t.id, 16) for t in (*first, *second, *third)] == [7, 6, 5, 4, 3, 2, 1]


async def test_conditions_hold_together(traces: Traces):
    hour = 3_600_000
    lines = [
        trace(1, span(1, attributes={REQUEST_MODEL: "a", COST: 0.5}), assistant="docs"),
        trace(2, span(2, ms=hour, attributes={REQUEST_MODEL: "a"}, error="timeout")),
        trace(3, span(3, ms=2 * hour, took=5_000, attributes={REQUEST_MODEL: "b"}), key="k"),
        trace(4, span(4, ms=3 * hour, attributes={STATUS: 429}, name="POST /api/search")),
    ]
    await traces.write(lines)

    after = BEGUN + timedelta(hours=1)
    assert await ids(traces, model="a") == [2, 1]
    assert await ids(traces, model="a", state="ok") == [1]
    assert await ids(traces, state="error") == [4, 2]
    assert await ids(traces, error="http_429") == [4]
    assert await ids(traces, assistant="docs") == [1]
    assert await ids(traces, key="k") == [3]
    assert await ids(traces, name="POST /api/search") == [4]
    assert await ids(traces, min_ms=1_000) == [3]
    assert await ids(traces, min_cost_usd=Decimal("0.5")) == [1]
    assert await ids(traces, since=after, until=after + timedelta(hours=2)) == [3, 2]


async def test_words_are_found_whatever_their_case_and_accents(traces: Traces):
    await traces.write([asked(1, "Où est le café?"), asked(2, "Where is the Cafe bar?")])

    assert await ids(traces, text="CAFE") == [2, 1]
    assert await ids(traces, text="cafe bar") == [2]
    assert await ids(traces, text="bar", before=2) == []
    assert await ids(traces, text=f"{1:032x}") == [1]


@pytest.mark.parametrize("text", ['"', "a* OR b", "content:x", "(((", "NEAR(a b)", "it's 50%_x"])
async def test_what_is_looked_for_is_words_and_never_syntax(traces: Traces, text: str):
    await traces.write([asked(1, "nothing of it")])

    if text in {'"', "((("}:
        with pytest.raises(InvalidInput, match="no word"):
            await ids(traces, text=text)
    else:
        assert await ids(traces, text=text) == []


async def test_a_series_says_what_traces_come_to_in_each_stretch_of_time(traces: Traces):
    call = {FIRST_CHUNK: 0.1, INPUT_TOKENS: 40, OUTPUT_TOKENS: 10, COST: 0.002}
    carried = {EVALUATION_SCORE: 0.3, EVALUATION_LABEL: "supported", STATUS: 200}
    poorly = {EVALUATION_SCORE: 0.9, EVALUATION_LABEL: "unsupported", STATUS: 200}
    good = span(1, took=600, attributes={**call, **carried})
    poor = span(2, ms=1_000, took=1_100, attributes={**call, **poorly})
    failed = span(3, ms=70_000, took=5, attributes={STATUS: 502})
    await traces.write([trace(1, good), trace(2, poor), trace(3, failed)])
    await traces.write([trace(4, span(4, ms=500), tenant=T2), trace(5, span(5, ms=180_000))])

    asked_for = SeriesQuery(BEGUN, BEGUN + timedelta(minutes=3), points=3)
    found = await traces.charts.series(T1, asked_for)

    assert (found.step, found.whole, len(found.points)) == (timedelta(minutes=1), True, 3)
    first, second, third = found.points
    assert [point.at - BEGUN for point in found.points] == [found.step * n for n in range(3)]
    assert (first.requests, first.errors, first.input_tokens, first.output_tokens) == (2, 0, 80, 20)
    assert (first.cost_usd, first.checked, first.unsupported) == (Decimal("0.004"), 2, 1)
    assert first.grounded == pytest.approx(0.6)
    assert (first.took_p50_ms, first.took_p99_ms) == (600, 1_100)
    assert (first.ttft_p50_ms, first.ttft_p99_ms) == (100, 100)
    assert first.tokens_per_second == pytest.approx(10)
    assert (second.requests, second.errors, second.ttft_p50_ms) == (1, 1, None)
    assert (third.requests, third.grounded, third.tokens_per_second) == (0, None, None)
    assert (found.total.requests, found.total.unsupported) == (3, 1)


@pytest.mark.parametrize(("minutes", "points"), [(0, 5), (-1, 5), (1, 0), (1, 501)])
async def test_a_series_of_no_time_or_too_many_points_is_refused(
    traces: Traces, minutes: int, points: int
):
    wanted = SeriesQuery(BEGUN, BEGUN + timedelta(minutes=minutes), points=points)
    with pytest.raises(InvalidInput):
        await traces.charts.series(T1, wanted)


async def test_a_tenant_sees_its_own_alone(traces: Traces):
    await traces.write([asked(1, "secret plan"), trace(2, tenant=T2)])

    assert await ids(traces, T2) == [2]
    assert await ids(traces, T2, text="secret") == []
    # Nor by the word that stands for the other tenant.
    assert await ids(traces, T2, text=f"t{b't1'.hex()}") == []
    with pytest.raises(NotFound):
        await traces.spans(T2, f"{1:032x}")
    with pytest.raises(NotFound):
        await traces.add_feedback(T2, feedback(1))


@pytest.mark.parametrize("id", ["", "x" * 32, f"{9:032x}", "../etc"])
async def test_a_trace_that_is_not_there_is_not_found(traces: Traces, id: str):
    with pytest.raises(NotFound):
        await traces.spans(T1, id)


@pytest.mark.parametrize("limit", [0, 201])
async def test_a_page_is_bounded(traces: Traces, limit: int):
    with pytest.raises(InvalidInput):
        await traces.list(T1, TraceQuery(limit=limit))


async def test_late_steps_join_their_trace_and_make_no_line(traces: Traces):
    late = span(2, f"{1:016x}", ms=50)
    await traces.write([trace(1)])
    await traces.write([trace(1, late, late=True)])

    assert await ids(traces) == [1]
    assert [found.id for found in await traces.spans(T1, f"{1:032x}")] == [span(1).id, late.id]


async def test_requests_that_a_client_ties_together_are_lines_of_one_trace(traces: Traces):
    await traces.write([trace(1, span(1)), trace(1, span(2, ms=5))])

    assert await ids(traces) == [1, 1]
    assert len(await traces.spans(T1, f"{1:032x}")) == 2


async def test_what_is_too_old_is_forgotten_with_its_words(traces: Traces):
    await traces.write([asked(1, "umbrella"), asked(2, "umbrella")])
    later = span(3, ms=7_200_000, content={QUESTION: "umbrella"})
    await traces.write([trace(3, later)])

    assert await traces.prune(BEGUN + timedelta(hours=1), max_bytes=2**40) == 2
    assert await ids(traces, text="umbrella") == [3]
    with pytest.raises(NotFound):
        await traces.spans(T1, f"{1:032x}")


async def test_the_oldest_go_where_the_file_is_too_large(traces: Traces):
    for start in range(0, 600, 200):
        await traces.write([asked(n + 1, f"word{n} " * 40) for n in range(start, start + 200)])

    gone = await traces.prune(datetime(2000, 1, 1, tzinfo=UTC), max_bytes=300_000)
    left = await ids(traces, limit=200)
    assert 0 < gone < 600
    assert left[0] == 600
    assert left == list(range(600, 600 - len(left), -1))
    assert await traces.prune(datetime(2000, 1, 1, tzinfo=UTC), max_bytes=2**40) == 0


async def test_numbers_are_not_given_again_after_all_is_forgotten(traces: Traces):
    await traces.write([trace(1)])
    (before,) = await traces.list(T1, TraceQuery())
    await traces.prune(BEGUN + timedelta(days=1), max_bytes=2**40)
    await traces.write([trace(2)])

    (after,) = await traces.list(T1, TraceQuery())
    assert after.number > before.number


def feedback(number: int, **more: Any) -> Feedback:
    return Feedback(new_id(), f"{number:032x}", BEGUN, rating="down", **more)


async def test_feedback_outlives_its_trace(traces: Traces):
    await traces.write([trace(1)])
    said = feedback(1, correction="30 days", comment="Wrong.", question="How long?", answer="9")
    later = replace(feedback(1), at=BEGUN + timedelta(hours=1), rating="up")
    await traces.add_feedback(T1, later)
    await traces.add_feedback(T1, said)
    await traces.prune(BEGUN + timedelta(days=1), max_bytes=2**40)

    assert await traces.list_feedback(T1) == (said, later)
    assert await traces.list_feedback(T1, since=BEGUN + timedelta(minutes=1)) == (later,)
    assert await traces.list_feedback(T2) == ()
