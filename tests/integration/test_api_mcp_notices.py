"""What /mcp tells while a request is worked on: progress, a log, and nothing once its client left."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.fixtures.openai_wire import Wire, packets, serve_openai_wire, stalls
from tests.fixtures.serving import Served, serving, until

from bedplate.api.server import running
from bedplate.app import open_app
from bedplate.config import load_config

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOW = {"use": "scripted", "chunk_characters": 8, "delay_seconds": 0.05,
        "replies": ["Rain falls in Bergen on most days, and on some others as well [1]."]}  # fmt: skip
LEVEL = "io.modelcontextprotocol/logLevel"
ALONE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
TOKEN = {"progressToken": "t"}
ASK = ("ask", {"collection": "weather", "question": "Where does rain fall?"})
SEARCH = ("search", {"collection": "weather", "query": "rain"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire() -> AsyncIterator[Wire]:
    async with serve_openai_wire() as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> AsyncIterator[Served]:
    models: Any = {
        "models__slow": SLOW,
        "models__remote": {"use": "openai", "base_url": wire.base_url, "model": "m"},
        "assistants__clerk": {"model": "remote", "collections": ["weather"]},
    }
    async with serving(tmp_path_factory.mktemp("mcp"), ask__model="slow", **models) as opened:
        rain = {"id": "rain", "text": "Rain falls in Bergen on most days."}
        path = "/api/collections/weather/documents"
        assert (await opened.post(path, rain)).status == 200
        yield opened


def request(tool: str, arguments: Mapping[str, Any], meta: Mapping[str, Any]) -> Mapping[str, Any]:
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def headers(tool: str, meta: Mapping[str, Any]) -> dict[str, str]:
    taken = {"Accept": "application/json, text/event-stream"}
    if meta.keys() >= ALONE.keys():
        taken |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call"}
        taken |= {"Mcp-Name": tool}
    return taken


async def told(
    served: Served, call: tuple[str, Mapping[str, Any]], **meta: Any
) -> tuple[list[Any], Any]:
    """What was told on the way, and the result."""
    tool, arguments = call
    message = request(tool, arguments, meta)
    reply = await served.post("/mcp", message, headers=headers(tool, meta))
    assert reply.status == 200
    if reply.headers["content-type"].startswith("application/json"):
        return [], reply.json["result"]
    *notices, last = [json.loads(each.partition(b"data: ")[2]) for each in reply.events]
    assert all(set(each) == {"jsonrpc", "method", "params"} for each in notices)
    return notices, last["result"]


@pytest.mark.parametrize("era", [{}, ALONE])
async def test_an_answer_tells_how_far_it_is(served: Served, era: Mapping[str, Any]) -> None:
    notices, result = await told(served, ASK, **TOKEN, **era)
    assert "Bergen" in result["structuredContent"]["answer"]
    assert {each["method"] for each in notices} == {"notifications/progress"}
    steps = [each["params"] for each in notices]
    assert {each["progressToken"] for each in steps} == {"t"}
    done = [each["progress"] for each in steps]
    assert done == sorted(set(done))
    said = [each["message"] for each in steps]
    assert said[:2] == ["Searching weather.", "1 passage found."]
    assert all(each.startswith("Answering: ") for each in said[2:])
    # Nine pieces of text come in less than half a second.
    assert 3 <= len(said) <= 6


async def test_nothing_is_told_that_nobody_asked_for(served: Served) -> None:
    for call in (ASK, SEARCH):
        for meta in ({}, ALONE):
            notices, result = await told(served, call, **meta)
            assert notices == []
            assert not result.get("isError")


async def test_a_log_is_told_from_the_level_that_a_request_names(served: Served) -> None:
    notices, _ = await told(served, SEARCH, **ALONE, **{LEVEL: "debug"})
    [message] = [each["params"] for each in notices]
    assert (message["level"], message["logger"]) == ("info", "bedplate")
    assert message["data"]["tool"] == "search"
    assert message["data"]["took_ms"] > 0
    assert (await told(served, SEARCH, **ALONE, **{LEVEL: "warning"}))[0] == []
    # A level is a matter of each request since 2026-07-28 alone.
    assert (await told(served, SEARCH, **{LEVEL: "debug"}))[0] == []

    nowhere = ("search", {"collection": "nowhere", "query": "rain"})
    notices, result = await told(served, nowhere, **ALONE, **{LEVEL: "warning"})
    assert result["isError"]
    [message] = [each["params"] for each in notices]
    assert message["level"] == "error"
    assert message["data"] == {"tool": "search", "failed": "not_found"}


async def test_both_are_told_on_one_stream(served: Served) -> None:
    notices, _ = await told(served, SEARCH, **TOKEN, **ALONE, **{LEVEL: "info"})
    names = [each["method"].removeprefix("notifications/") for each in notices]
    assert names == ["progress", "progress", "message"]


async def test_a_client_that_leaves_ends_the_work(served: Served, wire: Wire) -> None:
    wire.script(stalls("Rain"))
    tool = "ask_assistant"
    asked = request(tool, {"assistant": "clerk", "question": "Rain?"}, TOKEN)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{served.url}/mcp", json=asked, headers=headers(tool, TOKEN)) as reply,
    ):
        async with asyncio.timeout(20):
            assert (await reply.content.readline()) == b"event: message\n"
        await until(lambda: wire.seen)
    async with asyncio.timeout(20):
        await wire.disconnected.wait()


async def test_a_server_that_stops_says_so_on_the_stream(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    arguments = {
        "server.port": 0,
        "server.drain_seconds": 0.1,
        "data.dir": tmp_path_factory.mktemp("stops"),
        "embedder.use": "hashing",
        "models.sleepy": {"use": "scripted", "replies": ["Yes?"], "delay_seconds": 60},
        "assistants.sleeper": {"model": "sleepy"},
    }
    tool = "ask_assistant"
    asked = request(tool, {"assistant": "sleeper", "question": "Rain?"}, TOKEN)
    config = load_config(arguments=arguments, environment={}).config
    async with open_app(config) as app, aiohttp.ClientSession() as session:
        async with running(app) as url:
            reply = await session.post(f"{url}/mcp", json=asked, headers=headers(tool, TOKEN))
            assert (await reply.content.readline()) == b"event: message\n"
        *_, last = (await reply.content.read()).strip().split(b"\n\n")
    told = json.loads(last.partition(b"data: ")[2])
    assert told["id"] == 1
    assert "cut off" in told["error"]["message"]


async def test_an_upstream_that_breaks_off_is_an_error_on_the_stream(
    served: Served, wire: Wire
) -> None:
    wire.script(packets(b"data: {broken\n\n"))
    call = ("ask_assistant", {"assistant": "clerk", "question": "Rain?"})
    notices, result = await told(served, call, **TOKEN)
    assert [each["params"]["message"] for each in notices] == [
        "Asking clerk.",
        "1 passage found.",
    ]
    assert result["isError"]
