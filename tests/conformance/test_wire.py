"""Bytes on the socket: what no well-behaved client sends, and what each reads, exactly.

One server for all; at the end of each test it must still answer.
"""

import asyncio
import json
import re
import resource
import socket
import struct
import time
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fixtures.process import ServerProcess

GOLDEN = Path(__file__).parent / "golden"
CHAT = {"model": "default", "messages": [{"role": "user", "content": "Hi"}]}
TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
WEATHER = [{"role": "user", "content": "What is the weather?"}]
TRACES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {**CHAT, "stream_options": {"include_usage": True}}),
    "chat-tools": (
        "/v1/chat/completions",
        {**CHAT, "messages": WEATHER, "tools": [{"type": "function", "function": TOOL}]},
    ),
    "responses": ("/v1/responses", {"model": "default", "input": "think"}),
    "responses-tools": (
        "/v1/responses",
        {"model": "default", "input": WEATHER, "tools": [{"type": "function", **TOOL}]},
    ),
    "responses-search": (
        "/v1/responses",
        {
            "model": "default",
            "input": "Please search for refunds",
            "tools": [{"type": "file_search", "vector_store_ids": ["policies"]}],
        },
    ),
    "chat-refusal": (
        "/v1/chat/completions",
        {**CHAT, "messages": [{"role": "user", "content": "Please refuse"}]},
    ),
    "responses-refusal": ("/v1/responses", {"model": "default", "input": "Please refuse"}),
    "messages": ("/v1/messages", {**CHAT, "max_tokens": 100}),
}
"""Streams that are kept byte for byte, but for ids and times."""


@contextmanager
def connected(server: ServerProcess) -> Iterator[socket.socket]:
    host, port = server.url.removeprefix("http://").split(":")
    with closing(socket.create_connection((host, int(port)), timeout=30)) as connection:
        yield connection


