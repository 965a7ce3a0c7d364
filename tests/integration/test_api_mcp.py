"""/mcp, by the official client and by its bytes."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.access import headers_of
from tests.fixtures.serving import Served, serving

pytest.importorskip("mcp")

import httpx2
from mcp import MCPError
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp_types import PaginatedRequestParams

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = {
    "id": "rain",
    "title": "Rain",
    "text": "Rain falls in Bergen on most days.",
    "metadata": {"year": 2025},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    clerk: Any = {"assistants__clerk": {"model": "quote", "collections": ["weather"]}}
    async with serving(
        tmp_path_factory.mktemp("mcp"), work=True, ask__model="quote", **clerk
    ) as opened:
        owner = await headers_of(opened, "north", "read", "ask", "write")
        path = "/api/collections/weather/documents"
        assert (await opened.post(path, DOCUMENT, headers=owner)).status == 200
        yield opened


@asynccontextmanager
async def session(
    served: Served, *scopes: str, tenant: str = "north"
) -> AsyncGenerator[ClientSession]:
    headers = dict(await headers_of(served, tenant, *scopes))
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        streamable_http_client(f"{served.url}/mcp", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as opened,
    ):
        await opened.initialize()
        yield opened


async def call(client: ClientSession, tool: str, arguments: dict[str, Any]) -> Any:
    return await client.call_tool(tool, arguments)


async def rpc(served: Served, headers: Mapping[str, str], message: Any, **more: str) -> Any:
    return await served.post("/mcp", message, headers={**headers, **more})


async def test_the_official_client_searches_reads_and_asks(served: Served) -> None:
    async with session(served, "read", "ask") as client:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [
            "list_collections", "search", "ask", "list_documents", "read_document",
            "list_assistants", "ask_assistant", "start_run", "get_run", "cancel_run",
        ]  # fmt: skip
        changing = {
            tool.name
            for tool in tools
            if not (tool.annotations and tool.annotations.read_only_hint)
        }
        assert changing == {"ask_assistant", "start_run", "cancel_run"}
        assert tools[1].input_schema["required"] == ["collection", "query"]
        named = await call(client, "list_collections", {})
        assert [each["name"] for each in named.structured_content["collections"]] == ["weather"]

        found = await call(client, "search", {"collection": "weather", "query": "Where is rain?"})
        assert not found.is_error
        assert found.structured_content["hits"][0]["document_id"] == "rain"
        assert json.loads(found.content[0].text) == found.structured_content
        none = {"collection": "weather", "query": "rain", "filter": "year > 2025"}
        assert (await call(client, "search", none)).structured_content["hits"] == []

        question = {"collection": "weather", "question": "Where does rain fall?"}
        answer = (await call(client, "ask", question)).structured_content
        assert "Bergen" in answer["answer"]
        assert answer["citations"][0]["document_id"] == "rain"

        listed = await call(client, "list_documents", {"collection": "weather"})
        assert [each["id"] for each in listed.structured_content["documents"]] == ["rain"]
        read = await call(client, "read_document", {"collection": "weather", "document": "rain"})
        assert read.structured_content["text"] == DOCUMENT["text"]
        assert read.structured_content["metadata"]["year"] == 2025


async def test_what_fails_is_told_to_the_model_and_what_is_unknown_to_the_client(
    served: Served,
) -> None:
    async with session(served, "read") as client:
        missing = await call(client, "search", {"collection": "nowhere", "query": "rain"})
        assert missing.is_error
        assert "nowhere" in missing.content[0].text
        wrong = await call(client, "search", {"collection": "weather", "limit": 0})
        assert wrong.is_error
        assert "query: Field required" in wrong.content[0].text
        with pytest.raises(MCPError, match="There is no tool 'drop'"):
            await call(client, "drop", {})
        with pytest.raises(MCPError, match="prompts/list"):
            await client.list_prompts()
        await client.send_ping()


async def test_a_key_sees_its_tools_and_its_tenant_alone(served: Served) -> None:
    async with session(served, "read") as client:
        assert "ask" not in [tool.name for tool in (await client.list_tools()).tools]
        refused = await call(client, "ask", {"collection": "weather", "question": "Rain?"})
        assert refused.is_error
        assert "'ask'" in refused.content[0].text
    async with session(served, "read", tenant="south") as client:
        named = await call(client, "list_collections", {})
        assert named.structured_content["collections"] == []
        read = {"collection": "weather", "document": "rain"}
        assert (await call(client, "read_document", read)).is_error
    assert (await rpc(served, {}, {"jsonrpc": "2.0", "id": 1, "method": "ping"})).status == 401


async def test_messages_that_are_none_are_refused_in_json_rpc(served: Served) -> None:
    headers = await headers_of(served, "north", "read")
    wrong: list[tuple[Any, int, int]] = [
        ([], 400, -32600),
        (b"{", 400, -32700),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 1}, 400, -32600),
        ({"id": 1, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [1]}, 200, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "no/such"}, 200, -32601),
    ]
    for message, status, code in wrong:
        sent = message if isinstance(message, bytes) else json.dumps(message)
        reply = await served.request("POST", "/mcp", data=sent, headers=headers)
        assert (reply.status, reply.error["code"]) == (status, code)
    told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await rpc(served, headers, told)).status == 202
    answered = {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert (await rpc(served, headers, answered)).status == 202
    ping = {"jsonrpc": "2.0", "id": "a", "method": "ping"}
    assert (await rpc(served, headers, ping)).json == {"jsonrpc": "2.0", "id": "a", "result": {}}
    old = {"MCP-Protocol-Version": "1999-01-01"}
    assert (await rpc(served, headers, ping, **old)).status == 400
    assert (await served.get("/mcp", headers=headers)).status == 405


async def test_a_page_of_another_site_may_not_call_even_with_a_key(served: Served) -> None:
    headers = await headers_of(served, "north", "read")
    ping = {"jsonrpc": "2.0", "id": "a", "method": "ping"}
    assert (await rpc(served, headers, ping, Origin="https://evil.example")).status == 403
    assert (await rpc(served, headers, ping, Origin=served.url)).status == 200


async def test_assistants_answer_and_pursue_goals(served: Served) -> None:
    async with session(served, "ask") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {
            "ask", "list_assistants", "ask_assistant", "start_run", "get_run", "cancel_run",
        }  # fmt: skip
        listed = (await call(client, "list_assistants", {})).structured_content
        assert listed == {"assistants": [{"name": "clerk", "version": 0}]}

        question = {"assistant": "clerk", "question": "Where does rain fall?"}
        answer = (await call(client, "ask_assistant", question)).structured_content
        assert "Bergen" in answer["answer"]
        unknown = await call(client, "ask_assistant", {**question, "assistant": "nobody"})
        assert unknown.is_error
        assert "nobody" in unknown.content[0].text

        goal = {"assistant": "clerk", "goal": "Where does rain fall?", "id": "once"}
        run = (await call(client, "start_run", goal)).structured_content
        again = (await call(client, "start_run", goal)).structured_content
        assert (run["id"], again["id"]) == ("once", "once")
        stands = (await call(client, "get_run", {"id": "once"})).structured_content
        assert stands["assistant"] == "clerk"
        ended = (await call(client, "cancel_run", {"id": "once"})).structured_content
        assert ended["id"] == "once"
    async with session(served, "ask", tenant="south") as client:
        for tool in ("get_run", "cancel_run"):
            assert (await call(client, tool, {"id": "once"})).is_error


async def test_documents_are_resources(served: Served) -> None:
    async with session(served, "read") as client:
        first = await client.list_resources()
        assert [str(each.uri) for each in first.resources] == ["bedplate://collections/weather"]
        second = await client.list_resources(
            params=PaginatedRequestParams(cursor=first.next_cursor)
        )
        [document] = second.resources
        assert (document.name, document.title, second.next_cursor) == ("rain", "Rain", None)
        uri = "bedplate://collections/weather/documents/rain"
        assert str(document.uri) == uri
        read: Any = (await client.read_resource(uri)).contents[0]
        assert (read.text, read.mime_type) == (DOCUMENT["text"], "text/plain")
        told: Any = (await client.read_resource("bedplate://collections/weather")).contents[0]
        assert json.loads(told.text)["name"] == "weather"
        [template] = (await client.list_resource_templates()).resource_templates
        assert template.uri_template.endswith("/{collection}/documents/{document}")
        for missing in (f"{uri}x", "bedplate://collections/nowhere", "file:///etc/passwd"):
            with pytest.raises(MCPError, match="no"):
                await client.read_resource(missing)
        with pytest.raises(MCPError, match="cursor"):
            await client.list_resources(params=PaginatedRequestParams(cursor="x"))
    async with session(served, "ask") as client:
        with pytest.raises(MCPError, match="'read'"):
            await client.list_resources()
    async with session(served, "read", tenant="south") as client:
        assert (await client.list_resources()).resources == []
        with pytest.raises(MCPError):
            await client.read_resource("bedplate://collections/weather/documents/rain")


async def test_resources_come_page_by_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with serving(tmp_path_factory.mktemp("pages")) as opened:
        for name, count in (("a b", 101), ("c", 1)):
            documents = [{"id": f"d/{n:03}", "text": f"Text {n}."} for n in range(count)]
            path = f"/api/collections/{name}/documents"
            assert (await opened.post(path, documents)).status == 200
        found: list[str] = []
        cursor: str | None = None
        sizes: list[int] = []
        while True:
            params = {} if cursor is None else {"cursor": cursor}
            message = {"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": params}
            page = (await opened.post("/mcp", message)).json["result"]
            found += [each["uri"] for each in page["resources"]]
            sizes.append(len(page["resources"]))
            cursor = page.get("nextCursor")
            if cursor is None:
                break
        assert sizes == [2, 100, 1, 1]
        assert len(set(found)) == 104
        assert "bedplate://collections/a%20b/documents/d%2F100" in found
        read = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "resources/read",
            "params": {"uri": found[102]},
        }
        assert (await opened.post("/mcp", read)).json["result"]["contents"][0][
            "text"
        ] == "Text 100."
