"""A run with a model and tools: what it does, in which order, and how it ends."""

from pathlib import Path

import pytest
from tests.fixtures.runs import Till, calls, reader, says, world

from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.runs import RunLimits, RunStatus

PAY = ("pay", {"to": "Ann", "amount": 5})


async def test_a_goal_is_pursued_over_tools_to_an_answer(tmp_path: Path) -> None:
    script = [
        calls(PAY, after="owes"),
        calls(("look", {"id": "7"})),
        says("Ann was paid 5.", after="done"),
    ]
    till = Till()
    async with world(tmp_path, script, reader("look", "Ann owes 5"), till, trusted=("look",)) as w:
        run = await w.run("Pay Ann 5 for order 7")
        assert (run.status, run.summary) == (RunStatus.SUCCEEDED, "Ann was paid 5.")
        assert [arguments for _, arguments in till.calls] == [{"to": "Ann", "amount": 5}]
        kinds = [entry.kind for entry in await w.entries(run)]
        assert kinds == [
            *("started", "model", "call", "result"),
            *("model", "call", "result", "model", "status"),
        ]
        used = run.used
        assert (used.steps, used.model_calls, used.tool_calls, used.failures) == (3, 3, 2, 0)
        assert used.tokens > 0
        shown = w.models["clerk"].requests[-1].messages
        assert [m.role for m in shown] == [
            *("system", "user", "assistant", "tool", "assistant", "tool"),
        ]
        assert shown[3].content == "[data from look]\nAnn owes 5\n[end of data]"
        assert [spec.name for spec in w.models["clerk"].requests[0].tools] == ["look", "pay"]


@pytest.mark.parametrize(("when", "asks"), [("before", True), ("after", True)])
async def test_a_crash_within_a_call_is_reconciled_with_the_tool(
    tmp_path: Path, when: str, asks: bool
) -> None:
    till = Till(dies=when, asks=asks)
    async with world(tmp_path, [calls(PAY), says("Paid.", after="done")], till) as w:
        with pytest.raises(BaseExceptionGroup):
            await w.run("Pay Ann 5", id="r")
        run = await w.go_on(await w.runs.get(DEFAULT_TENANT, "r"))
        assert run.status is RunStatus.SUCCEEDED
        assert len(till.done) == 1
        assert len({key for key, _ in till.calls}) == 1
        assert len(till.calls) == (2 if when == "before" else 1)


async def test_a_crash_that_nobody_can_tell_of_is_put_to_a_human(tmp_path: Path) -> None:
    till = Till(dies="after", asks=False)
    async with world(tmp_path, [calls(PAY), says("Paid.")], till) as w:
        with pytest.raises(BaseExceptionGroup):
            await w.run("Pay Ann 5", id="r")
        run = await w.go_on(await w.runs.get(DEFAULT_TENANT, "r"))
        assert run.status is RunStatus.WAITING_APPROVAL
        review = w.desk.reviews[run.waits_for[0]]
        assert review.request.subject["context"]["why"] == "doubt"
        assert review.request.default == "reject"
        assert len(till.calls) == 1


@pytest.mark.parametrize(
    ("limits", "measure"),
    [
        (RunLimits(steps=1), "steps"),
        (RunLimits(model_calls=0), "model_calls"),
        (RunLimits(tool_calls=0), "tool_calls"),
        (RunLimits(tokens=10), "tokens"),
        (RunLimits(seconds=0), "seconds"),
    ],
)
async def test_each_limit_ends_a_run_that_goes_on_with_a_larger_one(
    tmp_path: Path, limits: RunLimits, measure: str
) -> None:
    till = Till()
    async with world(tmp_path, [calls(PAY), says("Paid.", after="done")], till, limits=limits) as w:
        run = await w.run("Pay Ann 5")
        assert (run.status, run.reason) == (RunStatus.OUT_OF_BUDGET, measure)
        assert "Open: " in run.summary
        run = await w.resume(run, limits=RunLimits())
        assert (run.status, run.summary) == (RunStatus.SUCCEEDED, "Paid.")
        assert len(till.calls) == 1
