"""Heads that do not come to their end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from bedplate.api.heads import BoundedHeads


class Quick(BoundedHeads):
    seconds = 0.3


async def says_ok(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def echoes(scope: Scope, receive: Receive, send: Send) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connection(
    app: ASGIApp = says_ok, *, most: int | None = None
) -> AsyncGenerator[Connection]:
    config = uvicorn.Config(
        app, http=Quick, log_config=None, lifespan="off", limit_concurrency=most
    )
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


async def answered(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert await reader.readexactly(2) == b"ok"


async def test_empty_lines_after_an_answer_do_not_keep_a_connection():
    async with connection() as (reader, writer), asyncio.timeout(3):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await answered(reader)
        writer.write(b"\r\n")
        assert await reader.read() == b""


async def test_a_body_that_still_comes_after_its_answer_has_an_end():
    async with connection() as (reader, writer), asyncio.timeout(3):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        await answered(reader)
        ended = asyncio.create_task(reader.read())
        while not ended.done():
            writer.write(b"x" * 30_000)
            await asyncio.sleep(0.1)
        assert ended.exception() or ended.result() == b""


async def test_the_rest_of_a_body_whose_answer_is_there_is_passed_over():
    async with connection() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        await answered(reader)
        writer.write(b"cdeGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await answered(reader)


async def test_what_is_no_http_is_answered_400_in_the_form_of_every_error():
    async with connection() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
        reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"code":"invalid_http"' in reply


async def test_what_is_no_http_behind_a_request_does_not_mix_with_its_answer():
    async with connection() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGARBAGE\r\n\r\n")
        reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert reply.endswith(b"\r\n\r\nok")


async def test_an_offer_of_another_protocol_is_ignored_and_the_body_read():
    async with connection(echoes) as (reader, writer):
        for name in (b"Upgrade", b"upgrade"):
            writer.write(
                b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                b"Content-Length: 12\r\n" + name + b": h2c\r\n\r\n\r\nupgrade:ok"
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert await reader.readexactly(12) == b"\r\nupgrade:ok"


async def test_a_connection_too_many_is_told_to_come_again():
    async with connection(most=1) as (reader, _):
        reply = await reader.read()

    assert reply.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 5\r\n" in reply
    assert b"server.max_connections" in reply
