import json
from pathlib import Path

import pytest
from tests.fixtures.command_line import Call

CONFIG = """
[embedder]
use = "hashing"
[models.default]
use = "scripted"
replies = ["Hello"]
[assistants.clerk]
instructions = "Be brief."
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bedplate.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "clerk.toml").write_text('instructions = "Be kind."\n', encoding="utf-8")
    (tmp_path / "clerk.json").write_text('{"instructions": "Be \\u001b[31mred."}', encoding="utf-8")
    return tmp_path


def test_a_version_is_made_compared_and_rolled_back(call: Call, folder: Path) -> None:
    made = call("assistants", "create", "clerk", "clerk.toml", "--note", "kinder", "--json")
    assert (made.code, made.json["version"], made.json["note"]) == (0, 1, "kinder")
    assert "clerk@2 answers" in call("assistants", "create", "clerk", "clerk.json").out

    diff = call("assistants", "diff", "clerk", "0", "1", "--json")
    assert diff.json["differences"] == [
        {"path": "instructions", "before": "Be brief.", "after": "Be kind."}
    ]
    shown = call("assistants", "diff", "clerk", "0")
    assert "\x1b[31m" not in shown.out
    assert "instructions" in shown.out

    assert call("assistants", "rollback", "clerk", "0").out == "clerk@0 answers from now on.\n"
    listed = call("assistants", "list", "--json")
    assert listed.json == {
        "assistants": [{"name": "clerk", "version": 0, "newest": 2, "declared": True}]
    }
    show = call("assistants", "show", "clerk", "--version", "1", "--json").json
    assert (show["settings"]["instructions"], show["versions"]) == ("Be kind.", [2, 1, 0])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("instruction = 'x'", "instruction"),
        ("no toml", "cannot be read"),
        ("model = 'none'", "settings.model is 'none'"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    call: Call, folder: Path, text: str, says: str
) -> None:
    (folder / "bad.toml").write_text(text, encoding="utf-8")
    ended = call("assistants", "create", "clerk", "bad.toml", "--json")
    assert ended.code == 2
    assert says in json.dumps(ended.json) + ended.err
