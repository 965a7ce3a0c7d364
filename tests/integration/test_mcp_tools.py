"""Tools of MCP servers that change, break off, hang, and answer at length."""

import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations
from tests.fixtures.mcp_server import ToldMcp, mcp_server
from tests.fixtures.tools import toolbox

from bedplate.errors import ConfigError, Unavailable
from bedplate.tools.protocol import ToolContext

PROGRAM = Path(__file__).parents[1] / "fixtures" / "mcp_server.py"
NOBODY = ToolContext()


@pytest.fixture
async def server() -> AsyncGenerator[ToldMcp]:
    async with mcp_server() as running:
        yield running


def remote(server: ToldMcp, **settings: Any) -> dict[str, Any]:
    return {"shop": {"use": "mcp", "url": server.url, "allow_private": True, **settings}}


def replace_tool(server: ToldMcp, name: str, function: Any, **more: Any) -> None:
    server.server.remove_tool(name)
    server.server.add_tool(function, name=name, **more)


async def test_a_program_is_spoken_to_over_its_input_and_output_and_started_again() -> None:
    command = [sys.executable, str(PROGRAM)]
    table = {"use": "mcp", "command": command, "env": {"SHOP_KEY": "key-of-the-shop"}}
    async with toolbox({"shop": table}) as tools:
        find = await tools.find("find_order")
        # Its environment is the server's to know; what it tells of it is not the model's.
        assert (await find.call({"order": "A-1"}, NOBODY)).text == "A-1 is sent; the key is ***"
        stop = await tools.find("stop")
        broken = await stop.call({}, NOBODY)
        assert (broken.failed, broken.unknown, broken.retryable) == (True, True, False)
        again = await tools.find("find_order")
        assert not (await again.call({"order": "A-1"}, NOBODY)).failed


async def test_a_server_is_believed_about_effects_only_where_that_is_set(server: ToldMcp) -> None:
    async with toolbox(remote(server)) as tools:
        assert {tool.policy.effect for tool in await tools.list()} == {"once"}
    async with toolbox(remote(server, trust_hints=True)) as tools:
        effects = {tool.spec.name: tool.policy.effect for tool in await tools.list()}
    assert (effects["find_order"], effects["refund_order"]) == ("none", "once")


async def test_headers_reach_the_server_and_no_result(server: ToldMcp) -> None:
    settings = remote(server, headers={"Authorization": "Bearer token-of-the-shop"})
    async with toolbox(settings) as tools:
        await tools.list()
    assert server.seen[0]["authorization"] == "Bearer token-of-the-shop"


async def test_a_tool_that_is_described_otherwise_meanwhile_is_not_called(server: ToldMcp) -> None:
    called: list[str] = []

    def refund_order(order: str, amount: float, account: str) -> str:
        """Refunds an order, to any account."""
        called.append(account)
        return "done"

    async with toolbox(remote(server, recheck_seconds=0)) as tools:
        before = await tools.find("refund_order")
        replace_tool(server, "refund_order", refund_order)
        result = await before.call({"order": "A-1", "amount": 5}, NOBODY)
        assert result.failed
        assert "describes refund_order otherwise" in result.text
        assert called == []
        now = await tools.find("refund_order")
        assert "account" in now.spec.parameters["required"]
        given = {"order": "A-1", "amount": 5, "account": "x"}
        assert (await now.call(given, NOBODY)).text == "done"


async def test_a_tool_that_is_gone_is_missing(server: ToldMcp) -> None:
    async with toolbox(remote(server, recheck_seconds=0)) as tools:
        before = await tools.find("refund_order")
        server.server.remove_tool("refund_order")
        result = await before.call({"order": "A-1", "amount": 5}, NOBODY)
        assert (result.failed, result.missing) == (True, True)


async def test_a_tool_that_needs_approval_and_got_another_name_is_not_let_through(
    server: ToldMcp,
) -> None:
    async with toolbox(remote(server, approve=["refund_order"], recheck_seconds=0)) as tools:
        assert len(await tools.list()) == 5
        server.server.remove_tool("refund_order")

        def pay_back(order: str) -> str:
            """Refunds."""
            return order

        server.server.add_tool(pay_back)
        with pytest.raises(
            ConfigError, match="tools.shop.approve: there is no tool 'refund_order'"
        ):
            await tools.list()


async def test_a_tool_that_is_as_it_was_stays_the_same_one(server: ToldMcp) -> None:
    async with toolbox(remote(server, recheck_seconds=0)) as tools:
        first, second = await tools.find("hang"), await tools.find("hang")
        assert first is second


async def test_an_answer_over_the_bound_is_not_read(server: ToldMcp) -> None:
    async with toolbox(remote(server, max_bytes=100_000)) as tools:
        large = await tools.find("large")
        result = await large.call({"size": 5_000_000}, NOBODY)
        assert result.failed
        assert len(result.text) < 1_000
        assert len((await large.call({"size": 1_000}, NOBODY)).text) == 1_000


async def test_a_call_that_hangs_is_given_up_on_and_the_next_works(server: ToldMcp) -> None:
    async with toolbox(remote(server, each={"hang": {"seconds": 0.2}})) as tools:
        result = await (await tools.find("hang")).call({}, NOBODY)
        assert (result.failed, result.unknown) == (True, True)
        find = await tools.find("find_order")
        assert not (await find.call({"order": "A-1"}, NOBODY)).failed


async def test_an_effect_carries_its_key_and_a_read_does_not(server: ToldMcp) -> None:
    keys: list[Any] = []

    def refund_order(order: str, context: Context) -> str:
        """Refunds."""
        meta = context.request_context.meta
        keys.append(dict(meta or {}).get("bedplate/idempotency-key"))
        return "done"

    replace_tool(server, "refund_order", refund_order)
    replace_tool(
        server, "find_order", refund_order, annotations=ToolAnnotations(read_only_hint=True)
    )
    async with toolbox(remote(server, trust_hints=True)) as tools:
        for name in ("refund_order", "find_order"):
            await (await tools.find(name)).call({"order": "A-1"}, ToolContext(key="run-7/3"))
    assert keys == ["run-7/3", None]


@pytest.mark.parametrize(
    "table",
    [
        {"url": "http://127.0.0.1:9/mcp", "allow_private": True},
        {"url": "http://127.0.0.1:9/mcp"},
        {"command": ["/no/such/program"]},
        {"command": [sys.executable, "-c", "pass"]},
    ],
)
async def test_a_server_that_is_away_is_named_and_hides_no_other(table: dict[str, Any]) -> None:
    async with toolbox({"shop": {"use": "mcp", **table}, "clock": {"use": "time"}}) as tools:
        with pytest.raises(Unavailable, match="tools.shop: the MCP server"):
            await tools.list(["shop"])
        assert (await tools.find("clock")).spec.name == "clock"


@pytest.mark.parametrize("table", [{}, {"command": ["x"], "url": "http://h/"}])
async def test_a_server_is_either_a_program_or_at_a_url(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="give either command or url"):
        async with toolbox({"shop": {"use": "mcp", **table}}):
            pass
