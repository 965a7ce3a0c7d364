import asyncio

import pytest
from starlette.types import Receive, Scope, Send
from tests.fixtures.asgi import Call

from bedplate.api.bodies import HELD_BODIES, Bodies, deadline_of
from bedplate.errors import InvalidInput, TooLarge, Unavailable


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def start_only(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"part", "more_body": True})
    await asyncio.Event().wait()


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


def bodies(app=echo, *, max_bytes: int = 10, seconds: float = 60.0) -> Bodies:
    return Bodies(app, max_bytes=max_bytes, seconds=seconds)


async def test_the_app_is_given_the_whole_body_at_once():
    call = Call(body=[b"ab", b"", b"cd"])

    await call.run(bodies())

    assert call.answer == b"abcd"


async def test_a_body_of_exactly_the_limit_passes():
    call = Call(body=[b"x" * 5, b"x" * 5], headers={"content-length": "10"})

    await call.run(bodies())

    assert len(call.answer) == 10


async def test_a_declared_body_over_the_limit_is_refused_before_it_is_read():
    with pytest.raises(TooLarge, match=r"11 bytes or more; server.max_body_bytes allows 10"):
        await Call(headers={"content-length": "11"}, ends=False).run(bodies())


async def test_an_undeclared_body_over_the_limit_is_refused_when_it_gets_there():
    with pytest.raises(TooLarge, match=r"server.max_body_bytes"):
        await Call(body=[b"x" * 8, b"x" * 8], ends=False).run(bodies())


@pytest.mark.parametrize("length", ["-1", "ten", "", "1 0"])
async def test_a_content_length_that_is_no_number_is_refused(length: str):
    with pytest.raises(InvalidInput, match="Content-Length"):
        await Call(headers={"content-length": length}).run(bodies())


async def test_large_bodies_beyond_the_memory_for_them_are_refused_until_others_are_done():
    arrived, leave = asyncio.Semaphore(0), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        arrived.release()
        await leave.wait()
        await echo(scope, receive, send)

    layer = bodies(slow)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(HELD_BODIES):
            tasks.create_task(Call(body=[b"x" * 10]).run(layer))
        for _ in range(HELD_BODIES):
            await arrived.acquire()
        with pytest.raises(Unavailable, match="large bodies"):
            await Call(body=[b"x"]).run(layer)
        empty = Call()
        tasks.create_task(empty.run(layer))
        leave.set()

    again = Call(body=[b"x" * 10])
    await again.run(layer)
    assert (empty.status, again.status) == (200, 200)


async def test_work_is_cancelled_when_its_client_goes():
    call, cancelled = Call(), asyncio.Event()

    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        call.leave.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await call.run(bodies(work))

    assert cancelled.is_set()
    assert call.sent == []


async def test_a_client_that_goes_before_its_body_came_starts_no_work():
    called = []

    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope)

    call = Call(body=[b"x"], ends=False)
    call.leave.set()
    await call.run(bodies(work))

    assert called == []


async def test_a_disconnect_after_the_answer_does_not_cut_off_what_follows_it():
    call, finished = Call(), []

    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        await echo(scope, receive, send)
        call.leave.set()
        await receive()
        finished.append(True)

    await call.run(bodies(work))

    assert finished == [True]


async def test_work_past_the_deadline_is_answered_504():
    call = Call()

    await call.run(bodies(never, seconds=-0.5))

    assert (call.status, call.error["code"]) == (504, "request_timeout")


async def test_a_body_that_does_not_come_is_answered_408():
    call = Call(body=[b"x"], ends=False)

    await call.run(bodies(seconds=-0.5))

    assert (call.status, call.error["code"]) == (408, "request_timeout")


async def test_a_started_answer_past_the_deadline_is_cut_off():
    call = Call()

    await call.run(bodies(start_only, seconds=-0.5))

    assert call.status == 200
    assert not call.complete


async def test_the_work_knows_its_deadline():
    seen = []

    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(deadline_of(scope) - asyncio.get_running_loop().time())

    await Call().run(bodies(work, seconds=60))

    assert 50 < seen[0] <= 60


async def test_an_error_of_the_work_is_raised_as_it_is():
    async def work(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await Call().run(bodies(work))
