"""Heads that do not come to their end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from bedplate.api.heads import BoundedHeads


class Quick(BoundedHeads):
    seconds = 0.3


async def says_ok(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def connection() -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(says_ok, http=Quick, log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Quick(config, state, {}), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()


async def test_a_head_that_stops_half_way_is_answered_408_and_the_connection_closed():
    async with connection() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b'"code":"head_timeout"' in reply


async def test_a_connection_over_which_nothing_comes_is_closed_without_a_word():
    async with connection() as (reader, _):
        assert await reader.read() == b""


async def test_a_second_request_has_its_own_time_and_size():
    async with connection() as (reader, writer):
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert await reader.readexactly(2) == b"ok"
        writer.write(b"GET / HTTP/1.1\r\n")
        assert b" 408 " in await reader.read()


async def test_a_head_that_is_too_long_is_answered_431():
    async with connection() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX-Long: ")
        for _ in range(3):
            writer.write(b"x" * 30_000)
            await writer.drain()
            await asyncio.sleep(0.02)
        reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
