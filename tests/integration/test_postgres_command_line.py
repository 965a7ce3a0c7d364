"""The commands over a PostgreSQL catalog."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.fixtures.command_line import HASHING, Ran, bedplate
from tests.fixtures.postgres import empty_database, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def address() -> Iterator[str]:
    with empty_database() as made:
        yield made


def run(folder: Path, address: str, *arguments: str) -> Ran:
    given = {"BEDPLATE_STORE__USE": "pgvector", "BEDPLATE_DATA__DATABASE": address}
    return bedplate(*arguments, cwd=folder, env={**HASHING, **given})


def findings(ran: Ran) -> dict[str, Any]:
    return {finding["check"]: finding for finding in ran.json["findings"]}


def test_ingest_search_and_doctor_use_the_database(tmp_path: Path, address: str) -> None:
    address = address.replace("postgres@", "postgres:pw-1@")
    before = run(tmp_path, address, "doctor", "--json")
    assert before.code == 0
    assert "nothing was ingested yet" in findings(before)["catalog"]["detail"]
    with psycopg.connect(address) as connection:
        found = connection.execute("SELECT to_regnamespace('bedplate') IS NULL").fetchone()
    assert found == (True,)

    (tmp_path / "boots.md").write_text("# Boots\n\nBoots keep feet dry.", encoding="utf-8")
    assert run(tmp_path, address, "ingest", "boots.md", "-c", "docs").code == 0
    searched = run(tmp_path, address, "search", "-c", "docs", "dry feet", "--json")
    assert searched.code == 0
    assert "Boots keep feet dry." in searched.out

    after = run(tmp_path, address, "doctor", "--json")
    assert after.code == 0
    catalog = findings(after)["catalog"]
    assert (catalog["status"], "pgvector 0." in catalog["detail"]) == ("ok", True)
    assert "1 document" in findings(after)["collection docs"]["detail"]
    assert "pw-1" not in before.out + after.out
    assert not list(tmp_path.rglob("catalog.db"))


def test_the_first_key_of_an_empty_database_is_made_and_found(tmp_path: Path, address: str) -> None:
    made = run(tmp_path, address, "keys", "create", "app", "--json")
    assert made.code == 0, made.err
    listed = run(tmp_path, address, "keys", "list", "--json").json["keys"]
    assert [each["id"] for each in listed] == [made.json["id"]]
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_says_what_is_wrong_with_a_database(tmp_path: Path) -> None:
    there = f"postgresql://u:pw-1@127.0.0.1:{free_port()}/x"
    ran = run(tmp_path, there, "doctor", "--json")
    assert ran.code == 2
    assert findings(ran)["catalog"]["status"] == "fail"
    assert "cannot be reached" in findings(ran)["catalog"]["detail"]
    assert "pw-1" not in ran.out + ran.err


def test_a_collection_moves_between_stores_and_gets_another_embedder(
    tmp_path: Path, address: str
) -> None:
    def configure(use: str, other: str, dimensions: int) -> None:
        (tmp_path / "bedplate.toml").write_text(
            f'[data]\ndatabase = "{address}"\n[store]\nuse = "{use}"\n'
            f'[stores.next]\nuse = "{other}"\n'
            f'[embedder]\nuse = "hashing"\ndimensions = {dimensions}\n'
        )

    def call(*arguments: str) -> Ran:
        return bedplate(*arguments, "-c", "docs", "--json", cwd=tmp_path, env={})

    (tmp_path / "boots.md").write_text("# Boots\n\nBoots keep feet dry.", encoding="utf-8")
    configure("lancedb", "sqlite", 64)
    assert call("ingest", "boots.md").code == 0
    refused = call("move", "--to", "next")
    assert (refused.code, "stores.next.use is 'sqlite'" in refused.err) == (2, True)

    configure("lancedb", "pgvector", 64)
    there = call("move", "--to", "next")
    assert (there.code, there.json["documents"]) == (0, 0), there.err
    assert there.json["verification"]["ok"] is True
    configure("pgvector", "lancedb", 64)
    back = call("move", "--to", "next")
    assert (back.code, back.json["documents"]) == (0, 1), back.err

    configure("pgvector", "lancedb", 128)
    reindexed = call("reindex")
    assert (reindexed.code, reindexed.json["way"]) == (0, "embedded"), reindexed.err
    kept = reindexed.json["kept"]
    [snapshot] = call("snapshots", "list").json["snapshots"]
    assert (snapshot["name"], snapshot["chunks"], snapshot["bytes"] > 64 * 2) == (kept, 1, True)
    assert call("search", "dry feet").json["hits"][0]["title"] == "Boots"
    assert call("snapshots", "rollback", kept).code == 0
    configure("pgvector", "lancedb", 64)
    assert call("search", "dry feet").json["hits"][0]["title"] == "Boots"
