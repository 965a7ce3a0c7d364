"""Calls of one answer that only read are made side by side; what has an effect waits its turn."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.runs import Killed, Till, calls, says, world

from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.runs import RunLimits, RunStatus
from bedplate.tools.protocol import ToolContext, ToolResult

TEXT = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}


@dataclass
class Shelf(Till):
    """Reads, and answers once so many calls are under way together."""

    name: str = "look"
    effect: Any = "none"
    parameters: Mapping[str, Any] = field(default_factory=lambda: TEXT)
    together: int = 3
    under_way: int = 0
    most: int = 0
    all_there: asyncio.Event = field(default_factory=asyncio.Event)
    kills: str = ""

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        self.calls.append((context.key, dict(arguments)))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        if self.under_way == self.together:
            self.all_there.set()
        if arguments["id"] == self.kills:
            self.kills = ""
            raise Killed
        await asyncio.wait_for(self.all_there.wait(), 5)
        self.under_way -= 1
        return ToolResult(f"book {arguments['id']}")


def look(*ids: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [("look", {"id": id}) for id in ids]


async def test_readers_run_side_by_side_and_answer_in_the_order_asked(tmp_path: Path) -> None:
    shelf = Shelf()
    script = [says("Read.", after="book 3"), calls(*look("1", "2", "3"))]
    async with world(tmp_path, script, shelf) as w:
        run = await w.run("Read all three")
        assert (run.status, run.used.tool_calls, shelf.most) == (RunStatus.SUCCEEDED, 3, 3)
        kinds = [entry.kind for entry in await w.entries(run, "call", "result")]
        assert kinds == ["call"] * 3 + ["result"] * 3
        texts = [entry.data["text"] for entry in await w.entries(run, "result")]
        assert texts == ["book 1", "book 2", "book 3"]
        shown = [m for m in w.models["clerk"].requests[-1].messages if m.role == "tool"]
        assert ["book 1" in shown[0].content, "book 3" in shown[2].content] == [True, True]


async def test_no_more_than_eight_are_under_way_together(tmp_path: Path) -> None:
    shelf = Shelf(together=8)
    script = [says("Read.", after="book 20"), calls(*look(*map(str, range(1, 21))))]
    async with world(tmp_path, script, shelf) as w:
        run = await w.run("Read all")
        assert (run.status, run.used.tool_calls, shelf.most) == (RunStatus.SUCCEEDED, 20, 8)


async def test_an_effect_is_neither_overtaken_nor_made_beside_another(tmp_path: Path) -> None:
    shelf, till = Shelf(together=1), Till(parameters={"type": "object"})
    script = [
        says("Done.", after="book 4"),
        calls(*look("1", "2"), ("pay", {"n": 1}), ("pay", {"n": 2}), *look("3", "4")),
    ]
    async with world(tmp_path, script, shelf, till, provenance="off") as w:
        run = await w.run("Read, pay, read")
        assert run.status is RunStatus.SUCCEEDED
        done = [f"{e.kind} {e.data['call'][-1]}" for e in await w.entries(run, "call", "result")]
        assert done == [
            *("call 0", "call 1", "result 0", "result 1"),
            *("call 2", "result 2", "call 3", "result 3"),
            *("call 4", "call 5", "result 4", "result 5"),
        ]


async def test_a_crash_in_the_middle_has_all_of_them_read_again(tmp_path: Path) -> None:
    shelf = Shelf(kills="2")
    script = [says("Read.", after="book 3"), calls(*look("1", "2", "3"))]
    async with world(tmp_path, script, shelf) as w:
        with pytest.raises(BaseExceptionGroup):
            await w.run("Read all three", id="r")
        assert not await w.entries(await w.runs.get(DEFAULT_TENANT, "r"), "result")
        shelf.under_way = 0
        run = await w.go_on(await w.runs.get(DEFAULT_TENANT, "r"))
        assert (run.status, run.used.tool_calls) == (RunStatus.SUCCEEDED, 6)
        keys = [key for key, _ in shelf.calls]
        assert sorted(keys[-3:]) == sorted(set(keys))
        texts = [entry.data["text"] for entry in await w.entries(run, "result")]
        assert texts == ["book 1", "book 2", "book 3"]


async def test_a_budget_for_some_of_them_is_used_up(tmp_path: Path) -> None:
    shelf = Shelf(together=1)
    script = [says("Read.", after="book 3"), calls(*look("1", "2", "3"))]
    async with world(tmp_path, script, shelf, limits=RunLimits(tool_calls=2)) as w:
        run = await w.run("Read all three")
        assert (run.status, run.reason) == (RunStatus.OUT_OF_BUDGET, "tool_calls")
        assert [arguments["id"] for _, arguments in shelf.calls] == ["1", "2"]
        run = await w.resume(run, limits=RunLimits())
        assert (run.status, len(shelf.calls)) == (RunStatus.SUCCEEDED, 3)


async def test_one_that_cannot_be_made_is_refused_in_its_place(tmp_path: Path) -> None:
    shelf = Shelf(together=1)
    script = [says("Read.", after="book 3"), calls(*look("1"), ("look", {"id": 2}), *look("3"))]
    async with world(tmp_path, script, shelf) as w:
        run = await w.run("Read all three")
        results = [entry.data for entry in await w.entries(run, "result")]
        assert [result["failed"] for result in results] == [False, True, False]
        assert run.used.failures == 1
