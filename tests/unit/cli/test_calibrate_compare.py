"""`bedplate calibrate compare`: prompts in, lines out that `calibrate route` reads."""

import json
from pathlib import Path

from tests.fixtures.command_line import Call

from bedplate.models.route_labels import read_labels

TOML = """
[models.mini]
use = "scripted"
rules = [{ match = "hard", reply = "Dunno." }]
replies = ["Good."]
[models.maxi]
use = "scripted"
rules = []
replies = ["Good."]
[models.judge]
use = "scripted"
rules = [{ match = "Dunno", reply = "2" }, { match = "vague", reply = "who knows" }]
replies = ["9"]
"""


def test_both_models_answers_are_graded_and_what_has_no_grade_is_an_error(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "bedplate.toml").write_text(TOML)
    prompts = ["hard", "easy", "vague"]
    lines = [json.dumps({"id": f"q{n}", "prompt": each}) for n, each in enumerate(prompts)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))

    asked = ("--small", "mini", "--large", "maxi", "--judge", "judge")
    ran = call("calibrate", "compare", "prompts.jsonl", *asked)

    assert ran.code == 4, ran.err
    graded = {"id": "q0", "prompt": "hard", "small": 0.2, "large": 0.9}
    assert ran.lines[:2] == [graded, {"id": "q1", "prompt": "easy", "small": 0.9, "large": 0.9}]
    assert ran.lines[2]["error"]["code"] == "upstream_error"
    assert "the judge gave no grade" in ran.lines[2]["error"]["message"]
    (tmp_path / "labels.jsonl").write_text(ran.out)
    assert read_labels(tmp_path / "labels.jsonl").small == [0.2, 0.9]


def test_a_model_that_is_not_there_is_named_before_anything_is_asked(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "bedplate.toml").write_text(TOML)
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "x"}')
    asked = ("--small", "mini", "--large", "maxy", "--judge", "judge")
    ran = call("calibrate", "compare", "prompts.jsonl", *asked)
    assert ran.code == 2
    assert "Did you mean 'maxi'?" in ran.err
