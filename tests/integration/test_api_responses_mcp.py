"""MCP servers that a request to /v1/responses names, held against OpenAI's own types."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.mcp_server import ToldMcp, mcp_server
from tests.fixtures.responses_wire import checked, events_of, types_of
from tests.fixtures.serving import Served, asked, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/responses"
FIND = {"name": "find_order", "arguments": {"order": "A-1"}}
SCRIPT = {
    "use": "scripted",
    "usage": {"input_tokens": 5, "output_tokens": 3},
    "replies": ["Hello there"],
    "rules": [
        {"match": "order A-1", "result": "is sent", "reply": "It is on its way."},
        {"match": "order A-1", "result": "did not allow", "reply": "Then I cannot say."},
        {"match": "order A-1", "tool_calls": [FIND]},
        {"match": "order A-404", "result": "no order", "reply": "There is none."},
        {"match": "order A-404",
         "tool_calls": [{"name": "find_order", "arguments": {"order": "A-404"}}]},
        {"match": "badly", "result": "no JSON", "reply": "Sorry."},
        {"match": "badly", "tool_calls": [{"name": "find_order", "arguments": "{oh"}]},
        {"match": "twice", "tool_calls": [{"name": "shop_find_order"}, {"name": "find_order"}]},
    ],
}  # fmt: skip
OWN = {"type": "function", "name": "find_order", "parameters": {"type": "object"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncGenerator[ToldMcp]:
    async with mcp_server() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    models: dict[str, Any] = {"models__default": SCRIPT, "models__quote": {"use": "quote"}}
    settings: dict[str, Any] = {
        "responses__mcp_hosts": ["127.0.0.0/8"],
        "assistants__support": {"model": "default", "collections": []},
    }
    folder = tmp_path_factory.mktemp("responses")
    async with serving(folder, **models, **settings) as served:
        yield served


def tool(shop: ToldMcp, **fields: Any) -> dict[str, Any]:
    return {
        "type": "mcp",
        "server_label": "shop",
        "server_url": shop.url,
        "require_approval": "never",
        **fields,
    }


async def create(served: Served, input: Any, *tools: Any, **fields: Any) -> dict[str, Any]:
    reply = await served.post(
        PATH, {"model": "default", "input": input, "tools": list(tools), **fields}
    )
    assert reply.status == 200, reply.body
    return checked(reply.body)


async def stream(served: Served, input: Any, *tools: Any, **fields: Any) -> list[dict[str, Any]]:
    body = {"model": "default", "input": input, "tools": list(tools), "stream": True, **fields}
    reply = await served.post(PATH, body)
    assert reply.status == 200, reply.body
    return events_of(reply.body)


async def test_the_tools_are_listed_and_called_and_the_model_goes_on(
    served: Served, shop: ToldMcp
) -> None:
    events = await stream(served, "Where is order A-1?", tool(shop, authorization="key-of-shop"))

    assert types_of(events) == [
        *("created", "in_progress"),
        *("output_item.added", "mcp_list_tools.in_progress", "mcp_list_tools.completed"),
        *("output_item.done", "output_item.added", "mcp_call.in_progress"),
        *("mcp_call_arguments.delta", "mcp_call_arguments.done", "mcp_call.completed"),
        *("output_item.done", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.delta", "output_text.done", "content_part.done"),
        *("output_item.done", "completed"),
    ]
    response = events[-1]["response"]
    listed, call, message = response["output"]
    assert (listed["type"], listed["server_label"], listed["error"]) == (
        "mcp_list_tools",
        "shop",
        None,
    )
    named = {each["name"]: each for each in listed["tools"]}
    assert set(named) == {"find_order", "refund_order", "hang", "large", "stop"}
    assert named["find_order"]["annotations"] == {"read_only": True}
    assert named["refund_order"]["input_schema"]["required"] == ["order", "amount"]
    assert (call["name"], call["arguments"], call["status"]) == (
        "find_order", '{"order": "A-1"}', "completed")  # fmt: skip
    assert (call["output"], call["error"], call["approval_request_id"]) == (
        "A-1 is sent; the key is unknown", None, None)  # fmt: skip
    assert message["content"][0]["text"] == "It is on its way."
    assert shop.seen[-1]["authorization"] == "Bearer key-of-shop"
    roles = [message.role for message in asked(served.app)[-1].messages]
    assert roles == ["user", "assistant", "tool"]


async def test_what_is_secret_is_neither_shown_nor_kept(served: Served, shop: ToldMcp) -> None:
    named = tool(shop, authorization="key-of-shop", headers={"X-Team": "team-secret"})
    response = await create(served, "Where is order A-1?", named)

    kept = (await served.get(f"{PATH}/{response['id']}")).json
    for shown in (response["tools"], kept["tools"]):
        [told] = shown
        assert told["headers"] == {"X-Team": "<redacted>"}
        assert told["server_url"].endswith("/<redacted>")
        assert "authorization" not in told
    assert (await served.get(f"{PATH}/{response['id']}")).body.count(b"secret") == 0


async def test_a_call_is_made_once_it_was_allowed_and_not_where_it_was_not(
    served: Served, shop: ToldMcp
) -> None:
    asking = tool(shop, require_approval=None)
    first = await create(served, "Where is order A-1?", asking)
    assert first["status"] == "completed"
    listed, request = first["output"]
    assert (request["type"], request["name"]) == ("mcp_approval_request", "find_order")
    assert request["arguments"] == '{"order": "A-1"}'

    def decided(*, approve: bool, **fields: Any) -> list[Any]:
        decision = {"approval_request_id": request["id"], "approve": approve, **fields}
        return [{"type": "mcp_approval_response", **decision}]

    goes_on = {"previous_response_id": first["id"]}
    allowed = await create(served, decided(approve=True), asking, **goes_on)
    call, message = allowed["output"]
    assert (call["type"], call["approval_request_id"]) == ("mcp_call", request["id"])
    assert (call["status"], message["content"][0]["text"]) == ("completed", "It is on its way.")

    refused = await create(served, decided(approve=False, reason="no"), asking, **goes_on)
    [message] = refused["output"]
    assert message["content"][0]["text"] == "Then I cannot say."
    assert "Their reason: no" in asked(served.app)[-1].messages[-1].content

    # Whoever goes on from there does not have the call made again.
    again = await create(served, "Hi", asking, previous_response_id=allowed["id"])
    assert [item["type"] for item in again["output"]] == ["message"]
    assert listed["type"] == "mcp_list_tools"


@pytest.mark.parametrize(
    ("approval", "asks"),
    [
        ("always", True),
        ({"never": {"tool_names": ["find_order"]}}, False),
        ({"never": {"tool_names": ["other"]}}, True),
        ({"never": {"read_only": True}}, False),
        ({"never": {}}, True),
        ({"always": {"read_only": False}, "never": {"read_only": True}}, False),
    ],
    ids=str,
)
async def test_a_request_says_which_calls_are_asked_about(
    served: Served, shop: ToldMcp, approval: Any, asks: bool
) -> None:
    response = await create(served, "Where is order A-1?", tool(shop, require_approval=approval))
    types = [item["type"] for item in response["output"]]
    assert types[1] == ("mcp_approval_request" if asks else "mcp_call")


@pytest.mark.parametrize(
    ("allowed", "names"),
    [
        (["find_order", "stop"], {"find_order", "stop"}),
        ({"read_only": True}, {"find_order"}),
        ({"tool_names": ["large"], "read_only": True}, frozenset[str]()),
        ({}, {"find_order", "refund_order", "hang", "large", "stop"}),
    ],
    ids=["names", "read only", "neither", "all"],
)
async def test_a_request_says_what_is_offered(
    served: Served, shop: ToldMcp, allowed: Any, names: frozenset[str] | set[str]
) -> None:
    response = await create(served, "Hi", tool(shop, allowed_tools=allowed))
    assert {each["name"] for each in response["output"][0]["tools"]} == names
    assert {each.name for each in asked(served.app)[-1].tools} == names


async def test_a_call_that_fails_is_told_to_the_model_and_the_client(
    served: Served, shop: ToldMcp
) -> None:
    events = await stream(served, "Where is order A-404?", tool(shop))
    assert "mcp_call.failed" in types_of(events)
    call = events[-1]["response"]["output"][1]
    assert (call["status"], call["output"]) == ("failed", None)
    assert call["error"]["type"] == "mcp_tool_execution_error"
    assert "there is no order A-404" in call["error"]["content"][0]["text"]
    assert events[-1]["response"]["output"][2]["content"][0]["text"] == "There is none."

    wrong = await create(served, "Call it badly", tool(shop))
    assert wrong["output"][1]["status"] == "failed"
    assert wrong["output"][2]["content"][0]["text"] == "Sorry."


async def test_tools_of_one_name_are_told_apart(served: Served, shop: ToldMcp) -> None:
    response = await create(served, "twice", OWN, tool(shop, allowed_tools=["find_order"]))
    assert [item["type"] for item in response["output"]] == [
        "mcp_list_tools", "function_call", "mcp_call"]  # fmt: skip
    assert response["output"][1]["name"] == "find_order"


async def test_a_tool_may_be_chosen_by_server_and_name(served: Served, shop: ToldMcp) -> None:
    choice = {"type": "mcp", "server_label": "shop", "name": "find_order"}
    await create(served, "Where is order A-1?", tool(shop), tool_choice=choice)
    first, second = asked(served.app)[-2:]
    assert first.tool_choice is not None
    assert (first.tool_choice.mode, first.tool_choice.names) == ("required", ("find_order",))
    assert second.tool_choice is None

    missing = {**choice, "name": "no_such"}
    reply = await served.post(
        PATH, {"model": "default", "input": "Hi", "tools": [tool(shop)], "tool_choice": missing}
    )
    assert (reply.status, reply.error["param"]) == (400, "tool_choice")


async def test_a_server_that_cannot_be_asked_is_told_and_ends_the_response(served: Served) -> None:
    away = {"type": "mcp", "server_label": "away", "server_url": "http://127.0.0.1:9/mcp"}
    events = await stream(served, "Hi", away)
    assert types_of(events)[2:] == [
        *("output_item.added", "mcp_list_tools.in_progress", "mcp_list_tools.failed"),
        *("output_item.done", "failed"),
    ]
    [listed] = events[-1]["response"]["output"]
    assert listed["error"].startswith("The MCP server 'away'")
    reply = await served.post(PATH, {"model": "default", "input": "Hi", "tools": [away]})
    assert reply.status == 503


async def test_private_addresses_need_to_be_allowed(served: Served) -> None:
    inside = {"type": "mcp", "server_label": "inside", "server_url": "http://10.1.2.3/mcp"}
    reply = await served.post(PATH, {"model": "default", "input": "Hi", "tools": [inside]})
    assert reply.status == 503
    assert "private address" in reply.error["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"server_url": None}, "tools.0.server_url"),
        ({"server_url": "ftp://example.com"}, "tools.0.server_url"),
        ({"server_url": "http://me:pw@example.com"}, "tools.0.server_url"),
        ({"server_label": "7"}, "tools.0.server_label"),
        ({"server_label": None}, "tools.0.server_label"),
        ({"connector_id": "connector_gmail"}, "tools.0.connector_id"),
        ({"require_approval": "sometimes"}, "tools.0.require_approval"),
        ({"require_approval": {"often": {}}}, "tools.0.require_approval.often"),
        ({"allowed_tools": "all"}, "tools.0.allowed_tools"),
        ({"allowed_tools": [7]}, "tools.0.allowed_tools.tool_names.0"),
        ({"headers": {"a b": "c"}}, "tools.0.headers"),
        ({"headers": {"A": "x\r\ny"}}, "tools.0.headers"),
        ({"headers": {"Authorization": "x"}, "authorization": "y"}, "tools.0.authorization"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_names_no_server_is_refused_by_its_path(
    served: Served, shop: ToldMcp, fields: dict[str, Any], param: str
) -> None:
    reply = await served.post(
        PATH, {"model": "default", "input": "Hi", "tools": [tool(shop, **fields)]}
    )
    assert (reply.status, reply.error["param"]) == (400, param)


async def test_who_calls_no_tools_refuses_servers(served: Served, shop: ToldMcp) -> None:
    for model in ("support", "quote"):
        reply = await served.post(PATH, {"model": model, "input": "Hi", "tools": [tool(shop)]})
        assert (reply.status, reply.error["param"]) == (400, "tools"), reply.body


async def test_requests_name_no_servers_where_that_is_switched_off(
    tmp_path: Any, shop: ToldMcp
) -> None:
    async with serving(tmp_path, models__default=SCRIPT, responses__mcp=False) as served:
        reply = await served.post(PATH, {"model": "default", "input": "Hi", "tools": [tool(shop)]})
    assert (reply.status, reply.error["param"]) == (400, "tools")
