"""Tools and models that misbehave, and set-ups that change under a run: it ends, and says why."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.runs import Till, calls, says, world

from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.reviews import Decision
from bedplate.domain.runs import RunLimits, RunStatus
from bedplate.tools.protocol import ToolContext, ToolResult

PAY = ("pay", {"to": "Ann", "amount": 5})
APPROVE = Decision("approve", by="Kim")
PAID = [says("Paid.", after="pay done"), says("It went wrong.", after=""), calls(PAY)]


@dataclass
class Silent(Till):
    """Answers that nobody knows whether it was done, as what did not answer in time does."""

    does: bool = True

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        if self.does:
            await super().call(arguments, context)
        else:
            self.calls.append((context.key, dict(arguments)))
        return ToolResult("pay did not answer within 30 s.", failed=True, unknown=True)


@pytest.mark.parametrize(("does", "times"), [(True, 1), (False, 3)])
async def test_a_tool_that_hangs_is_asked_what_became_of_the_call(
    tmp_path: Path, does: bool, times: int
) -> None:
    till = Silent(does=does)
    async with world(tmp_path, PAID, till) as w:
        run = await w.run("Pay Ann 5")
        assert (run.status, len(till.calls), len(till.done)) == (
            RunStatus.SUCCEEDED,
            times,
            int(does),
        )
        assert run.summary == ("Paid." if does else "It went wrong.")
        assert len({key for key, _ in till.calls}) == 1


async def test_a_tool_that_hangs_and_cannot_tell_is_put_to_a_human_and_not_called_again(
    tmp_path: Path,
) -> None:
    till = Silent(asks=False)
    async with world(tmp_path, PAID, till) as w:
        run = await w.run("Pay Ann 5")
        assert (run.status, len(till.calls)) == (RunStatus.WAITING_APPROVAL, 1)


async def test_what_raises_anything_is_a_failed_call_that_tells_no_inner_details(
    tmp_path: Path,
) -> None:
    class Broken(Till):
        async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
            raise RuntimeError("password=hunter2")

    script = [says("It went wrong.", after=""), calls(("look", {}))]
    till = Broken("look", effect="none", parameters={"type": "object"})
    async with world(tmp_path, script, till) as w:
        run = await w.run("Look")
        (result,) = await w.entries(run, "result")
        assert (result.data["text"], result.data["failed"]) == ("look failed: RuntimeError.", True)
        assert run.summary == "It went wrong."


async def test_an_approval_does_not_reach_a_tool_that_takes_something_else_meanwhile(
    tmp_path: Path,
) -> None:
    till = Till(approve=True)
    async with world(tmp_path, PAID, till) as w:
        run = await w.run("Pay Ann 5")
        till.parameters = {"type": "object", "required": ["iban"]}
        run = await w.decide(run, APPROVE)
        assert (run.status, till.calls) == (RunStatus.SUCCEEDED, [])
        (result,) = await w.entries(run, "result")
        assert "it takes something else than when a human was asked" in result.data["text"]


async def test_a_tool_that_is_gone_after_an_approval_stops_the_run_which_can_go_on(
    tmp_path: Path,
) -> None:
    till = Till(approve=True)
    async with world(tmp_path, PAID, till) as w:
        run = await w.run("Pay Ann 5")
        till.name = "gone"
        run = await w.decide(run, APPROVE)
        assert run.status is RunStatus.FAILED
        assert "There is no tool 'pay'." in run.summary
        till.name = "pay"
        run = await w.resume(run)
        assert (run.status, len(till.calls)) == (RunStatus.SUCCEEDED, 1)


async def test_a_decision_is_taken_once_whoever_else_decides(tmp_path: Path) -> None:
    till = Till(approve=True)
    async with world(tmp_path, PAID, till) as w:
        run = await w.run("Pay Ann 5")
        w.desk.decide(run.waits_for[0], APPROVE)
        await w.journal.look(DEFAULT_TENANT, run.id, datetime.now(UTC))
        # Two processes look at the same moment.
        await asyncio.gather(w.upkeep.look(), w.upkeep.look())
        run = await w.go_on(run)
        assert (run.status, len(till.calls)) == (RunStatus.SUCCEEDED, 1)
        assert len(await w.entries(run, "decided")) == 1


async def test_a_model_that_never_finishes_ends_with_the_runs_time(tmp_path: Path) -> None:
    script = [says("word " * 2_000)]
    async with world(tmp_path, script, slow=0.02, limits=RunLimits(seconds=0.3)) as w:
        run = await w.run("Talk")
        assert (run.status, run.reason) == (RunStatus.OUT_OF_BUDGET, "seconds")
        # What it may have used is counted.
        assert run.used.tokens > 0


async def test_a_clock_that_jumps_makes_a_runs_time_no_longer(tmp_path: Path) -> None:
    """Its time is counted by the machine's own clock, and a date in the past is simply due."""
    till = Till(approve=True)
    async with world(tmp_path, PAID, till, limits=RunLimits(seconds=60)) as w:
        run = await w.run("Pay Ann 5")
        assert run.used.seconds < 30
        w.desk.decide(run.waits_for[0], APPROVE)
        await w.journal.look(DEFAULT_TENANT, run.id, datetime.now(UTC) - timedelta(days=400))
        await w.upkeep.look()
        run = await w.go_on(run)
        assert run.status is RunStatus.SUCCEEDED
        assert run.used.seconds < 60


async def test_a_parked_run_goes_on_though_the_clock_was_put_back_by_a_year(tmp_path: Path) -> None:
    till = Till(approve=True)
    async with world(tmp_path, PAID, till) as w:
        run = await w.run("Pay Ann 5")
        w.desk.decide(run.waits_for[0], APPROVE)
        await w.journal.look(DEFAULT_TENANT, run.id, datetime.now(UTC) + timedelta(days=365))
        await w.upkeep.look()
        run = await w.go_on(run)
        assert (run.status, len(till.calls)) == (RunStatus.SUCCEEDED, 1)


async def test_a_model_without_a_price_is_not_asked_where_dollars_are_to_be_bounded(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, [says("Hi.")], priced=True) as w:
        run = await w.run("Greet")
        assert (run.status, run.reason) == (RunStatus.FAILED, "price_unknown")
        assert "set [models.clerk.price]" in run.summary
        assert (list(w.models["clerk"].requests), run.used.model_calls) == ([], 0)
