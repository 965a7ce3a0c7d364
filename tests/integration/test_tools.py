"""Tools of a whole server: what the app hands over, and what it tells of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fixtures.serving import Served, serving

from bedplate.doctor.offers import judge_offer
from bedplate.domain.accounts import Account
from bedplate.domain.ids import TenantId
from bedplate.errors import Unavailable
from bedplate.toolbox import Offer
from bedplate.tools.protocol import ToolContext


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(
        tmp_path,
        tools__policies={"use": "search", "collections": ["policies", "empty"], "limit": 2},
        tools__orders={"use": "openapi", "spec": "http://127.0.0.1:9/a", "allow_private": True},
    ) as opened:
        for name in ("policies", "empty"):
            await opened.post("/api/collections", {"name": name})
        for number in range(3):
            document = {
                "id": f"d{number}",
                "text": f"A refund takes {number} days.",
                "metadata": {"n": number},
            }
            await opened.post("/api/collections/policies/documents", document)
        yield opened


async def test_search_is_a_tool_over_the_collections_it_names(served: Served) -> None:
    tool = await served.app.toolbox.find("policies")
    given = {"collection": "policies", "query": "How long does a refund take?"}
    found = await tool.call(given, ToolContext())
    assert found.text.count("A refund takes") == 2
    narrowed = await tool.call({**given, "filter": "n == 1"}, ToolContext())
    assert narrowed.text.count("A refund takes") == 1
    assert "A refund takes 1 days." in narrowed.text
    wrong = await tool.call({**given, "filter": "nn == 1"}, ToolContext())
    assert (wrong.failed, "Did you mean 'n'" in wrong.text) == (True, True)
    elsewhere = await tool.call({**given, "collection": "secret"}, ToolContext())
    assert '"policies", "empty"' in elsewhere.text
    nothing = await tool.call({**given, "collection": "empty"}, ToolContext())
    assert (nothing.text, nothing.missing) == ("[]", True)


async def test_a_search_stays_with_the_tenant_it_is_made_for(served: Served) -> None:
    tool = await served.app.toolbox.find("policies")
    other = ToolContext(Account(TenantId("other")))
    result = await tool.call({"collection": "policies", "query": "refund"}, other)
    assert (result.failed, result.missing) == (True, True)


async def test_tools_are_listed_over_http(served: Served) -> None:
    told = (await served.get("/api/tools")).json
    (tool,) = told["tools"]
    assert (tool["name"], tool["use"], tool["effect"]) == ("policies", "search", "none")
    (failure,) = told["failures"]
    assert (failure["table"], failure["code"]) == ("orders", "unavailable")


async def test_the_doctor_tells_what_tables_offer(served: Served) -> None:
    policies, orders = [judge_offer(each) for each in await served.app.toolbox.offers()]
    assert (policies.status, "search offers policies" in policies.detail) == ("ok", True)
    assert (orders.check, orders.status) == ("tools orders", "fail")
    assert judge_offer(Offer("a", "mcp", simulated=True)).status == "warn"
    assert judge_offer(Offer("a", "mcp", simulated=False, error=Unavailable("x"))).detail == "x"