def sent(server: ServerProcess, *parts: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    with connected(server) as connection:
        for part in parts:
            connection.sendall(part)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def request(
    path: str, body: bytes, *headers: str, method: str = "POST", last: bool = True
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    if not any(header.lower().startswith("transfer-encoding") for header in headers):
        lines.append(f"Content-Length: {len(body)}")
    lines += [*headers, *(["Connection: close"] if last else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chat(**fields: Any) -> bytes:
    return json.dumps({**CHAT, **fields}).encode()


def status(reply: bytes) -> int:
    return int(reply.split(b" ", 2)[1])


def error(reply: bytes) -> dict[str, Any]:
    return json.loads(reply.partition(b"\r\n\r\n")[2])["error"]


def answers(server: ServerProcess) -> None:
    reply = sent(server, request("/v1/chat/completions", chat()))
    assert status(reply) == 200
    assert b"Hello there, friend." in reply


def without_chance(stream: bytes) -> bytes:
    """Ids and times replaced, the same ones by the same words."""
    known: dict[bytes, bytes] = {}

    def named(match: "re.Match[bytes]") -> bytes:
        return known.setdefault(match[0], b"%s-%d" % (match[1], len(known)))

    stream = re.sub(rb"(chatcmpl|resp|msg|rs|fc|fs)[-_][0-9a-f-]{32,36}", named, stream)
    return re.sub(rb'("(?:created|created_at|completed_at)":)[0-9]+', rb"\g<1>0", stream)


@pytest.mark.parametrize("name", TRACES)
def test_streams_are_these_bytes(server: ServerProcess, name: str) -> None:
    path, body = TRACES[name]
    reply = sent(server, request(path, json.dumps({**body, "stream": True}).encode()))

    head, _, chunked = reply.partition(b"\r\n\r\n")
    assert b"content-type: text/event-stream" in head.lower()
    assert without_chance(dechunked(chunked)) == (GOLDEN / f"{name}.sse").read_bytes()


def dechunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return whole


def test_chunked_bodies_in_small_parts_are_read(server: ServerProcess) -> None:
    body = chat()
    head = request("/v1/chat/completions", b"", "Transfer-Encoding: chunked")
    parts = [b"1\r\n%c\r\n" % byte for byte in body]

    assert status(sent(server, head, *parts, b"0\r\n\r\n")) == 200


@pytest.mark.parametrize(
    "part",
    [b"zz\r\nx\r\n", b"-1\r\nx\r\n", b"FFFFFFFFFFFFFFFFFF\r\nx", b"1\r\nxy\r\n"],
    ids=["no number", "negative", "endless", "longer"],
)
def test_chunks_that_are_none_are_refused(server: ServerProcess, part: bytes) -> None:
    head = request("/v1/chat/completions", b"", "Transfer-Encoding: chunked")

    reply = sent(server, head, part)

    assert reply == b"" or status(reply) == 400
    answers(server)


def test_a_chunked_body_may_have_extensions_and_trailers(server: ServerProcess) -> None:
    body = chat()
    head = request("/v1/chat/completions", b"", "Transfer-Encoding: chunked")
    whole = b"%x;name=value\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(body), body)

    assert status(sent(server, head, whole)) == 200


def test_requests_on_one_connection_are_answered_in_order(server: ServerProcess) -> None:
    first = request("/v1/models/default", b"", method="GET", last=False)
    second = request("/v1/chat/completions", chat(), last=False)
    third = request("/v1/models/nobody", b"", method="GET")

    reply = sent(server, first + second + third)

    assert re.findall(rb"HTTP/1.1 (\d+)", reply) == [b"200", b"200", b"404"]
    assert reply.index(b'"object":"model"') < reply.index(b"Hello there, friend.")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"model": "default", "messages": [', b"[]", b"null", b'"text"', b"\xff\xfe",
     b'{"model": "default"} x', b"[" * 100_000, b'{"a":' * 50_000, b"NaN"],
    ids=["empty", "brace", "cut", "list", "null", "text", "binary", "more", "deep", "deeper", "nan"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"])
def test_what_is_no_object_is_refused_by_its_place(
    server: ServerProcess, path: str, body: bytes
) -> None:
    reply = sent(server, request(path, body))

    assert status(reply) == 400
    assert error(reply)["type"] == "invalid_request_error"
    assert error(reply)["message"].startswith("The body")


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/messages",
     "/v1/conversations", "/v1/vector_stores", "/v1/moderations", "/v1/rerank", "/v1/batches",
     "/v1/uploads", "/api/search"],
)  # fmt: skip
def test_the_place_of_the_fault_in_json_is_told(server: ServerProcess, path: str) -> None:
    reply = sent(server, request(path, b'{"model": "default", "n": 01}'))
    assert status(reply) == 400
    assert re.search(r"\((byte|character) 2[5-8]\)", error(reply)["message"])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": "Hi"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [7]}, "messages.0"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]},
         "messages.0.content.0.text"),
        ({"model": 7}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"n": 10**30}, "n"),
        ({"n": 0}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": 1e400}, None),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"stream_options": []}, "stream_options"),
        ({"messages": [{"role": "user", "content": "x"}] * 5_001}, "messages"),
        ({"top_logprobs": 10**40, "logprobs": True}, "top_logprobs"),
        ({"tools": [{"type": "function", "function": {"name": f"a{n}"}} for n in range(513)]},
         "tools"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_field_is_named(
    server: ServerProcess, fields: dict[str, Any], param: str | None
) -> None:
    reply = sent(server, request("/v1/chat/completions", chat(**fields)))

    assert status(reply) == 400
    assert error(reply)["param"] == param


SCHEMAS: list[tuple[Any, str]] = [
    ({"type": 7}, "type"),
    ({"type": "objekt"}, "type"),
    ({"type": []}, "type"),
    ({"type": "object", "properties": []}, "properties"),
    ({"type": "object", "properties": {"a": "string"}}, "properties.a"),
    ({"type": "object", "properties": {"a": {"items": {"type": "text"}}}},
     "properties.a.items.type"),
    ({"type": "object", "required": "a"}, "required"),
    ({"type": "string", "enum": "a"}, "enum"),
    ({"type": "string", "pattern": "("}, "pattern"),
    ({"anyOf": []}, "anyOf"),
    ({"$ref": 7}, "$ref"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "part"), SCHEMAS, ids=str)
def test_a_schema_that_is_none_is_refused_by_its_part(
    server: ServerProcess, schema: Any, part: str
) -> None:
    function = {"name": "a", "parameters": schema}
    asked = {"model": "default", "input": "Hi"}
    shape = {"name": "a", "schema": schema}
    for path, body, where in (
        ("/v1/chat/completions", {**CHAT, "tools": [{"type": "function", "function": function}]},
         "tools.0.function.parameters"),
        ("/v1/chat/completions",
         {**CHAT, "response_format": {"type": "json_schema", "json_schema": shape}},
         "response_format.json_schema.schema"),
        ("/v1/responses", {**asked, "tools": [{"type": "function", **function}]},
         "tools.0.parameters"),
        ("/v1/responses", {**asked, "text": {"format": {"type": "json_schema", **shape}}},
         "text.format.schema"),
        ("/v1/messages",
         {**CHAT, "max_tokens": 9, "tools": [{"name": "a", "input_schema": schema}]},
         "tools.0.input_schema"),
    ):  # fmt: skip
        reply = sent(server, request(path, json.dumps(body).encode()))
        assert status(reply) == 400, (path, reply)
        assert error(reply)["param"] == f"{where}.{part}"


def test_a_schema_without_end_is_refused(server: ServerProcess) -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"items": deep}
    wide = {"anyOf": [{}] * 30_000}
    for schema in (deep, wide):
        tool = {"type": "function", "function": {"name": "a", "parameters": schema}}
        reply = sent(server, request("/v1/chat/completions", chat(tools=[tool])))
        assert (status(reply), error(reply)["param"]) == (400, "tools.0.function.parameters")


def test_schemas_as_clients_make_them_are_taken(server: ServerProcess) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": ["object", "null"],
        "properties": {
            "a": {"anyOf": [{"type": "string", "pattern": "^x"}, {"$ref": "#/$defs/b"}]},
            "c": True,
            "type": {"type": "string", "enum": ["x", None, 1]},
            "required": {"type": "boolean", "const": "properties"},
        },
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"b": {"type": "array", "items": [{"type": "integer"}], "x-mine": 7}},
        "default": {"type": 7},
    }
    tool = {"type": "function", "function": {"name": "a", "parameters": schema}}
    assert status(sent(server, request("/v1/chat/completions", chat(tools=[tool])))) == 200


