"""`bedplate mcp`, started by the official MCP client as its users' programs start it."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters, stdio_client
from mcp.client.session import ClientSession
from tests.fixtures.command_line import SOURCE

ENV = {"PATH": "/usr/bin:/bin", "PYTHONPATH": SOURCE}
TOML = """
[embedder]
use = "hashing"
[ask]
model = "quote"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mcp")
    (folder / "bedplate.toml").write_text(TOML)
    (folder / "rain.md").write_text("# Rain\n\nRain falls in Bergen on most days.")
    return folder


async def test_the_official_client_starts_it_and_asks(folder: Path) -> None:
    options = ["--config", str(folder / "bedplate.toml"), "--data", str(folder / "data")]
    ingest = [sys.executable, "-m", "bedplate", "ingest", "rain.md", "-c", "weather", *options]
    done = await asyncio.create_subprocess_exec(
        *ingest, cwd=folder, env=ENV, stdout=asyncio.subprocess.DEVNULL
    )
    assert await done.wait() == 0

    program = StdioServerParameters(
        command=sys.executable, args=["-m", "bedplate", "mcp", *options], cwd=str(folder), env=ENV
    )
    async with (
        stdio_client(program) as (read, write),
        ClientSession(read, write) as client,
    ):
        welcome = await client.initialize()
        assert welcome.server_info.name == "bedplate"
        assert len((await client.list_tools()).tools) == 10
        question = {"collection": "weather", "question": "Where does rain fall?"}
        answers = await asyncio.gather(*(client.call_tool("ask", question) for _ in range(3)))
        for answer in answers:
            assert "Bergen" in answer.structured_content["answer"]
        run = await client.call_tool("start_run", {"assistant": "clerk", "goal": "x"})
        assert run.is_error
        assert "bedplate serve" in str(run.content[0])
        assert (await client.list_resources()).resources[0].name == "weather"


async def test_each_line_is_a_message_and_what_is_none_is_told(folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bedplate", "mcp", "--data", str(folder / "other"),
        cwd=folder, env=ENV, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    ping = {"jsonrpc": "2.0", "id": "a", "method": "ping"}
    told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    late = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}}
    lines = [b"", b"{oh", json.dumps(told).encode(), json.dumps(late).encode(),
             b'{"id": 1}', json.dumps(ping).encode()]  # fmt: skip
    out, _ = await process.communicate(b"\n".join(lines) + b"\n")

    assert process.returncode == 0
    answers = [json.loads(line) for line in out.splitlines()]
    assert answers[-1] == {"jsonrpc": "2.0", "id": "a", "result": {}}
    assert sorted(each["error"]["code"] for each in answers[:-1]) == [-32700, -32600]
