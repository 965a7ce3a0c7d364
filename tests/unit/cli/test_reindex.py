import json
from pathlib import Path
from typing import Any

import apsw
from tests.fixtures.command_line import Call

from bedplate.cli.main import run

TOML = """
[embedder]
use = "hashing"
dimensions = {dimensions}
[stores.other]
use = "memory"
"""


def prepare(call: Call, folder: Path) -> None:
    configure(folder, 64)
    (folder / "docs").mkdir()
    for number in range(6):
        (folder / "docs" / f"{number}.md").write_text(f"# Item {number}\n\ncode{number}x\n")
    assert call("ingest", "docs", "-c", "c").code == 0


def configure(folder: Path, dimensions: int) -> None:
    (folder / "bedplate.toml").write_text(TOML.format(dimensions=dimensions))


def test_a_collection_is_reindexed_and_rolled_back(call: Call, tmp_path: Path) -> None:
    prepare(call, tmp_path)
    configure(tmp_path, 128)
    refused = call("search", "-c", "c", "code3x")
    assert refused.code == 2
    assert "bedplate reindex -c c" in refused.err
    done = call("reindex", "-c", "c", "--json")
    assert done.code == 0
    report = done.json
    assert (report["way"], report["embedder"], report["documents"]) == (
        "embedded",
        "hashing-128",
        6,
    )
    assert report["switched"] is True
    side = {"documents": 6, "chunks": 6, "checksum": report["verification"]["store"]["checksum"]}
    assert report["verification"]["catalog"] == report["verification"]["store"] == side
    assert len(side["checksum"]) == 64
    assert call("search", "-c", "c", "code3x", "--json").json["hits"][0]["title"] == "Item 3"
    found = call("snapshots", "list", "-c", "c", "--json").json["snapshots"]
    assert [(each["name"], each["chunks"]) for each in found] == [(report["kept"], 6)]
    assert found[0]["bytes"] > 6 * 64 * 2
    assert report["kept"] in call("snapshots", "list", "-c", "c").out
    back = call("snapshots", "rollback", "-c", "c", report["kept"])
    assert back.code == 0
    assert "configure that one" in back.out
    configure(tmp_path, 64)
    assert call("search", "-c", "c", "code3x").code == 0
    rebuilt = call("reindex", "-c", "c")
    assert (rebuilt.code, "6 passages of 6 documents rebuilt" in rebuilt.out) == (0, True)


def test_the_doctor_says_which_collections_wait(call: Call, tmp_path: Path) -> None:
    prepare(call, tmp_path)
    configure(tmp_path, 128)
    ran = call("doctor", "--json")
    [finding] = [each for each in ran.json["findings"] if each["check"] == "collection c"]
    assert (ran.code, finding["status"]) == (2, "fail")
    assert "bedplate reindex -c c" in finding["remedy"]
    with (tmp_path / "bedplate.toml").open("a") as file:
        file.write('[former_embedder]\nuse = "hashing"\ndimensions = 64\n')
    ran = call("doctor", "--json")
    [finding] = [each for each in ran.json["findings"] if each["check"] == "collection c"]
    assert (ran.code, finding["status"]) == (0, "warn")
    assert call("search", "-c", "c", "code3x").code == 0


def test_snapshots_are_made_and_deleted(call: Call, tmp_path: Path) -> None:
    prepare(call, tmp_path)
    made = call("snapshots", "create", "-c", "c", "v1", "--json")
    assert made.json == {
        "collection": "c",
        "snapshot": {"name": "v1", "embedder": "hashing-64", "documents": 6, "chunks": 6},
    }
    assert call("snapshots", "delete", "-c", "c", "v1").code == 0
    gone = call("snapshots", "delete", "-c", "c", "v1", "--json")
    assert (gone.code, gone.json["error"]["code"]) == (2, "not_found")
    assert "has no snapshots" in call("snapshots", "list", "-c", "c").out


def test_a_move_is_verified_and_says_what_to_change(call: Call, tmp_path: Path) -> None:
    prepare(call, tmp_path)
    done = call("move", "-c", "c", "--to", "other")
    assert done.code == 0
    assert "all 6 passages of 6 documents are in other, 100% of the best hits agree" in done.out
    assert '[store] use = "memory"' in done.out
    unknown = call("move", "-c", "c", "--to", "othr")
    assert unknown.code == 2
    assert "There is no [stores.othr] in the configuration. Known: other." in unknown.err


def test_the_store_in_use_is_no_place_to_move_to(call: Call, tmp_path: Path) -> None:
    prepare(call, tmp_path)
    with (tmp_path / "bedplate.toml").open("a") as file:
        file.write('[stores.same]\nuse = "sqlite"\n')
    refused = call("move", "-c", "c", "--to", "same")
    assert refused.code == 2
    assert "[stores.same] is the store in use" in refused.err


def test_a_verification_that_fails_is_exit_code_4(call: Call, tmp_path: Path) -> None:
    prepare(call, tmp_path)
    connection = apsw.Connection(str(tmp_path / "bedplate-data" / "catalog.db"))
    connection.execute("DELETE FROM vector WHERE document = 2")
    connection.close()
    failed = call("reindex", "-c", "c", "--json")
    assert failed.code == 4
    found: Any = json.loads(failed.out)
    assert found["switched"] is False
    assert found["verification"]["store"]["chunks"] == 5
    assert len(found["verification"]["missing"]) == 1
    assert "1 of 6 passages are missing" in call("reindex", "-c", "c").out


def test_the_commands_are_listed() -> None:
    assert run(["snapshots", "--help"]) == 0
    assert run(["move", "--help"]) == 0
