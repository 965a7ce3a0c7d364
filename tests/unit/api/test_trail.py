import asyncio
import logging
import re

import pytest
from starlette.types import Receive, Scope, Send
from tests.fixtures.asgi import Call

from bedplate.api.trail import Trail
from bedplate.errors import NotFound
from bedplate.telemetry.trace import trace_id

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["method"].encode()})


async def starts_then_fails(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("secret")


async def answered(app, **options) -> Call:
    call = Call(**options)
    await call.run(Trail(app))
    return call


def lines(caplog: pytest.LogCaptureFixture) -> list[dict]:
    return [vars(record) for record in caplog.records if record.message == "request"]


async def test_an_answer_carries_the_trace_the_client_sent():
    call = await answered(ok, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})

    assert call.answer_headers["x-request-id"] == TRACE


@pytest.mark.parametrize("traceparent", ["", "00-xyz", f"00-{'0' * 32}-00f067aa0ba902b7-01"])
async def test_an_answer_carries_a_new_trace_otherwise(traceparent: str):
    call = await answered(ok, headers={"traceparent": traceparent})

    assert re.fullmatch("[0-9a-f]{32}", call.answer_headers["x-request-id"])


async def test_the_work_runs_under_the_trace():
    seen = []

    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(trace_id())
        await ok(scope, receive, send)

    call = await answered(work)

    assert seen == [call.answer_headers["x-request-id"]]
    assert trace_id() == ""


async def test_a_request_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="bedplate")

    await answered(ok, method="POST", path="/v1/models")

    [line] = lines(caplog)
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/models", 200)
    assert (line["tenant"], line["key"], line["took_ms"] >= 0) == (None, None, True)


async def test_a_client_that_left_is_logged_as_499(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="bedplate")

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    await answered(nothing)

    assert lines(caplog)[0]["status"] == 499


async def test_an_error_of_ours_is_answered_by_the_table():
    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        raise NotFound("There is no model 'x'.", param="model")

    call = await answered(work)

    assert (call.status, call.error["code"]) == (404, "model_not_found")
    assert len(call.answer_headers["x-request-id"]) == 32


async def test_an_unexpected_error_is_answered_without_its_words_and_logged_with_them(
    caplog: pytest.LogCaptureFixture,
):
    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret")

    call = await answered(work)

    assert (call.status, call.error["code"]) == (500, "internal_error")
    assert b"secret" not in call.answer
    assert "RuntimeError: secret" in caplog.text


async def test_an_unexpected_error_after_the_start_adds_nothing_to_the_answer():
    call = await answered(starts_then_fails)

    assert [message["type"] for message in call.sent] == ["http.response.start"]


async def test_work_cut_off_by_shutdown_is_answered_503():
    begun = asyncio.Event()

    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    call = Call()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(call.run(Trail(work)))
        await begun.wait()
        running.cancel()

    assert (call.status, call.error["code"]) == (503, "unavailable")


async def test_a_head_is_routed_as_its_get():
    assert (await answered(ok, method="HEAD")).answer == b"GET"
