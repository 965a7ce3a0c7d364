"""The ends of the relay's benchmark: an upstream that answers at once, and the cheapest proxy.

The proxy parses with httptools on uvloop, keeps its connections to the upstream, forwards bytes and
checks nothing: what any relay in Python pays at least.

    python -m tests.bench.relay_floor upstream
    python -m tests.bench.relay_floor floor http://127.0.0.1:PORT

Each prints its port on the first line.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import httptools
import uvloop

EVENTS = 64
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ("rain", "falls", "on", "the", "quiet", "town", "while", "people", "sleep", "until", "dawn")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
SAID = "".join(f"{WORDS[number % len(WORDS)]} " for number in range(EVENTS))
USAGE = {"prompt_tokens": 400, "completion_tokens": EVENTS, "total_tokens": 400 + EVENTS}
ID = "chatcmpl-0123456789abcdef0123456789abcdef"


def stamp() -> str:
    """The microsecond as a word: digits would be looked at as personal data."""
    number, said = time.monotonic_ns() // 1000 % 26**9, ""
    for _ in range(9):
        number, digit = divmod(number, 26)
        said = LETTERS[digit] + said
    return said


def since(word: str) -> float:
    """Milliseconds since `stamp` gave that word."""
    sent = 0
    for letter in word:
        sent = sent * 26 + LETTERS.index(letter)
    return (time.monotonic_ns() // 1000 % 26**9 - sent) / 1000


def _chunk(choices: list[Any], **fields: Any) -> bytes:
    chunk = {"id": ID, "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m"}
    chunk |= {"system_fingerprint": "fp_0123456789", "choices": choices, **fields}
    event = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def _delta(text: str) -> bytes:
    return _chunk(
        [{"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}]
    )


_ENDING = (
    _chunk([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    + _chunk([], usage=USAGE)
    + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)
_STREAM = HEAD % b"text/event-stream" + b"Transfer-Encoding: chunked\r\n\r\n"
_WHOLE = json.dumps(
    {
        "id": ID,
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": SAID, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }
).encode()
_JSON = HEAD % b"application/json" + b"Content-Length: %d\r\n\r\n" % len(_WHOLE) + _WHOLE
_SAID = _STREAM + b"".join(_delta(f"{word} ") for word in SAID.split()) + _ENDING


_NUMBERS = itertools.count()


def _numbered(said: bytes) -> bytes:
    """With an id that no other answer has: who keeps answers by it would refuse the second."""
    return said.replace(ID.encode(), b"chatcmpl-%032x" % next(_NUMBERS))


class _Parsed(asyncio.Protocol):
    """One connection, its messages parsed one after the other."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.path = b""
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_body(self, body: bytes) -> None:
        self.body += body


class Upstream(_Parsed):
    """JSON, or a stream; "/paced/" in the path puts 10 ms before each of its events."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        body, self.body = self.body, bytearray()
        if b'"stream":true' not in body:
            self.transport.write(_numbered(_JSON))
        elif b"paced" in self.path:
            self.transport.write(_STREAM)
            self._pace(EVENTS)
        else:
            self.transport.write(_numbered(_SAID))

    def _pace(self, left: int) -> None:
        if self.transport.is_closing():
            return
        if not left:
            self.transport.write(_ENDING)
            return
        asyncio.get_running_loop().call_later(0.010, self._event, left)

    def _event(self, left: int) -> None:
        self.transport.write(_delta(f"rain {stamp()} "))
        self._pace(left - 1)


class _Behind(asyncio.Protocol):
    """A kept connection to the upstream: what comes is written on as it is."""

    def __init__(self, pool: deque["_Behind"]) -> None:
        self._pool = pool
        self.client: Any = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self, request: bytes, client: Any) -> None:
        self.client = client
        self._parser = httptools.HttpResponseParser(self)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.client.write(data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._pool.append(self)


class Floor(_Parsed):
    def __init__(self, host: str, port: int, pool: deque[_Behind]) -> None:
        super().__init__()
        self._host, self._port, self._pool = host, port, pool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        body, self.body = bytes(self.body), bytearray()
        head = b"POST %b HTTP/1.1\r\nHost: upstream\r\nContent-Length: %d\r\n\r\n"
        request = head % (self.path, len(body)) + body
        if self._pool:
            self._pool.popleft().ask(request, self.transport)
        else:
            self._task = asyncio.get_running_loop().create_task(self._connect(request))

    async def _connect(self, request: bytes) -> None:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: _Behind(self._pool), self._host, self._port)
        made.ask(request, self.transport)


async def _serve(part: str, upstream: str) -> None:
    parts, pool = urlsplit(upstream), deque[_Behind]()

    def made() -> asyncio.Protocol:
        if part == "upstream":
            return Upstream()
        return Floor(parts.hostname or "", parts.port or 0, pool)

    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, backlog=2048)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], "".join(sys.argv[2:])))
