"""examples/support, from its folder: a real database, a real service, and a scripted model.

With BEDPLATE_TEST_MODEL set to a model's options as JSON, that model does it.
"""

import importlib
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.examples import copied, documents, ended, in_example, rows, service
from tests.fixtures.serving import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Shop:
    served: Served
    database: Path
    calls: dict[str, dict[str, str]]

    async def chat(self, text: str) -> Any:
        messages = [{"role": "user", "content": text}]
        reply = await self.served.post(
            "/v1/chat/completions", {"model": "support", "messages": messages}
        )
        assert reply.status == 200, reply.body
        return reply.json

    async def run(self, goal: str, *, stops: str = "") -> Any:
        reply = await self.served.post("/api/runs", {"assistant": "support", "goal": goal})
        assert reply.status == 202, reply.body
        return await ended(self.served, reply.json["id"], stops=stops)

    async def decide(self, run: Any, verdict: str, reason: str = "") -> Any:
        [review] = run["waits_for"]
        body = {"verdict": verdict, "by": "Ann", "reason": reason}
        reply = await self.served.post(f"/api/reviews/{review}/decision", body)
        assert reply.status == 200, reply.body
        return await ended(self.served, run["id"])

    @property
    def refunds(self) -> list[tuple[Any, ...]]:
        return rows(self.database, "SELECT order_id, amount FROM refunds ORDER BY rowid")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Shop]:
    place = copied("support", tmp_path_factory.mktemp("support"))
    sys.path.insert(0, str(place))
    api = importlib.import_module("calendar_api")
    sys.path.remove(str(place))
    calendar = api.make_app()
    async with (
        service(calendar) as address,
        in_example(place, tools__calendar__server=address) as served,
    ):
        policies = documents(place / "policies")
        assert (await served.post("/api/collections/policies/documents", policies)).status == 200
        yield Shop(served, place / "shop.db", calendar[api.CALLS])


async def test_an_order_is_looked_up(shop: Shop) -> None:
    answer = await shop.chat("Where is order A-17?")

    assert "delivered" in answer["choices"][0]["message"]["content"]


async def test_a_question_is_answered_from_the_policies(shop: Shop) -> None:
    answer = await shop.chat("How long do refunds take?")

    assert "5 working days" in answer["choices"][0]["message"]["content"]
    assert answer["bedplate"]["citations"][0]["document_id"] == "refunds.md"


async def test_a_refund_below_the_limit_goes_at_once(shop: Shop) -> None:
    run = await shop.run("Refund 30 dollars of order A-17: the tent peg was bent.")

    assert (run["status"], run["waits_for"]) == ("succeeded", [])
    assert ("A-17", 30.0) in shop.refunds


async def test_a_refund_above_the_limit_waits_for_a_human(shop: Shop) -> None:
    goal = "Refund 250 dollars of order A-18: the coat never came."
    before = shop.refunds
    run = await shop.run(goal, stops="waiting_approval")
    assert run["status"] == "waiting_approval"
    assert shop.refunds == before

    declined = await shop.decide(run, "reject", "The coat is on its way.")
    assert declined["status"] == "succeeded"
    assert shop.refunds == before

    run = await shop.run(goal, stops="waiting_approval")
    approved = await shop.decide(run, "approve")
    assert approved["status"] == "succeeded"
    assert shop.refunds == [*before, ("A-18", 250.0)]


async def test_an_address_is_changed(shop: Shop) -> None:
    run = await shop.run("Change the address of order A-19 to 5 Harbour Street, Bergen.")

    assert run["status"] == "succeeded"
    changed = rows(shop.database, "SELECT street, city FROM orders WHERE id = 'A-19'")
    assert changed == [("5 Harbour Street", "Bergen")]


async def test_a_call_is_scheduled_once(shop: Shop) -> None:
    run = await shop.run("Schedule a call with customer C-2 at 2026-12-01T10:00.")

    assert run["status"] == "succeeded"
    assert list(shop.calls.values()) == [{"customer": "C-2", "at": "2026-12-01T10:00"}]
