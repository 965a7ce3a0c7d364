"""Bars and lines of progress, as the real process shows them."""

import json
from pathlib import Path

import pytest
from tests.fixtures.command_line import HASHING, bedplate
from tests.fixtures.terminal import bedplate_on_terminal

pytestmark = pytest.mark.slow

FILES = 400
QUESTIONS = 700
SMALL = {**HASHING, "BEDPLATE_INGEST__BATCH_CHUNKS": "4"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Much to read, and questions about it."""
    made = tmp_path_factory.mktemp("progress")
    (made / "docs").mkdir()
    for number in range(FILES):
        words = " ".join(f"word{number}-{place}" for place in range(100))
        (made / "docs" / f"{number:03}.txt").write_text(words)
    lines = [json.dumps({"id": number, "text": f"word{number}"}) for number in range(QUESTIONS)]
    (made / "queries.jsonl").write_text("\n".join(lines))
    bedplate("ingest", "docs", "-c", "ready", cwd=made)
    return made


def test_a_bar_shows_counts_and_a_rate_and_leaves_stdout_alone(folder: Path) -> None:
    ran = bedplate_on_terminal("ingest", "docs", "-c", "bar", "--json", cwd=folder, env=SMALL)
    assert ran.code == 0
    assert json.loads(ran.out)["documents"]["added"] == FILES
    bars = [frame for frame in ran.frames if frame.startswith("ingest ")]
    assert any(f"/{FILES} files" in frame for frame in bars)
    assert any("passages/s" in frame for frame in bars)
    assert all(len(frame) <= 100 for frame in ran.frames)


def test_answers_of_a_batch_reach_the_pipe_while_a_bar_is_on_the_terminal(folder: Path) -> None:
    ran = bedplate_on_terminal("search", "-c", "ready", "--queries", "queries.jsonl", cwd=folder)
    assert ran.code == 0
    assert [json.loads(line)["id"] for line in ran.out.splitlines()] == [*range(QUESTIONS)]
    assert any("lines/s" in frame for frame in ran.frames)


def test_answers_that_somebody_watches_are_not_mixed_with_a_bar(folder: Path) -> None:
    ran = bedplate_on_terminal(
        "search", "-c", "ready", "--queries", "queries.jsonl", cwd=folder, columns=4000, both=True
    )
    assert [json.loads(frame)["id"] for frame in ran.frames] == [*range(QUESTIONS)]


@pytest.mark.parametrize("form", [[], ["--progress", "bar"], ["--progress", "off"]])
def test_piped_nothing_but_the_result_is_written(folder: Path, form: list[str]) -> None:
    ran = bedplate("ingest", "docs", "-c", "ready", "--json", *form, cwd=folder)
    assert ran.json["documents"]["unchanged"] == FILES
    assert ran.err == ""


def test_progress_as_json_is_asked_for_and_goes_to_stderr(folder: Path) -> None:
    ran = bedplate("--progress", "json", "ingest", "docs", "-c", "lines", "--json", cwd=folder)
    assert ran.json["documents"]["added"] == FILES
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert {line["progress"] for line in lines} == {"ingest"}
    last = lines[-1]
    assert (last["done"], last["total"], last["documents"]) == (FILES, FILES, FILES)
    assert (
        last["bytes"]
        == last["total_bytes"]
        == sum(file.stat().st_size for file in (folder / "docs").iterdir())
    )
    assert last["chunks"] == ran.json["chunks"]
    assert last["eta_seconds"] == {"low": 0, "high": 0}


def test_other_work_tells_how_far_it_is_in_the_same_way(folder: Path) -> None:
    said = {}
    for arguments in (
        ["snapshots", "create", "-c", "ready", "one"],
        ["reindex", "-c", "ready", "--embedder-from-config"],
        ["search", "-c", "ready", "--queries", "queries.jsonl"],
    ):
        ran = bedplate(*arguments, "--progress", "json", cwd=folder)
        assert ran.code == 0, ran
        last = json.loads(ran.err.splitlines()[-1])
        said[last["progress"]] = last["done"], last["total"], last["unit"]
    assert said == {
        "copy": (FILES, FILES, "documents"),
        "reindex": (FILES, FILES, "documents"),
        "answer": (QUESTIONS, None, "lines"),
    }


def test_a_sync_tells_its_phases(folder: Path) -> None:
    bedplate("sources", "add", "papers", "folder", "-c", "synced", "-o", "path=docs", cwd=folder)
    ran = bedplate("sources", "sync", "papers", "--progress", "json", "--json", cwd=folder)
    assert ran.code == 0, ran
    lines = [json.loads(line) for line in ran.err.splitlines()]
    ends = {line["phase"]: (line["done"], line["total"]) for line in lines}
    assert ends == {"list": (FILES, None), "ingest": (FILES, FILES)}
    assert {line["source"] for line in lines} == {"papers"}


def test_an_unknown_form_is_refused(folder: Path) -> None:
    ran = bedplate("ingest", "docs", "-c", "x", "--progress", "dots", cwd=folder)
    assert ran.code == 2
    assert "'dots'" in ran.err
