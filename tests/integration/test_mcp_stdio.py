"""MCP over standard input and output, while much is under way."""

import asyncio
import json
from pathlib import Path
from typing import Any

from bedplate.api.mcp_stdio import AT_ONCE, Stdio
from bedplate.app import open_app
from bedplate.config import load_config

MINUTE = 60
"""Of sleep before the model's first word: whoever waits for it fails the test."""


def line(method: str, *, id: object = None, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(message if id is None else {**message, "id": id}).encode() + b"\n"


async def test_a_cancel_is_read_while_all_places_are_taken(tmp_path: Path) -> None:
    settings = {
        "data.dir": tmp_path,
        "embedder.use": "hashing",
        "models.sleepy": {"use": "scripted", "replies": ["Yes?"], "delay_seconds": MINUTE},
        "assistants.sleeper": {"model": "sleepy"},
    }
    lines = asyncio.StreamReader()
    ask = {"assistant": "sleeper", "question": "Are you there?"}
    for id in range(AT_ONCE + 1):
        lines.feed_data(line("tools/call", id=id, name="ask_assistant", arguments=ask))
    lines.feed_data(line("ping", id="last"))
    said: list[bytes] = []

    async def write(answer: bytes) -> None:
        said.append(answer)

    async with open_app(load_config(arguments=settings, environment={}).config) as app:
        running = asyncio.create_task(Stdio(app, write).run(lines))
        async with asyncio.timeout(MINUTE / 2):
            await asyncio.sleep(0.5)
            assert said == []
            for id in range(AT_ONCE + 1):
                lines.feed_data(line("notifications/cancelled", requestId=id))
            lines.feed_eof()
            await running

    assert [json.loads(each) for each in said] == [{"jsonrpc": "2.0", "id": "last", "result": {}}]


async def conversation(tmp_path: Path, *lines: bytes) -> list[Any]:
    """What is said to those lines, each sent once the one before is answered."""
    settings = {"data.dir": tmp_path, "embedder.use": "hashing", "ask.model": "quote"}
    said: list[Any] = []
    answered = asyncio.Event()

    async def write(answer: bytes) -> None:
        said.append(json.loads(answer))
        if "id" in said[-1]:
            answered.set()

    reader = asyncio.StreamReader()
    async with open_app(load_config(arguments=settings, environment={}).config) as app:
        running = asyncio.create_task(Stdio(app, write).run(reader))
        async with asyncio.timeout(MINUTE / 2):
            for each in lines:
                answered.clear()
                reader.feed_data(each)
                await answered.wait()
            reader.feed_eof()
            await running
    return said


async def test_a_level_holds_for_the_requests_after_it(tmp_path: Path) -> None:
    call = {"name": "list_collections", "arguments": {}}
    said = await conversation(
        tmp_path,
        line("initialize", id=0, protocolVersion="2025-06-18"),
        line("tools/call", id=1, **call),
        line("logging/setLevel", id=2, level="info"),
        line("tools/call", id=3, **call, _meta={"progressToken": 9}),
        line("logging/setLevel", id=4, level="emergency"),
        line("tools/call", id=5, **call),
        line("logging/setLevel", id=6, level="loud"),
    )
    assert said[0]["result"]["capabilities"] == {"tools": {}, "resources": {}, "logging": {}}
    [message] = [each for each in said if "method" in each]
    assert message["method"] == "notifications/message"
    assert message["params"]["data"]["tool"] == "list_collections"
    order = [each.get("id", "told") for each in said]
    assert order == [0, 1, 2, "told", 3, 4, 5, 6]
    assert said[-1]["error"]["code"] == -32602


async def test_progress_is_told_between_the_lines(tmp_path: Path) -> None:
    call = {"name": "search", "arguments": {"collection": "nowhere", "query": "rain"}}
    said = await conversation(
        tmp_path, line("tools/call", id=1, **call, _meta={"progressToken": 9})
    )
    assert said[0]["method"] == "notifications/progress"
    assert said[0]["params"] == {
        "progressToken": 9, "progress": 1, "total": 2, "message": "Searching nowhere.",
    }  # fmt: skip
    assert said[1]["result"]["isError"]


async def test_a_request_that_says_its_revision_needs_no_greeting(tmp_path: Path) -> None:
    prefix = "io.modelcontextprotocol/"
    meta = {f"{prefix}protocolVersion": "2026-07-28", f"{prefix}clientCapabilities": {}}
    call = {"name": "list_collections", "arguments": {}}
    said = await conversation(
        tmp_path,
        line("server/discover", id=1, _meta=meta),
        line("tools/call", id=2, **call, _meta={**meta, f"{prefix}logLevel": "debug"}),
        line("ping", id=3, _meta=meta),
        line("tools/list", id=4, _meta={**meta, f"{prefix}protocolVersion": "1999-01-01"}),
        line("tools/list", id=5, _meta={**meta, f"{prefix}protocolVersion": 2026}),
        line("ping", id=6),
        b"[" + line("ping", id=7).strip() + b"]\n",
    )
    assert said[0]["result"]["supportedVersions"][0] == "2026-07-28"
    assert said[1]["params"]["level"] == "info"
    assert said[2]["result"]["resultType"] == "complete"
    assert [each["error"]["code"] for each in said[3:6]] == [-32601, -32022, -32602]
    assert said[6] == {"jsonrpc": "2.0", "id": 6, "result": {}}
    assert (said[7]["id"], said[7]["error"]["code"]) == (None, -32600)
