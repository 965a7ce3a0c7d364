"""The Model Context Protocol at /mcp: every revision that the official client speaks, and the bytes.

What the official suite (`test_mcp_suite.py`) asks of any server stands here too, so that it is seen
without the suite.
"""

import base64
import json
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.fixtures.process import ServerProcess

pytest.importorskip("mcp")

import httpx2
from mcp import MCPError
from mcp.client.client import Client
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

NEWEST = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
META: Mapping[str, Any] = {f"{PREFIX}protocolVersion": NEWEST, f"{PREFIX}clientCapabilities": {}}
MODES = ["legacy", "auto", *MODERN_PROTOCOL_VERSIONS]
HEADER_MISMATCH, UNKNOWN_VERSION = -32020, -32022
BOTH = "application/json, text/event-stream"


class Raw:
    """Requests written by hand; `meta` and `headers` are those of the newest revision."""

    def __init__(self, server: ServerProcess) -> None:
        self._url = f"{server.url}/mcp"

    def post(self, content: Any, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return httpx2.post(self._url, content=body, headers={"Accept": BOTH, **(headers or {})})

    def ask(self, method: str, headers: Mapping[str, str] | None = None, **params: Any) -> Any:
        """Of a revision with a handshake."""
        return self.post({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}, headers)

    def alone(
        self,
        method: str,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> httpx2.Response:
        usual = {"MCP-Protocol-Version": NEWEST, "Mcp-Method": method}
        name = params.get("name", params.get("uri"))
        if name is not None:
            usual["Mcp-Name"] = name
        given = {**params, "_meta": META if meta is None else meta}
        message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": given}
        return self.post(message, usual if headers is None else headers)


@pytest.fixture
def raw(server: ServerProcess) -> Raw:
    return Raw(server)


def code(response: httpx2.Response) -> tuple[int, int]:
    told = response.json()
    assert told["jsonrpc"] == "2.0"
    return response.status_code, told["error"]["code"]


@pytest.mark.parametrize("mode", MODES)
async def test_the_official_client_works_in_every_mode(server: ServerProcess, mode: str) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total, message))

    async with Client(f"{server.url}/mcp", mode=mode) as client:
        if mode not in MODERN_PROTOCOL_VERSIONS:
            # Who is sure of the revision asks nothing before the first request.
            assert client.server_info.name == "bedplate"
        # It holds what a tool gives against the schema that the list has of it.
        tools = (await client.list_tools()).tools
        assert all(tool.output_schema for tool in tools)
        query = {"collection": "policies", "query": "How long do refunds take?"}
        found = await client.call_tool("search", query, progress_callback=progress)
        assert found.structured_content["hits"][0]["document_id"] == "refunds.md"
        assert heard == [(1, 2, "Searching policies."), (2, 2, "1 passage found.")]
        heard.clear()
        question = {"collection": "policies", "question": "How long do refunds take?"}
        answer = await client.call_tool("ask", question, progress_callback=progress)
        assert answer.structured_content["answer"] == "Hello there, friend."
        assert [message for _, _, message in heard[:2]] == [
            "Searching policies.",
            "1 passage found.",
        ]
        assert [done for done, _, _ in heard] == sorted({done for done, _, _ in heard})
        wrong = await client.call_tool("search", {"collection": "none", "query": "x"})
        assert wrong.is_error
        assert "none" in wrong.content[0].text
        uri = (await client.list_resources()).resources[0].uri
        assert uri == "bedplate://collections/policies"
        with pytest.raises(MCPError, match="no resource"):
            await client.read_resource("bedplate://collections/nowhere")


async def test_every_tool_gives_what_its_schema_says(server: ServerProcess) -> None:
    calls: dict[str, dict[str, Any]] = {
        "list_collections": {},
        "list_documents": {"collection": "policies"},
        "read_document": {"collection": "policies", "document": "refunds.md"},
        "list_assistants": {},
        "ask_assistant": {"assistant": "shop", "question": "How long do refunds take?"},
        "start_run": {"assistant": "shop", "goal": "How long do refunds take?", "id": "mcp"},
        "get_run": {"id": "mcp"},
        "cancel_run": {"id": "mcp"},
    }
    async with Client(f"{server.url}/mcp") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {*calls, "search", "ask"}
        for name, arguments in calls.items():
            given = await client.call_tool(name, arguments)
            assert not given.is_error, given.content
            assert json.loads(given.content[0].text) == given.structured_content


