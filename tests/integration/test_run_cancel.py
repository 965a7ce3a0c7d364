"""A run that is cancelled in the middle of an effect: what was done is known, and taken back."""

from pathlib import Path

from tests.fixtures.examples import ended
from tests.fixtures.serving import serving, until
from tests.fixtures.slow_till import lines

FUNCTIONS = "tests.fixtures.slow_till"


async def test_an_effect_under_way_is_finished_and_taken_back_when_its_run_is_cancelled(
    tmp_path: Path,
) -> None:
    book = str(tmp_path / "book.jsonl")
    pay = {"tool_calls": [{"name": "pay", "arguments": {"amount": 30}}]}
    async with serving(
        tmp_path,
        work=True,
        models__quick={"use": "scripted", "rules": [{"result": "paid", "reply": "Paid."}, pay]},
        tools__till={
            "use": "python",
            "functions": [f"{FUNCTIONS}:{name}" for name in ("pay", "paid", "refund")],
            "given": {"book": book},
            "each": {"pay": {"effect": "once", "status": {"tool": "paid", "key": "key"}}},
        },
        assistants__clerk={"model": "quick", "tools": ["pay"], "undo": {"pay": "refund"}},
    ) as served:
        body = {"assistant": "clerk", "goal": "Pay 30.", "id": "r"}
        assert (await served.post("/api/runs", body)).status == 202
        await until(lambda: lines(book))
        cancelled = (await served.post("/api/runs/r/cancel", {})).json
        assert cancelled["status"] == "cancelling"
        run = await ended(served, "r")
        assert (run["status"], "refund took pay (1.0) back." in run["summary"]) == (
            "cancelled",
            True,
        )
        done = [(line["what"], line["amount"]) for line in lines(book)]
        assert done == [("begun", 30), ("paid", 30), ("refunded", 30)]
        kinds = [e["kind"] for e in (await served.get("/api/runs/r/entries")).json["entries"]]
        assert (kinds.count("result"), kinds.count("undone")) == (1, 1)
