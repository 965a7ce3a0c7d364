"""`bedplate calibrate cache`: recorded questions or pairs in, a threshold out that can be believed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fixtures.command_line import Call

from bedplate.models.answer_calibration import upper_bound

FILE = "asked.jsonl"
BODIES = ("red kettle boils", "garden gate squeaks", "ferry to Oslo sails", "blue van starts")


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def recorded(*, confused: bool = False) -> list[dict[str, object]]:
    """Each question twice, the second time with an exclamation mark; one answer, or two."""
    rows: list[dict[str, object]] = []
    for at in range(150):
        question = f"Which {BODIES[at % 4]} in yard zz{at}q?"
        rows.append({"question": question, "answer": f"A  {at}", "group": str(at)})
        other = f"a {at}" if not confused or at % 3 else "other"
        rows.append({"question": f"{question}!", "answer": other, "group": str(at)})
    return rows


def test_a_threshold_is_found_where_enough_hits_are_right(call: Call, tmp_path: Path) -> None:
    write(tmp_path / FILE, recorded())
    ran = call("calibrate", "cache", FILE, "--wrong", "0.05", "--json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert (told["rows"], told["semantic"], told["hits_needed"]) == (300, 0.85, 99)
    assert told["levels"][0] == {"semantic": 0.85, "hits": 150, "wrong": 0, "bound": 0.0333}
    assert "semantic = 0.85" in call("calibrate", "cache", FILE).out


def test_none_is_given_where_hits_are_wrong_or_too_few(call: Call, tmp_path: Path) -> None:
    write(tmp_path / FILE, recorded(confused=True))
    told = call("calibrate", "cache", FILE, "--json").json
    assert (told["semantic"], told["levels"][0]["wrong"]) == (None, 50)
    pairs = [
        {"one": f"Which gate zz{n}?", "other": f"Which gate zz{n}!", "same": True}
        for n in range(60)
    ]
    different = [{"one": f"Before {n}?", "other": f"After {n}?", "same": False} for n in range(60)]
    write(tmp_path / FILE, [*pairs, *different])
    ran = call("calibrate", "cache", FILE)
    assert ran.code == 0, ran.err
    assert "99 hits" in " ".join(ran.out.split())
    told = call("calibrate", "cache", FILE, "--wrong", "0.1", "--json").json
    assert (told["semantic"], told["levels"][0]["hits"]) == (0.85, 60)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"question": "a", "answer": "b"}], "1 rows are too few"),
        ([{"one": "a", "other": "b", "same": 1}], '"same" must be true or false, not 1'),
        ([{"question": "a", "answer": "b"}, {"one": "a", "other": "b", "same": True}], "Line 2"),
        ([{"question": "  ", "answer": "b"}], '"question" must be text'),
    ],
)
def test_rows_that_cannot_be_used_are_named(
    call: Call, tmp_path: Path, rows: list[dict[str, object]], said: str
) -> None:
    write(tmp_path / FILE, rows)
    ran = call("calibrate", "cache", FILE)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())


@given(st.integers(1, 400), st.data())
def test_the_bound_is_where_so_few_wrong_hits_become_unlikely(hits: int, data: st.DataObject):
    wrong = data.draw(st.integers(0, hits))
    bound = upper_bound(wrong, hits, 0.05)
    assert wrong / hits <= bound <= 1
    if wrong == 0:
        assert (1 - bound) ** hits == pytest.approx(0.05, abs=1e-6)
    if wrong < hits:
        assert upper_bound(wrong, hits + 1, 0.05) < bound