@pytest.mark.parametrize("version", sorted(set(KNOWN_PROTOCOL_VERSIONS) - {NEWEST}))
def test_a_greeting_is_answered_in_the_version_that_it_asks_for(raw: Raw, version: str) -> None:
    client = {"clientInfo": {"name": "x", "version": "1"}, "capabilities": {}}
    welcome = raw.ask("initialize", protocolVersion=version, **client)
    result = welcome.json()["result"]
    assert result["protocolVersion"] == version
    # No level of a log could be kept without a session.
    assert result["capabilities"] == {"tools": {}, "resources": {}}
    assert "mcp-session-id" not in welcome.headers
    header = {"MCP-Protocol-Version": version}
    assert raw.ask("ping", header).json() == {"jsonrpc": "2.0", "id": 7, "result": {}}


def test_a_version_that_is_not_spoken_is_told_with_those_that_are(raw: Raw) -> None:
    for asked in ("1999-01-01", NEWEST):
        newest = raw.ask("initialize", protocolVersion=asked).json()["result"]
        assert newest["protocolVersion"] == "2025-11-25"
    assert code(raw.ask("initialize")) == (200, -32602)

    strange = {"MCP-Protocol-Version": "1999-01-01"}
    told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    for refused in (
        raw.ask("ping", strange),
        raw.alone("tools/list", {**strange, "Mcp-Method": "tools/list"},
                  {**META, f"{PREFIX}protocolVersion": "1999-01-01"}),
        raw.post(told, strange),
    ):  # fmt: skip
        assert code(refused) == (400, UNKNOWN_VERSION)
        error = refused.json()["error"]
        assert error["data"]["requested"] == "1999-01-01"
        assert error["data"]["supported"] == sorted(KNOWN_PROTOCOL_VERSIONS, reverse=True)
    assert raw.post(told, {"MCP-Protocol-Version": NEWEST}).status_code == 202


def test_a_server_is_discovered_without_a_greeting(raw: Raw) -> None:
    result = raw.alone("server/discover").json()["result"]
    assert result["supportedVersions"][0] == NEWEST
    assert result["capabilities"] == {"tools": {}, "resources": {}, "logging": {}}
    assert result["resultType"] == "complete"
    assert result["_meta"][f"{PREFIX}serverInfo"]["name"] == "bedplate"
    assert (result["ttlMs"], result["cacheScope"]) == (3_600_000, "public")
    for method in ("tools/list", "resources/list", "resources/templates/list"):
        listed = raw.alone(method).json()["result"]
        assert listed["ttlMs"] >= 0
        # What a key may see is its own.
        assert listed["cacheScope"] == "private"


@pytest.mark.parametrize(
    "removed",
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "subscriptions/listen",
     "prompts/list", "no/such"],
)  # fmt: skip
def test_methods_that_are_not_there_are_not_found(raw: Raw, removed: str) -> None:
    assert code(raw.alone(removed)) == (404, -32601)


def test_methods_of_other_revisions_are_not_there_after_a_greeting(raw: Raw) -> None:
    for method in ("server/discover", "logging/setLevel", "resources/subscribe", "no/such"):
        assert code(raw.ask(method, {"MCP-Protocol-Version": "2025-11-25"})) == (200, -32601)


def test_what_a_request_must_say_of_itself_is_missed(raw: Raw) -> None:
    for key in META:
        rest = {name: value for name, value in META.items() if name != key}
        refused = raw.alone("tools/list", meta=rest)
        assert code(refused) == (400, -32602)
        assert refused.json()["id"] == 7
        assert key in refused.json()["error"]["message"]
    for meta in (META | {"progressToken": {}}, META | {f"{PREFIX}logLevel": "loud"}):
        assert code(raw.alone("tools/list", meta=meta)) == (400, -32602)


