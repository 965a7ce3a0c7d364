"""`bedplate quality` and `bedplate rescrub`: counts, a second look, and exit codes."""

from pathlib import Path

from tests.fixtures.command_line import Call


def test_quality_is_shown_and_a_rescrub_takes_out_what_is_found_now(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("Boots, says jo@example.com.")
    config = tmp_path / "bedplate.toml"
    config.write_text('[guards]\npii = { use = "patterns", types = ["KEY"] }\n')
    assert call("ingest", "a.txt", "-c", "c").code == 0
    before = call("quality", "-c", "c", "--json").json
    assert (before["measured"], before["redactions"]) == (1, {})
    config.write_text("")
    done = call("rescrub", "-c", "c", "--json")
    assert (done.code, done.json["changed"], done.json["redactions"]) == (0, 1, {"EMAIL": 1})
    assert call("quality", "-c", "c", "--json").json["redactions"] == {"EMAIL": 1}
    one = call("quality", "-c", "c", "a.txt", "--json").json
    assert (one["document"], one["redactions"], one["chunks"]) == ("a.txt", {"EMAIL": 1}, 1)
    assert "EMAIL 1" in call("quality", "-c", "c").out
    assert "EMAIL 1" in call("quality", "-c", "c", "a.txt").out
    assert "nothing replaced in 0 of 1 documents" in call("rescrub", "-c", "c").out
    assert call("quality", "-c", "c", "nothing").code == 2
    config.write_text("[guards]\npii = false\n")
    assert call("rescrub", "-c", "c").code == 2
