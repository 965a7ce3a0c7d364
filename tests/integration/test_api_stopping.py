"""A server that stops: what is under way gets its time, and nothing outlives it."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest
from tests.fixtures.openai_wire import packets, serve_openai_wire, stalls, stream_bytes
from tests.fixtures.serving import serving, until

from bedplate.api.server import CUT_SECONDS

DRAIN_SECONDS = 0.5
LONG = "word " * 20_000


def request(port: int | str, *, stream: bool) -> bytes:
    asked = {"model": "far", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    body = json.dumps(asked).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def slow_reader(port: int, *, stream: bool) -> AsyncGenerator[None]:
    """One that asks, and takes nothing of its answer."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        client.sendall(request(port, stream=stream))
        yield


@pytest.mark.parametrize("stream", [True, False])
async def test_a_reader_that_takes_nothing_does_not_outlive_the_stop(
    tmp_path: Path, stream: bool
) -> None:
    async with serve_openai_wire() as wire, AsyncExitStack() as clients:
        wire.script(packets(*stream_bytes(*[LONG] * 200)))
        far = {"use": "openai", "base_url": wire.base_url, "model": "m", "whole_answers": False}
        tasks = asyncio.all_tasks()
        async with serving(
            tmp_path, models={"far": far}, server__drain_seconds=DRAIN_SECONDS
        ) as served:
            port = int(served.url.rpartition(":")[2])
            await clients.enter_async_context(slow_reader(port, stream=stream))
            await until(lambda: wire.seen)
            await asyncio.sleep(0.5)
            began = time.monotonic()
        took = time.monotonic() - began

        assert took < DRAIN_SECONDS + CUT_SECONDS + 2
        mine = psutil.Process().net_connections("tcp")
        assert not [each for each in mine if each.laddr.port == port]
        assert not [each for each in asyncio.all_tasks() - tasks if "httptools" in repr(each)]
        # Of a stream the call upstream has ended, too.
        await until(lambda: not wire.active)


async def test_a_reader_that_takes_what_comes_is_told_of_the_stop(tmp_path: Path) -> None:
    async with serve_openai_wire() as wire:
        wire.script(stalls("Hel"))
        far = {"use": "openai", "base_url": wire.base_url, "model": "m"}
        async with serving(
            tmp_path, models={"far": far}, server__drain_seconds=DRAIN_SECONDS
        ) as served:
            host, port = served.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request(port, stream=True))
            await reader.readuntil(b"Hel")
        rest = await reader.read()
        writer.close()

    assert b"The server stops" in rest
