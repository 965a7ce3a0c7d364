from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.fixtures.asgi import Call

from bedplate.api.streams import open_stream
from bedplate.errors import NotFound, UpstreamError


class Source:
    """Yields `parts`, then raises `error` if there is one; knows whether it was closed."""

    def __init__(self, *parts: bytes, error: Exception | None = None) -> None:
        self.closed = False
        self._parts = parts
        self._error = error

    async def events(self) -> AsyncGenerator[bytes]:
        try:
            for part in self._parts:
                yield part
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


async def streamed(source: Source) -> Call:
    call = Call()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (await open_stream(source.events()))(scope, receive, send)

    await call.run(app)
    return call


async def test_events_are_sent_one_by_one_as_an_event_stream():
    call = await streamed(Source(b"a", b"b"))

    assert [m["body"] for m in call.sent[1:]] == [b"a", b"b", b""]
    assert call.complete
    assert call.answer_headers["content-type"] == "text/event-stream; charset=utf-8"
    assert call.answer_headers["cache-control"] == "no-cache"
    assert "content-length" not in call.answer_headers


async def test_an_error_before_the_first_event_is_raised():
    with pytest.raises(NotFound):
        await open_stream(Source(error=NotFound("no")).events())


async def test_an_error_after_it_is_the_last_event():
    call = await streamed(Source(b"a", error=UpstreamError("it broke", provider="p")))

    assert call.answer == (
        b'adata: {"error":{"message":"it broke","type":"server_error","param":null,'
        b'"code":"upstream_error"}}\n\n'
    )
    assert call.complete


async def test_the_source_is_closed_when_sending_fails():
    source = Source(b"a", b"b")
    stream = await open_stream(source.events())

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await stream(Call().scope, receive, send)
    assert source.closed