NULLS: dict[str, dict[str, Any]] = {
    "/v1/embeddings": {"model": "default", "input": "x", "dimensions": None,
                       "encoding_format": None, "user": None},
    "/v1/moderations": {"input": "x", "model": None},
    "/v1/rerank": {"query": "a", "documents": ["b"], "model": None, "top_n": None},
    "/v1/vector_stores": {"name": None, "file_ids": None, "metadata": None, "description": None,
                          "expires_after": None, "chunking_strategy": None},
    "/v1/conversations": {"items": None, "metadata": None},
    "/v1/uploads": {"filename": "a", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain",
                    "expires_after": None},
    "/v1/messages": {**CHAT, "max_tokens": 9, **dict.fromkeys(
        ("system", "tools", "tool_choice", "metadata", "stop_sequences", "stream", "temperature",
         "thinking"))},
}  # fmt: skip


@pytest.mark.parametrize("path", NULLS)
def test_null_is_taken_where_clients_send_it(server: ServerProcess, path: str) -> None:
    reply = sent(server, request(path, json.dumps(NULLS[path]).encode()))
    assert status(reply) == 200, reply


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/responses", {"model": "default", "input": "Hi"}),
        ("/v1/responses/compact", {"model": "default", "input": "Hi"}),
        ("/v1/conversations", {}),
        ("/v1/vector_stores", {}),
        ("/v1/rerank", {"query": "a", "documents": ["b"]}),
        ("/v1/uploads",
         {"filename": "a", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain"}),
    ],
)  # fmt: skip
def test_an_unknown_parameter_is_refused_by_its_name(
    server: ServerProcess, path: str, body: dict[str, Any]
) -> None:
    reply = sent(server, request(path, json.dumps({**body, "colour": 1}).encode()))
    assert (status(reply), error(reply)["param"]) == (400, "colour")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/responses", {"model": "default", "input": "Hi"}),
        ("/v1/messages", {**CHAT, "max_tokens": 100}),
        ("/v1/embeddings", {"model": "hashing-256", "input": "a"}),
        ("/v1/moderations", {"input": "a"}),
        ("/v1/conversations", {}),
        ("/api/guard", {"text": "a"}),
    ],
)
def test_json_may_begin_with_a_byte_order_mark(
    server: ServerProcess, path: str, body: dict[str, Any]
) -> None:
    reply = sent(server, request(path, BOM_UTF8 + json.dumps(body).encode()))
    assert status(reply) == 200, reply


