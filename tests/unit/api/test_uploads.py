import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.asgi import Call
from tests.fixtures.serving import until

from bedplate.api.schemas import IngestReport
from bedplate.api.uploads import HEARTBEAT, IngestStream
from bedplate.errors import Conflict, StorageError, Unavailable
from bedplate.ingest.report import Progress, Report

REPORT = IngestReport.of(Report("c", added=2, chunks=9), [])
REPORT_EVENT = (
    b'event: report\ndata: {"collection":"c","documents":{"added":2,"updated":0,"unchanged":0,'
    b'"deleted":0,"skipped":0,"failed":0},"chunks":9,"redactions":{},"failures":[],"warnings":[],'
    b'"duplicates":[],"seconds":0.0,"ids":[]}\n\n'
)


def progress(done: int, documents: int = 1) -> Progress:
    return Progress(done, 4, documents, 3 * done, "a", 1, 10 * done, 40)


def stream(work: Any, *, seconds: float = 60, **options: Any) -> IngestStream:
    deadline = asyncio.get_running_loop().time() + seconds
    return IngestStream(work, deadline=deadline, **options)


async def test_what_is_told_is_sent_and_then_the_report():
    call = Call()

    async def work(tell: Callable[[Progress], None]) -> IngestReport:
        tell(progress(1))
        await until(lambda: len(call.sent) == 2)
        tell(progress(2))
        tell(progress(4))
        return REPORT

    await call.run(stream(work))
    bodies = [re.sub(rb'"seconds":[0-9.e-]+,?', b"", m["body"]) for m in call.sent[1:3]]
    assert bodies[0] == (
        b'event: progress\ndata: {"done":1,"total":4,"documents":1,"chunks":3,"failures":1,'
        b'"bytes":10,"total_bytes":40,"rate":null,"eta_seconds":null,}\n\n'
    )
    last = json.loads(call.sent[2]["body"].split(b"data: ")[1])
    assert (last["done"], last["eta_seconds"]) == (4, {"low": 0, "high": 0})
    assert [m["body"] for m in call.sent[3:]] == [REPORT_EVENT, b""]
    assert call.complete
    assert call.answer_headers["content-type"] == "text/event-stream; charset=utf-8"
    assert call.answer_headers["cache-control"] == "no-cache"
    assert "content-length" not in call.answer_headers


async def test_while_there_is_nothing_to_tell_comments_keep_the_connection():
    call = Call()

    async def work(tell: Callable[[Progress], None]) -> IngestReport:
        tell(progress(1, documents=0))
        await until(lambda: call.answer.count(HEARTBEAT) >= 3)
        return REPORT

    await call.run(stream(work, heartbeat_seconds=0.01))
    assert set(call.answer.removesuffix(REPORT_EVENT).split(b"\n\n")) == {HEARTBEAT.strip(), b""}


async def test_an_error_before_anything_was_kept_is_raised():
    call = Call()

    async def work(tell: Callable[[Progress], None]) -> IngestReport:
        tell(progress(1, documents=0))
        raise Conflict("another embedder")

    with pytest.raises(Conflict):
        await call.run(stream(work))
    assert call.sent == []


async def test_an_error_after_that_is_the_last_event():
    call = Call()

    async def work(tell: Callable[[Progress], None]) -> IngestReport:
        tell(progress(1))
        await until(lambda: call.sent)
        raise StorageError("disk full")

    await call.run(stream(work))
    assert call.answer.endswith(
        b'data: {"error":{"message":"disk full","type":"server_error","param":null,'
        b'"code":"storage_error"}}\n\n'
    )
    assert call.complete


async def test_work_ends_with_the_time_of_its_request():
    stopped = asyncio.Event()

    async def work(tell: Callable[[Progress], None]) -> IngestReport:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return REPORT

    with pytest.raises(Unavailable, match="request_seconds"):
        await Call().run(stream(work, seconds=0.01))
    assert stopped.is_set()


async def test_a_client_that_reads_slowly_is_sent_the_latest_only():
    call, sent = Call(), asyncio.Event()

    async def work(tell: Callable[[Progress], None]) -> IngestReport:
        for done in range(1, 5):
            tell(progress(done))
            await asyncio.sleep(0)
        sent.set()
        return REPORT

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        async def late(message: Any) -> None:
            await sent.wait()
            await send(message)

        await stream(work)(scope, receive, late)

    await call.run(slow)
    events = call.answer.split(b"\n\n")
    assert [json.loads(each.split(b"data: ")[1])["done"] for each in events[:2]] == [1, 4]
    assert len(events) == 4
