import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from bedplate.cli.batch import MAX_LINE_BYTES, WORKERS, Item, run_batch
from bedplate.cli.exits import Exit
from bedplate.errors import InvalidInput, UpstreamError

Lines = list[dict[str, Any]]


async def answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, work: Any
) -> tuple[Exit, Lines]:
    path = tmp_path / "batch.jsonl"
    path.write_bytes(content)
    code = await run_batch(str(path), work)
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def echo(item: Item) -> dict[str, Any]:
    return {"id": item.id, "text": item.text, "filter": item.filter}


async def test_answers_keep_the_order_of_the_lines_however_long_each_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [asyncio.Event() for _ in range(WORKERS)]

    async def backwards(item: Item) -> dict[str, Any]:
        number = int(item.id)
        if number + 1 < len(events):
            await events[number + 1].wait()
        events[number].set()
        return {"id": number}

    content = b"".join(b'{"id": %d, "text": "x"}\n' % number for number in range(WORKERS))
    code, lines = await answers(tmp_path, capsys, content, backwards)
    assert code == Exit.DONE
    assert lines == [{"id": number} for number in range(WORKERS)]


async def test_no_more_lines_are_worked_on_at_once_than_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running, most = 0, 0

    async def count(item: Item) -> dict[str, Any]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return {"id": item.id}

    content = b'{"text": "x"}\n' * 50
    code, lines = await answers(tmp_path, capsys, content, count)
    assert (code, len(lines)) == (Exit.DONE, 50)
    assert most == WORKERS


async def test_a_line_without_an_id_goes_by_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, lines = await answers(tmp_path, capsys, b'\n{"text": "a"}\n \n{"text": "b"}', echo)
    assert [line["id"] for line in lines] == [2, 4]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{oops", "not valid JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"id": 1}', '"text" is missing'),
        (b'{"text": 3}', '"text" must be text'),
        (b'{"text": "x", "filter": 3}', '"filter" must be'),
        (b'{"text": "x", "id": {}}', '"id" must be'),
        (b'{"text": "\xff"}', "not valid UTF-8 at byte 11"),
        (b'{"text": "' + b"x" * MAX_LINE_BYTES + b'"}', "at most 1,048,576 are read"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
async def test_a_bad_line_is_answered_in_its_place_with_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: bytes, message: str
) -> None:
    content = b'{"id": "a", "text": "x"}\n' + line + b'\n{"id": "b", "text": "y"}\n'
    code, lines = await answers(tmp_path, capsys, content, echo)
    assert code == Exit.PARTLY
    assert [entry.get("id") for entry in (lines[0], lines[2])] == ["a", "b"]
    assert lines[1]["line"] == 2
    assert lines[1]["error"]["code"] == "invalid_input"
    assert message in lines[1]["error"]["message"]


async def test_a_failed_answer_names_its_id_and_the_rest_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(item: Item) -> dict[str, Any]:
        if item.text == "bad":
            raise InvalidInput("no good")
        return await echo(item)

    content = b'{"id": 1, "text": "bad"}\n{"id": 2, "text": "good", "filter": {"a": 1}}\n'
    code, lines = await answers(tmp_path, capsys, content, work)
    assert code == Exit.PARTLY
    assert lines == [
        {"id": 1, "line": 1, "error": {"code": "invalid_input", "message": "no good"}},
        {"id": 2, "text": "good", "filter": {"a": 1}},
    ]


async def test_a_batch_of_which_nothing_was_done_ends_as_its_first_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def down(item: Item) -> dict[str, Any]:
        raise UpstreamError("down", provider="p")

    code, _ = await answers(tmp_path, capsys, b'{"text": "x"}\n' * 3, down)
    assert code == Exit.UPSTREAM


async def test_an_empty_batch_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await answers(tmp_path, capsys, b"", echo) == (Exit.DONE, [])


async def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="none.jsonl"):
        await run_batch(str(tmp_path / "none.jsonl"), echo)
