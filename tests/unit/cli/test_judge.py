"""`bedplate judge` and `calibrate groundedness`: lines in, verdicts and a threshold out."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.fixtures.command_line import Call

JUDGE = '[guards.groundedness]\nuse = "overlap"\n'
CONTEXT = ["Tents are refunded within 30 days.", "Boots are waterproof."]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text(JUDGE)


def test_each_line_is_judged_in_order(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        {"id": "a", "context": CONTEXT, "answer": "Boots are waterproof. [2]"},
        {"id": "b", "context": CONTEXT[0], "answer": "Kayaks fly. [1][9]", "question": "What?"},
        {"id": "c", "context": CONTEXT},
        {"id": "d", "context": 5, "answer": "x"},
        {"id": "e", "context": ["x"] * 101, "answer": "x"},
    ]
    raw = "\n".join(map(json.dumps, lines)) + "\n\nnot json\n"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw.encode())))
    ran = call("judge")
    good, bad, *failed = ran.lines
    assert ran.code == 4
    assert (good["id"], good["supported"], good["score"]) == ("a", True, 1.0)
    assert good["claims"][0]["evidence"] == {
        "passage": 2, "text": "Boots are waterproof.", "start": 0, "end": 21,
    }  # fmt: skip
    assert (bad["id"], bad["supported"], bad["verdict"]) == ("b", False, "unsupported")
    assert (bad["claims"][0]["cited"], bad["claims"][0]["invalid"]) == ([1], [9])
    assert [each["line"] for each in failed] == [3, 4, 5, 7]
    assert {each["error"]["code"] for each in failed} == {"invalid_input"}


def test_a_threshold_is_found_by_labelled_answers(call: Call, tmp_path: Path) -> None:
    right = {"context": CONTEXT, "answer": "Tents are refunded within 30 days.", "supported": True}
    wrong = {"context": CONTEXT, "answer": "Kayaks fly to the moon.", "supported": False}
    rows = [right] * 30 + [wrong] * 30 + [{**right, "answer": ""}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ran = call("calibrate", "groundedness", "rows.jsonl", "--json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert (told["supported"], told["unsupported"], told["skipped"]) == (30, 30, 1)
    assert (told["auroc"], told["threshold"], told["caught"], told["flagged"]) == (
        1.0,
        1.0,
        1.0,
        0.0,
    )
    shown = call("calibrate", "groundedness", "rows.jsonl")
    assert 'groundedness = { use = "overlap", threshold = 1 }' in shown.out


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"context": "a", "answer": "b", "supported": 1}, '"supported" must be true or false'),
        ({"context": "a", "supported": True}, 'no "answer"'),
        ({"context": "a", "answer": "It is so.", "supported": True}, "too few"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(
    call: Call, tmp_path: Path, row: dict[str, object], complaint: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    ran = call("calibrate", "groundedness", "rows.jsonl")
    assert (ran.code, complaint in ran.err) == (2, True)
