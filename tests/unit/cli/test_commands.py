import json
import shutil
from pathlib import Path

import apsw
import pytest
from tests.fixtures.command_line import Call, bedplate
from tests.fixtures.tiny_towers import picture, write_towers

from bedplate.cli.search import parse_sort, snippet
from bedplate.domain.retrieval import Sort
from bedplate.errors import InvalidInput

ROWS = "".join(
    json.dumps(row) + "\n"
    for row in (
        {"id": "u", "title": "Umbrella", "text": "Keeps rain off.", "price": 20, "kind": "rain"},
        {"id": "t", "title": "Tent", "text": "Sleeps two people.", "price": 300, "kind": "camp"},
        {"id": "b", "title": "Boots", "text": "For muddy hills.", "price": 120, "kind": "feet"},
    )
)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data of a shop; each test has a copy of its own."""
    folder = tmp_path_factory.mktemp("stock")
    (folder / "rows.jsonl").write_text(ROWS, encoding="utf-8")
    assert bedplate("ingest", "rows.jsonl", "-c", "shop", cwd=folder).code == 0
    return folder


@pytest.fixture
def shop(call: Call, stock: Path, tmp_path: Path) -> Call:
    shutil.copytree(stock, tmp_path, dirs_exist_ok=True)
    return call


def ids(out: str) -> list[str]:
    return [hit["document_id"] for hit in json.loads(out)["hits"]]


def test_a_sort_field_may_be_descending() -> None:
    assert parse_sort("price") == Sort("price")
    assert parse_sort("-price") == Sort("price", descending=True)
    assert parse_sort(None) is None
    with pytest.raises(InvalidInput):
        parse_sort("-")


def test_a_snippet_shows_where_the_words_are() -> None:
    text = "Nothing here. " * 60 + "The heron stands in the reeds. " + "Nothing there. " * 60
    shown = snippet(text, "heron reeds")
    assert "The heron stands in the reeds." in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 300


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--sort", "price"], ["u", "b", "t"]),
        (["--sort", "-price", "--limit", "2"], ["t", "b"]),
        (["--sort", "price", "--limit", "1", "--offset", "1"], ["b"]),
        (["--filter", "price < 200", "--sort", "price"], ["u", "b"]),
        (["--filter", '{"kind": "camp"}'], ["t"]),
        (["--mode", "keyword", "rain"], ["u"]),
        (["--mode", "keyword", "rain", "--filter", "price > 100"], []),
    ],
)
def test_a_search_finds_what_fits(shop: Call, arguments: list[str], expected: list[str]) -> None:
    ran = shop("search", "-c", "shop", "--json", *arguments)
    assert ran.code == 0
    assert ids(ran.out) == expected


def test_a_wide_search_shows_the_window_of_a_passage(call: Call, tmp_path: Path) -> None:
    text = " ".join(f"Clause {word} is of the contract." for word in ("one", "two", "three"))
    (tmp_path / "contract.txt").write_text(text, encoding="utf-8")
    chunker = '[collections.c.chunker]\nuse = "sentence_window"\nshortest = 0\n'
    (tmp_path / "bedplate.toml").write_text(chunker, encoding="utf-8")
    assert call("ingest", "contract.txt", "-c", "c").code == 0
    search = ("search", "-c", "c", "--mode", "keyword", "--limit", "1", "--json", "clause two")
    [small] = json.loads(call(*search).out)["hits"]
    [wide] = json.loads(call(*search, "--wide").out)["hits"]
    assert small["text"].strip() == "Clause two is of the contract."
    assert wide["text"] == text


SHELF = """
[tables.shelf]
table = "shelf"
database = "shelf.db"
key = "id"
field = "document_id"
columns = ["town", "pieces"]
[models.default]
use = "scripted"
replies = ["It is this one [1]."]
"""
IN_OSLO = 'shelf: town == "Oslo" and pieces > 0'


@pytest.fixture
def shelved(shop: Call, tmp_path: Path) -> Call:
    db = apsw.Connection(str(tmp_path / "shelf.db"))
    db.execute(
        "CREATE TABLE shelf (id TEXT, town TEXT, pieces INTEGER);"
        "INSERT INTO shelf VALUES ('u', 'Oslo', 4), ('t', 'Oslo', 0), ('b', 'Rome', 2)"
    )
    db.close()
    (tmp_path / "bedplate.toml").write_text(SHELF, encoding="utf-8")
    return shop


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--join", IN_OSLO], ["u"]),
        (["--join", "shelf:pieces > 0", "--sort", "price"], ["u", "b"]),
        (["--join", 'shelf: {"pieces": {"$gt": 0}}', "--filter", "price > 50"], ["b"]),
        (["--join", '{"shelf": {"town": "Rome"}}', "hills"], ["b"]),
        (["--join", '{"shelf": "town == \'Bern\'"}', "hills"], []),
    ],
)
def test_a_join_narrows_a_search(shelved: Call, arguments: list[str], expected: list[str]) -> None:
    ran = shelved("search", "-c", "shop", "--json", *arguments)
    assert ran.code == 0, ran.err
    assert ids(ran.out) == expected


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--join", "shelf"], "invalid_input", "write it like 'stock: quantity > 0'"),
        (["--join", "shelf:"], "bad_filter", "join: shelf: it is empty"),
        (["--join", "shelve: pieces > 0"], "bad_filter", "Did you mean 'shelf'?"),
        (["--join", "shelf: piece > 0"], "bad_filter", "Did you mean 'pieces'?"),
        (["--join", '{"shelf": '], "bad_filter", "join: not JSON"),
        (["--join", IN_OSLO, "--join", IN_OSLO], "invalid_input", "names 'shelf' twice"),
    ],
)
@pytest.mark.parametrize("command", ["search", "ask"])
def test_a_wrong_join_is_explained(
    shelved: Call, command: str, arguments: list[str], code: str, message: str
) -> None:
    ran = shelved(command, "-c", "shop", "--json", "rain", *arguments)
    assert ran.code == 2
    assert ran.json["error"]["code"] == code
    assert message in ran.json["error"]["message"]


def test_an_answer_comes_only_from_what_a_join_leaves(shelved: Call) -> None:
    question = ("ask", "-c", "shop", "--json", "What keeps rain off?", "--join")
    [cited] = shelved(*question, 'shelf: town == "Rome"').json["citations"]
    assert cited["document_id"] == "b"
    assert shelved(*question, 'shelf: town == "Bern"').json["refused"] is True


def test_a_line_of_a_batch_may_have_its_own_join(shelved: Call, tmp_path: Path) -> None:
    lines = [
        {"id": 1, "text": "hills rain"},
        {"id": 2, "text": "hills rain", "join": {"shelf": {"town": "Rome"}}},
        {"id": 3, "join": {"shelf": "pieces == 0"}},
        {"id": 4, "text": "x", "join": "shelf: pieces > 0"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "lines.jsonl").write_text(text, encoding="utf-8")
    ran = shelved("search", "-c", "shop", "--queries", "lines.jsonl", "--join", IN_OSLO)
    assert ran.code == 4
    found = [[hit["document_id"] for hit in line.get("hits", ())] for line in ran.lines]
    assert found == [["u"], ["b"], ["t"], []]
    assert '"join" must be an object' in ran.lines[3]["error"]["message"]
    ran = shelved("ask", "-c", "shop", "--questions", "lines.jsonl", "--join", IN_OSLO)
    cited = [line["citations"][0]["document_id"] for line in ran.lines[:2]]
    assert cited == ["u", "b"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["search", "-c", "shpo", "x"], "not_found", "Did you mean 'shop'?"),
        (["ask", "-c", "shpo", "x"], "not_found", "Did you mean 'shop'?"),
        (["search", "-c", "shpo", "--queries", "rows.jsonl"], "not_found", "Did you mean 'shop'?"),
        (["ask", "-c", "shop", "x", "-m", "qote"], "not_found", "Did you mean 'quote'?"),
        (["search", "-c", "shop", "x", "--filter", "price <"], "bad_filter", "position 8"),
        (["search", "-c", "shop", "x", "--filter", "prise < 3"], "bad_filter", "'price'"),
        (["search", "-c", "shop"], "invalid_input", "Give a query, a filter or a sort."),
        (["search", "-c", "shop", "--sort", "size"], "invalid_input", "no document has it"),
        (["search", "-c", "shop", "x", "--limit", "0"], "invalid_input", "--limit is 0"),
        (["search", "-c", "shop", "x", "--offset", "-1"], "invalid_input", "offset is -1"),
        (["search", "-c", "shop", "x", "--queries", "f"], "invalid_input", "leave out QUERY"),
        (["search", "-c", "shop", "--queries", "no.jsonl"], "invalid_input", "'no.jsonl'"),
        (["ask", "-c", "shop", " "], "invalid_input", "The question is empty."),
        (["ask", "-c", "shop"], "invalid_input", "Give a QUESTION or --questions"),
        (["ingest", "no-such", "-c", "shop"], "invalid_input", "'no-such'"),
        (["ingest", "sqlite:///x.db", "-c", "shop"], "invalid_input", "lacks table, key, text"),
        (
            ["ingest", "postgresql://u:secret@h/d", "-c", "s"],
            "invalid_input",
            "lacks table, key, text",
        ),
        (["ingest", "*.jsonl", "-c", "shop", "--prune"], "invalid_input", "--prune needs"),
        (["parse", "no.pdf"], "invalid_input", "'no.pdf'"),
        (["search", "x"], "invalid_usage", "--collection"),
        (["ask", "-c", "shop", "--modle", "x"], "invalid_usage", "--modle"),
        (["askk"], "invalid_usage", "Did you mean 'ask'?"),
        (["search", "-c", "shop", "--config", "no.toml", "x"], "config_error", "'no.toml'"),
    ],
)
def test_bad_input_is_one_clear_error_and_exit_code_2(
    shop: Call, arguments: list[str], code: str, message: str
) -> None:
    ran = shop(*arguments, "--json")
    assert ran.code == 2
    assert list(ran.json) == ["error"]
    assert ran.json["error"]["code"] == code
    assert message in ran.json["error"]["message"]
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert "secret" not in ran.err
    without = shop(*arguments)
    assert (without.code, without.err) == (2, ran.err)


def test_an_unknown_key_of_the_file_is_named_with_the_nearest(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text("[srch]\nlimit = 3\n", encoding="utf-8")
    ran = call("search", "-c", "x", "y")
    assert ran.code == 2
    assert "Unknown setting 'srch'" in ran.err
    assert "Did you mean 'search'?" in ran.err


def test_a_search_before_any_ingest_says_so_and_makes_no_folder(call: Call, tmp_path: Path) -> None:
    ran = call("search", "-c", "x", "y")
    assert ran.code == 2
    assert "bedplate ingest PATH -c COLLECTION" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_ingest_ends_by_what_was_kept(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    assert call("ingest", "bad.pdf", "-c", "x").code == 2
    (tmp_path / "good.txt").write_text("Something to read.", encoding="utf-8")
    ran = call("ingest", "bad.pdf", "good.txt", "-c", "x", "--json")
    assert ran.code == 4
    assert ran.json["documents"] == {
        "added": 1,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "skipped": 0,
        "failed": 1,
    }
    assert [failure["source"] for failure in ran.json["failures"]] == ["bad.pdf"]
    (tmp_path / "empty").mkdir()
    assert "no file to read in 'empty'" in call("ingest", "empty", "-c", "x").err


def test_the_data_folder_is_not_ingested_itself(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.", encoding="utf-8")
    assert call("ingest", ".", "-c", "x", "--json").json["documents"]["added"] == 1
    again = call("ingest", ".", "-c", "x", "--json")
    assert again.code == 0
    assert (again.json["documents"]["unchanged"], again.json["documents"]["failed"]) == (1, 0)


def test_prune_deletes_what_is_gone_from_the_folder_named(call: Call, tmp_path: Path) -> None:
    for name in ("docs/a.txt", "docs/b.txt", "other/c.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"The text of {name}.", encoding="utf-8")
    call("ingest", "docs", "other", "-c", "x")
    (tmp_path / "docs/b.txt").unlink()
    (tmp_path / "other/c.txt").unlink()
    ran = call("ingest", "docs", "-c", "x", "--prune", "--json")
    assert (ran.code, ran.json["documents"]["deleted"]) == (0, 1)
    (tmp_path / "docs/a.txt").unlink()
    assert call("ingest", "docs", "-c", "x", "--prune", "--json").json["documents"]["deleted"] == 1


def test_parse_shows_blocks_and_warnings(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Top\n\nText.\n\n## Below\n\nMore.\n", encoding="utf-8")
    ran = call("parse", "a.md", "--json")
    assert ran.code == 0
    assert list(ran.json)[:4] == ["media_type", "pages", "blocks", "warnings"]
    assert ran.json["media_type"] == "text/markdown"
    assert ran.json["pages"] is None
    shown = [(block["page"], block["heading"], block["text"]) for block in ran.json["blocks"]]
    assert shown[-1] == (None, "Top > Below", "More.")
    assert "More." in call("parse", "a.md").out


def test_parse_of_rows_lists_the_ones_that_fail(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n{oops\n', encoding="utf-8")
    ran = call("parse", "a.jsonl", "--json")
    assert ran.code == 4
    assert [failure["source"] for failure in ran.json["failures"]] == ["a.jsonl:2"]


def test_a_folder_of_images_is_ingested_and_searched_by_what_they_show(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(picture(250, 20, 20))
    (tmp_path / "photos" / "b.jpg").write_bytes(picture(20, 250, 20, kind="JPEG"))
    towers = write_towers(tmp_path / "model").as_posix()
    (tmp_path / "bedplate.toml").write_text(
        f'[image_embedder]\nuse = "fastembed"\nfolder = "{towers}"\nleast = 0.7\n',
        encoding="utf-8",
    )
    assert call("ingest", "photos", "-c", "shop", "--json").json["documents"]["added"] == 2
    found = call("search", "-c", "shop", "green", "--json").json
    assert [hit["title"] for hit in found["hits"] if hit["image"]] == ["b"]


def test_metadata_is_shown_as_people_write_it(call: Call, tmp_path: Path) -> None:
    row = {"id": "a", "text": "Rain.", "sizes": ["S", "M"], "sold": True, "price": 9.5}
    (tmp_path / "one.jsonl").write_text(json.dumps(row), encoding="utf-8")
    parsed = call("parse", "one.jsonl").out
    assert "  sizes: S, M\n" in parsed
    assert "  sold: true\n" in parsed
    assert call("ingest", "one.jsonl", "-c", "c").code == 0
    found = call("search", "-c", "c", "rain").out
    assert "sizes=S, M · sold=true · price=9.5" in found


def test_a_limit_that_is_given_counts_before_what_the_question_says(shop: Call) -> None:
    cheapest = shop("search", "-c", "shop", "the cheapest", "--json")
    assert len(cheapest.json["hits"]) == cheapest.json["self_query"]["limit"] == 1
    more = shop("search", "-c", "shop", "the cheapest", "--limit", "2", "--json")
    assert [hit["document_id"] for hit in more.json["hits"]] == ["u", "b"]
