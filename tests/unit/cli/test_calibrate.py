"""`bedplate calibrate route`: labelled prompts in, a head out that a router can name."""

import hashlib
import json
import random
from pathlib import Path

import pytest
from tests.fixtures.command_line import Call

from bedplate.models.route_file import read_head

FILE = "labels.jsonl"


def label(path: Path, count: int = 200, *, hopeless: bool = False) -> None:
    """The large model is better where a prompt counts something; a line holds a U+2028."""
    draw = random.Random(2)
    rows: list[dict[str, object]] = []
    for n in range(count):
        hard = n % 2 == 0
        words = " ".join(["thing"] * draw.randint(5, 40))
        prompt = f"{words} {'12 times 7 is 84' if hard else 'and so on'}\u2028?"
        if n % 4 == 0:
            rows.append({"prompt": prompt, "tier": "large" if hard else "small"})
        else:
            small = draw.random() > (0.7 if hard else 0.1)
            rows.append({"prompt": prompt, "small": small, "large": 0 if hopeless else 1})
    if hopeless:
        rows = [{**row, "small": 1, "large": 0.5} for row in rows if "tier" not in row]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def test_a_head_is_written_that_beats_length_and_can_be_read(call: Call, tmp_path: Path) -> None:
    label(tmp_path / FILE)
    ran = call("calibrate", "route", FILE, "--out", "mine.npz", "--share", "0.5", "--json")
    assert ran.code == 0, ran.err
    told = ran.json
    assert (told["file"], told["prompts"], told["chosen"]) == ("mine.npz", 200, "fitted")
    assert told["scorers"]["fitted"]["apgr"] > told["scorers"]["length"]["apgr"] + 0.1
    assert [point["share"] for point in told["curve"]][:2] == [0.0, 0.1]
    assert told["curve"][-1] == {"share": 1.0, "recovered": 1.0}
    assert told["threshold"] == 0.5
    content = (tmp_path / "mine.npz").read_bytes()
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    head = read_head(tmp_path / "mine.npz", told["sha256"])
    assert head.fingerprint == told["embedder"]
    assert head.share_for(0.8) < 0.8


def test_without_the_encoder_the_head_needs_none(call: Call, tmp_path: Path) -> None:
    label(tmp_path / FILE)
    ran = call("calibrate", "route", FILE, "--no-encoder")
    assert ran.code == 0, ran.err
    assert "Written: head = " in ran.out
    assert read_head(tmp_path / "route-head.npz").full is None


def test_labels_that_say_nothing_give_a_head_that_goes_by_length(
    call: Call, tmp_path: Path
) -> None:
    draw = random.Random(5)
    rows = [
        {"prompt": "word " * draw.randint(3, 90), "small": draw.random() > 0.5} for _ in range(80)
    ]
    (tmp_path / FILE).write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    ran = call("calibrate", "route", FILE, "--json")
    assert ran.json["chosen"] == "length"
    assert ran.json["ahead"] < 0.6
    assert read_head(tmp_path / "route-head.npz").trust == 0


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "Line 3 is not valid JSON"),
        ("[]", "Line 3 is not an object"),
        ('{"prompt": 5}', 'Line 3: "prompt" must be text.'),
        ('{"prompt": "a", "small": 2}', 'Line 3: "small" must be true, false or from 0 to 1'),
        ('{"prompt": "a", "small": NaN}', 'Line 3: "small"'),
        ('{"prompt": "a"}', 'Line 3: "small" is missing'),
        ('{"prompt": "a", "tier": "huge"}', 'Line 3: "tier" must be'),
        ('{"prompt": "a", "tier": "small", "small": 1}', "without further labels"),
    ],
)
def test_a_bad_line_is_named(call: Call, tmp_path: Path, line: str, complaint: str) -> None:
    good = '{"prompt": "a", "small": 1}\n\n'
    (tmp_path / FILE).write_text(good + line + "\n", encoding="utf-8")
    ran = call("calibrate", "route", FILE)
    assert ran.code == 2
    assert complaint in ran.err


def test_too_few_labels_and_a_hopeless_large_model_are_told(call: Call, tmp_path: Path) -> None:
    label(tmp_path / FILE, 20)
    assert "20 labelled prompts are too few" in call("calibrate", "route", FILE).err
    label(tmp_path / FILE, 100, hopeless=True)
    ran = call("calibrate", "route", FILE)
    assert ran.code == 2
    assert "no better than the small one (-0.500" in ran.err
    assert call("calibrate", "route", "nowhere.jsonl").code == 2
