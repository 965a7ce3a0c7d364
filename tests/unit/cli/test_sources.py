"""`bedplate sources`, as a person and as a program see it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.fixtures.command_line import Call


@pytest.fixture
def shop(call: Call, tmp_path: Path) -> Call:
    (tmp_path / "docs").mkdir()
    for name in ("coat", "boot"):
        (tmp_path / "docs" / f"{name}.md").write_text(f"# {name}\n\nCode {name}7x.")
    assert call("sources", "add", "docs", "folder", "-c", "shop", "-o", "path=docs").code == 0
    return call


def test_a_source_is_synced_shown_and_removed(shop: Call, tmp_path: Path) -> None:
    first = shop("sources", "sync", "docs", "--json")
    assert (first.code, first.json["status"], first.json["documents"]["added"]) == (0, "done", 2)
    hits = shop("search", "-c", "shop", "coat7x", "--json").json["hits"]
    assert hits[0]["document_id"] == "docs/coat.md"
    (tmp_path / "docs" / "coat.md").write_bytes(b"\x00\x01\x02" * 50)
    second = shop("sources", "sync")
    assert second.code == 4
    assert "1 failed" in second.out
    assert "coat.md" in second.out
    shown = shop("sources", "show", "docs", "--json").json
    assert shown["source"]["items"] == {"done": 1, "failed": 1}
    assert [each["status"] for each in shown["syncs"]] == ["partly", "done"]
    assert shop("sources", "retry", "docs", "--json").json == {"source": "docs", "items": 1}
    assert "partly" in shop("sources", "list").out
    assert shop("sources", "remove", "docs", "--json").json == {"source": "docs", "deleted": 2}
    assert shop("sources", "list", "--json").json == {"sources": []}


def test_a_shrunken_source_says_what_to_do_and_exits_4(shop: Call, tmp_path: Path) -> None:
    shop("sources", "sync")
    for path in (tmp_path / "docs").iterdir():
        path.unlink()
    held = shop("sources", "sync", "docs")
    assert held.code == 4
    assert "sources sync docs --allow-shrink" in held.out
    assert shop("sources", "sync", "docs", "--allow-shrink").code == 0


def test_one_source_that_fails_does_not_keep_others_from_theirs(shop: Call, tmp_path: Path) -> None:
    shop("sources", "add", "away", "folder", "-c", "shop", "-o", "path=none", "--no-check")
    both = shop("sources", "sync", "--json")
    assert both.code == 4
    away, docs = both.json["syncs"]
    assert (away["error"]["code"], docs["status"]) == ("unavailable", "done")
    assert shop("sources", "sync", "away").code == 1


def test_a_table_is_read_and_its_secret_is_not_kept(call: Call, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
        db.execute("CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, price REAL)")
        db.execute("INSERT INTO product VALUES (7, 'Umbrella rain7x', 20.5)")
    (tmp_path / "address").write_text(f"sqlite:///{tmp_path}/shop.db\n")
    added = call(
        "sources", "add", "products", "sql", "-c", "shop", "-o", 'database={ file = "address" }',
        "-o", "table=product", "-o", 'key=["id"]', "-o", 'text=["name"]',
        "-o", 'metadata=["price"]', "--schedule", "1h", "--json",
    )  # fmt: skip
    assert added.code == 0
    options = added.json["source"]["options"]
    assert options["database"] == {"file": str(tmp_path / "address")}
    assert call("sources", "sync", "products").code == 0
    (hit,) = call("search", "-c", "shop", "--filter", "price > 20", "--json").json["hits"]
    assert (hit["document_id"], hit["text"]) == ("products/7", "Umbrella rain7x")
    off = call("sources", "schedule", "products", "off", "--json")
    assert off.json == {"source": "products", "schedule": None}


def test_ingest_of_a_table_s_address_sets_a_source_up_and_syncs_it(
    call: Call, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
        db.execute("CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, price REAL)")
        db.execute("INSERT INTO product VALUES (7, 'Umbrella', 20.5), (8, 'Tent', 300)")
    address = "sqlite:///shop.db?table=product&key=id&text=name&metadata=price"
    first = call("ingest", address, "-c", "shop", "--json")
    assert (first.code, first.json["documents"]["added"]) == (0, 2)
    assert first.json["source"] == "product"
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
        db.execute("DELETE FROM product WHERE id = 7")
    second = call("ingest", address, "-c", "shop", "--json")
    assert second.json["documents"] == {
        "added": 0, "updated": 0, "unchanged": 1, "deleted": 1, "failed": 0,
    }  # fmt: skip
    other = call("ingest", address, "-c", "elsewhere")
    assert (other.code, "set up otherwise" in other.err) == (2, True)
    password = call("ingest", address.replace("sqlite:///", "postgresql://u:pw-1@h/"), "-c", "s")
    assert password.code == 2
    assert "pw-1" not in password.err


def test_our_own_data_below_a_folder_is_left_out(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\nText.")
    added = call("sources", "add", "all", "folder", "-c", "c", "-o", "path=.", "--json")
    assert added.json["source"]["options"] == {
        "path": str(tmp_path), "exclude": ["bedplate-data"],
    }  # fmt: skip
    assert call("sources", "sync", "--json").json["items"]["listed"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "path"], "KEY=VALUE"),
        (["-o", "path=docs", "-o", "colour=red"], "colour"),
        (["-o", "path=docs", "--schedule", "often"], "schedule"),
        (["-o", 'path={ env = "NOT_THERE" }'], "NOT_THERE"),
    ],
)
def test_bad_input_is_one_clear_error(
    call: Call, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "docs").mkdir()
    ran = call("sources", "add", "docs", "folder", "-c", "c", *arguments)
    assert ran.code == 2
    assert message in ran.err


def test_an_unknown_source_is_named(shop: Call) -> None:
    ran = shop("sources", "sync", "dosc")
    assert ran.code == 2
    assert "Did you mean 'docs'?" in ran.err
