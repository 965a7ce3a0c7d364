import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.cli.progress import State, advancing, left_text, reading_text, telling
from bedplate.domain.ids import DEFAULT_TENANT, DocumentId
from bedplate.domain.retrieval import Collection
from bedplate.ingest.fill import Headway
from bedplate.pace import Left, Reading

STATE = State(12, 150, "files", 34, "chunks", 1_200, 90_000, note="docs/a.txt")
SECONDS = {"s": 1, "min": 60, "h": 3600, "days": 86_400}


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0, 0.5, "less than 5 s left"),
        (0, 9, "less than 10 s left"),
        (12, 33, "about 10 to 35 s left"),
        (110, 170, "about 1 to 3 min left"),
        (125, 175, "about 2 to 3 min left"),
        (120, 120, "about 2 min left"),
        (59, 100, "less than 2 min left"),
        (3_700, 7_100, "about 1 to 2 h left"),
        (3 * 86_400, 5 * 86_400, "about 3 to 5 days left"),
    ],
)
def test_the_time_left_is_said_in_round_numbers(low: float, high: float, text: str) -> None:
    assert left_text(Left(low, high)) == text


@given(st.floats(0, 3e8), st.floats(0, 3e8))
@settings(deadline=None)
def test_rounding_never_promises_more_than_is_known(one: float, other: float) -> None:
    left = Left(min(one, other), max(one, other))
    match left_text(left).replace(",", "").split():
        case ["less", "than", high, unit, "left"]:
            low = "0"
        case ["about", low, "to", high, unit, "left"]:
            pass
        case ["about", low, unit, "left"]:
            high = low
        case other:
            raise AssertionError(other)
    assert float(low) * SECONDS[unit] <= left.low
    assert left.high <= float(high) * SECONDS[unit]


def test_a_line_says_counts_then_the_end_then_the_rate() -> None:
    reading = Reading(35.4, Left(125, 175), 40)
    assert reading_text(STATE, reading) == (
        "12/150 files · about 2 to 3 min left · 35 passages/s · docs/a.txt"
    )


def test_what_is_not_known_is_not_said() -> None:
    state = replace(STATE, total=None, note="")
    assert reading_text(state, Reading(None, None, 0.1)) == "12 files"
    assert reading_text(replace(state, weight=90_000), Reading(0.5, Left(0, 0), 9)) == (
        "12 files · 0.5 passages/s"
    )


def test_lines_of_json_leave_on_stderr_and_the_last_is_never_lost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with telling("ingest", "json") as tell:
        for done in range(1, 101):
            tell(replace(STATE, done=done, facts={"failures": 2}))
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert out == ""
    assert 2 <= len(lines) < 50
    assert [lines[0]["done"], lines[-1]["done"]] == [1, 100]
    assert lines[-1].pop("seconds") >= 0
    assert lines[-1] == {
        "progress": "ingest",
        "done": 100,
        "total": 150,
        "unit": "files",
        "failures": 2,
        "rate": None,
        "rate_unit": "chunks",
        "eta_seconds": None,
    }


def test_the_end_of_a_phase_is_said_before_the_next_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with telling("sync", "json") as tell:
        for phase, done in (("list", 1), ("list", 90), ("ingest", 1), ("ingest", 3)):
            tell(replace(STATE, phase=phase, done=done))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["done"] for line in lines] == [1, 90, 1, 3]


def test_an_error_does_not_swallow_how_far_the_work_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work() -> None:
        with telling("ingest", "json") as tell:
            tell(STATE)
            tell(replace(STATE, done=13))
            raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        work()
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["done"] == 13


@pytest.mark.parametrize("form", [None, "bar", "off"])
def test_without_a_terminal_nothing_is_written(form, capsys: pytest.CaptureFixture[str]) -> None:
    with telling("ingest", form) as tell:
        tell(STATE)
    assert capsys.readouterr() == ("", "")


def test_a_collection_is_weighed_by_its_chunks(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    collection = Collection(DEFAULT_TENANT, "c", "e", 4, now, documents=3, chunks=100)
    with advancing("move", "json") as advance:
        headway = Headway(collection, advance)
        headway.add([DocumentId("a")], {DocumentId("a"): 90})
        headway.add([DocumentId("b"), DocumentId("c")], {DocumentId("b"): 5, DocumentId("c"): 6})
    first, last = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert [first[name] for name in ("done", "total", "chunks")] == [1, 3, 90]
    assert [last[name] for name in ("done", "total", "chunks")] == [3, 3, 101]
    assert last["eta_seconds"] == {"low": 0, "high": 0}


def test_waiting_is_said_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    collection = Collection(DEFAULT_TENANT, "c", "e", 4, now, documents=1, chunks=2)
    with advancing("reindex", "json") as advance:
        advance(Headway(collection, advance, 1, 2))
        advance(Headway(collection, advance, 1, 2, waiting_seconds=5))
        first, last = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["waiting_seconds"], last["waiting_seconds"]) == (None, 5)
    assert (last["done"], last["total"]) == (1, 1)