def test_a_body_that_is_too_large_is_refused_before_it_is_there(server: ServerProcess) -> None:
    head = request("/v1/chat/completions", b"", "Content-Length: 999999999").replace(
        b"Content-Length: 0\r\n", b""
    )

    reply = sent(server, head)

    assert status(reply) == 413
    answers(server)


def test_a_huge_head_is_refused_while_it_comes(server: ServerProcess) -> None:
    huge = request("/v1/models", b"", f"X-Huge: {'x' * 150_000}", method="GET")
    with connected(server) as connection:
        # Three reads, of which the server takes the last before it answers.
        for begin in range(0, 150_000, 50_000):
            connection.sendall(huge[begin : begin + 50_000])
            time.sleep(0.1)
        reply = read_all(connection)

    assert status(reply) == 431
    assert error(reply)["code"] == "head_too_large"
    answers(server)


@pytest.mark.parametrize(
    "garbage",
    [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
     b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
     b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ids=["words", "version", "tls", "negative", "smuggled"],
)  # fmt: skip
def test_what_is_no_http_is_refused_and_the_connection_closed(
    server: ServerProcess, garbage: bytes
) -> None:
    reply = sent(server, garbage)

    assert reply == b"" or status(reply) in {400, 403}
    answers(server)


@pytest.mark.parametrize("much", [0, 20, 120, 200])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_clients_that_leave_at_any_stage_leave_nothing_behind(
    server: ServerProcess, path: str, much: int
) -> None:
    body = {**CHAT, "model": "slow", "stream": True, "max_tokens": 100}
    if path == "/v1/responses":
        body = {"model": "slow", "stream": True, "input": "Hi"}
    whole = request(path, json.dumps(body).encode(), last=False)
    for _ in range(5):
        with connected(server) as connection:
            connection.sendall(whole[:much] if much < len(whole) else whole)
    answers(server)


def test_a_client_that_leaves_while_it_is_answered_is_noted(server: ServerProcess) -> None:
    with connected(server) as connection:
        connection.sendall(request("/v1/chat/completions", chat(model="slow", stream=True)))
        assert b"200" in connection.recv(1024)
    answers(server)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_client_may_leave_with_a_reset(server: ServerProcess, path: str) -> None:
    body = {**CHAT, "model": "slow", "stream": True, "max_tokens": 100}
    if path == "/v1/responses":
        body = {"model": "slow", "stream": True, "input": "Hi"}
    with connected(server) as connection:
        connection.sendall(request(path, json.dumps(body).encode()))
        assert b"200" in connection.recv(1024)
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    answers(server)


def test_slow_clients_hold_nobody_up(server: ServerProcess) -> None:
    """Fifty whose request never ends."""
    host, port = server.url.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(request("/v1/chat/completions", chat())[:-1])
        answers(server)
    finally:
        for connection in slow:
            connection.close()


async def test_of_a_thousand_streams_at_once_each_is_whole_or_told_to_come_again(
    server: ServerProcess,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_096)), hard))

    async def stream(session: aiohttp.ClientSession) -> int:
        body = {**CHAT, "stream": True}
        async with session.post(f"{server.v1}/chat/completions", json=body) as reply:
            content = await reply.read()
        if reply.status == 200:
            assert content.endswith(b"data: [DONE]\n\n")
        else:
            assert (reply.status, json.loads(content)["error"]["code"]) == (503, "busy")
            assert int(reply.headers["Retry-After"]) > 0
        return reply.status

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        statuses = await asyncio.gather(*[stream(session) for _ in range(1_000)])

    assert statuses.count(200) >= 256
    answers(server)
