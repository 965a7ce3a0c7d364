"""`bedplate quarantine`: what is held is listed without its secrets, and let in."""

import json
from pathlib import Path

from tests.fixtures.command_line import Call

KEY = "AKIAIOSFODNN7EXAMPLE"


def test_the_command_line_lists_and_releases(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text(f"Boots {KEY}.")
    (tmp_path / "bedplate.toml").write_text(
        '[embedder]\nuse = "hashing"\n[ingest]\nsecrets = "quarantine"\n'
    )
    first = call("ingest", str(file), "-c", "c", "--json")
    assert (first.code, first.json["failures"][0]["code"]) == (2, "quarantined")
    held = call("quarantine", "list", "-c", "c", "--json").json["held"]
    assert [each["reasons"] for each in held] == [{"CLOUD_KEY": 1}]
    assert KEY not in json.dumps(held)
    assert "CLOUD_KEY 1" in call("quarantine", "list", "-c", "c").out
    released = call("quarantine", "release", "-c", "c", held[0]["document_id"], "--json")
    assert (released.code, released.json["documents"]["added"]) == (0, 1)
    assert "Nothing of c is in quarantine" in call("quarantine", "list", "-c", "c").out
    assert call("quarantine", "release", "-c", "c", "nothing").code == 2


def test_what_is_held_is_listed_by_a_collection_that_is_there(call: Call, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text(f"Boots {KEY}.")
    (tmp_path / "bedplate.toml").write_text(
        '[embedder]\nuse = "hashing"\n[ingest]\nsecrets = "quarantine"\n'
    )
    held = call("ingest", "note.txt", "-c", "c")
    assert held.code == 2
    assert "What is held: bedplate quarantine list -c c" in held.out
    empty = call("search", "-c", "c", "boots")
    assert (empty.code, "Nothing found." in empty.out) == (0, True)
    assert call("quarantine", "release", "-c", "c", "note.txt").code == 0
    assert "note" in call("search", "-c", "c", "boots").out
