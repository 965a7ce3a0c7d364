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