def test_headers_must_say_what_the_body_does(raw: Raw) -> None:
    version, method = {"MCP-Protocol-Version": NEWEST}, {"Mcp-Method": "tools/call"}
    name = {"name": "list_collections", "arguments": {}}
    for headers in (
        version,
        method,
        version | method,
        version | method | {"Mcp-Name": "search"},
        version | method | {"Mcp-Name": "LIST_COLLECTIONS"},
        version | {"Mcp-Method": "TOOLS/CALL", "Mcp-Name": "list_collections"},
        version | method | {"Mcp-Name": "=?base64?bm90IGl0?="},
        version | method | {"Mcp-Name": "=?base64?!!?="},
        {"MCP-Protocol-Version": "2025-11-25"} | method | {"Mcp-Name": "list_collections"},
    ):
        refused = raw.alone("tools/call", headers, **name)
        assert code(refused) == (400, HEADER_MISMATCH), headers
        assert refused.json()["id"] == 7
    encoded = base64.b64encode(b"list_collections").decode()
    for value in ("list_collections", f"=?base64?{encoded}?="):
        for shape in (str.lower, str.upper):
            headers = {shape(key): it for key, it in (version | method).items()}
            headers[shape("Mcp-Name")] = value
            assert raw.alone("tools/call", headers, **name).status_code == 200


def test_space_around_a_header_is_none_of_it(server: ServerProcess) -> None:
    parts = urlsplit(server.url)
    params = {"name": "list_collections", "_meta": META}
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    headers = {"MCP-Protocol-Version": NEWEST, "Mcp-Method": "tools/call"}
    with closing(HTTPConnection(str(parts.hostname), parts.port)) as connection:
        named = {"Mcp-Name": "  \tlist_collections \t "}
        connection.request("POST", "/mcp", json.dumps(message), {**headers, **named})
        assert connection.getresponse().status == 200


def test_a_resource_that_is_not_there_is_named(raw: Raw) -> None:
    uri = "bedplate://collections/nowhere"
    missing = raw.alone("resources/read", uri=uri)
    assert code(missing) == (400, -32602)
    assert missing.json()["error"]["data"] == {"uri": uri}
    assert code(raw.ask("resources/read", uri=uri)) == (200, -32002)


def test_a_batch_is_refused_and_pages_that_were_not_given(raw: Raw) -> None:
    ping = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
    for batch in ([], [ping], [ping, ping]):
        refused = raw.post(batch)
        assert code(refused) == (400, -32600)
        assert "one message at a time" in refused.json()["error"]["message"]
    for method in ("tools/list", "resources/list", "resources/templates/list"):
        assert code(raw.ask(method, cursor="x")) == (200, -32602)
    assert "nextCursor" not in raw.ask("tools/list").json()["result"]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://localhost.evil.example", "null"]
)
def test_a_page_of_another_site_may_not_call(raw: Raw, origin: str) -> None:
    assert raw.ask("ping", {"Origin": origin}).status_code == 403
    assert raw.ask("ping", {"Host": "evil.example"}).status_code == 403
    for ours in ("http://localhost:3000", "http://127.0.0.1", "http://[::1]:8000"):
        assert raw.ask("ping", {"Origin": ours}).status_code == 200


def test_there_are_no_sessions(server: ServerProcess, raw: Raw) -> None:
    strange = {"Mcp-Session-Id": "1", "Last-Event-ID": "1"}
    pinged = raw.ask("ping", strange)
    assert pinged.status_code == 200
    assert "mcp-session-id" not in pinged.headers
    for method in ("GET", "DELETE", "PUT"):
        refused = httpx2.request(method, f"{server.url}/mcp", headers={"Accept": BOTH, **strange})
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_who_takes_no_events_is_answered_in_json(raw: Raw) -> None:
    search = {"name": "search", "arguments": {"collection": "policies", "query": "refunds"}}
    token = {"_meta": {"progressToken": "t"}}
    plain = raw.ask("tools/call", {"Accept": "application/json"}, **search, **token)
    assert plain.headers["content-type"] == "application/json"
    assert plain.json()["result"]["structuredContent"]["hits"]
    assert raw.ask("tools/call", **search).headers["content-type"] == "application/json"
    stream = raw.ask("tools/call", **search, **token)
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["x-accel-buffering"] == "no"
    events = stream.text.split("\n\n")
    assert events.pop() == ""
    assert all(event.startswith("event: message\ndata: ") for event in events)
    told = [json.loads(event.partition("data: ")[2]) for event in events]
    assert [each.get("method") for each in told] == 2 * ["notifications/progress"] + [None]
    assert told[0]["params"]["progressToken"] == "t"
    assert told[2]["id"] == 7
    assert told[2]["result"]["structuredContent"]["hits"]
