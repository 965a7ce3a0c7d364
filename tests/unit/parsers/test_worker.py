import io
from collections.abc import Iterator

import msgspec

from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.wire import HEADER, Batch, Done, Ready, Refused, Reply, Request, framed
from bedplate.parsers.worker import serve


def asked(*requests: tuple[str, bytes], limits: ParseLimits | None = None) -> list[Reply]:
    stdin = io.BytesIO(
        b"".join(framed(Request(name, None, len(body))) + body for name, body in requests)
    )
    stdout = io.BytesIO()
    # The seconds are generous: they bound the CPU time of the process that runs the tests.
    serve(stdin, stdout, limits or ParseLimits(seconds=1_000_000))
    return list(replies(stdout.getvalue()))


def replies(stream: bytes) -> Iterator[Reply]:
    while stream:
        (size,) = HEADER.unpack(stream[: HEADER.size])
        yield msgspec.msgpack.decode(stream[HEADER.size : HEADER.size + size], type=Reply)
        stream = stream[HEADER.size + size :]


def test_one_request_after_another_is_answered() -> None:
    ready, first, done, refused, second, _ = asked(
        ("a.txt", b"one"), ("b.txt", b""), ("c.csv", b"a,b\n1,\n")
    )
    assert ready == Ready()
    assert isinstance(first, Batch)
    assert first.documents[0].text == "one"
    assert isinstance(done, Done)
    assert (done.failures, done.warnings) == ((), ())
    assert refused == Refused("unreadable", "'b.txt' is empty.", "empty")
    assert isinstance(second, Batch)
    assert second.documents[0].metadata == {"a": 1, "b": None}


def test_many_documents_come_in_batches() -> None:
    rows = b"\n".join(b'{"text": "row", "tags": ["a", 1, true]}' for _ in range(600))
    answer = asked(("r.jsonl", rows))
    batches = [reply for reply in answer if isinstance(reply, Batch)]
    assert [len(batch.documents) for batch in batches] == [256, 256, 88]
    assert batches[0].documents[0].metadata == {"tags": ["a", 1, True]}
    assert isinstance(answer[-1], Done)


def test_limits_are_refused_as_too_large() -> None:
    answer = asked(("a.txt", b"x" * 20), limits=ParseLimits(bytes=10, seconds=1_000_000))
    assert answer[-1] == Refused("too_large", "'a.txt' has 20 bytes; the limit is 10.")
