"""Who is worked on, who waits, and who is sent away."""

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from tests.fixtures.asgi import Call

from bedplate.api.admission import Admission, Lines
from bedplate.domain.ids import TenantId
from bedplate.errors import Busy, RateLimited

LOUD, QUIET, OTHER = TenantId("loud"), TenantId("quiet"), TenantId("other")


def lines(most: int = 1, *, room: int = 10, wait_seconds: float = 30) -> Lines:
    return Lines(most, room=room, wait_seconds=wait_seconds)


class Served:
    """Requests of tenants, in the order in which they got their place."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.order: list[TenantId] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, *tenants: TenantId) -> None:
        for tenant in tenants:
            self.tasks.append(asyncio.create_task(self._enter(tenant)))
            await asyncio.sleep(0)

    async def leave(self, tenant: TenantId) -> None:
        self.lines.leave(tenant)
        for _ in range(3):
            await asyncio.sleep(0)

    async def _enter(self, tenant: TenantId) -> None:
        await self.lines.enter(tenant)
        self.order.append(tenant)


async def test_a_place_that_falls_free_goes_to_the_tenant_with_the_fewest_in_work():
    served = Served(lines(2))
    await served.come(LOUD, LOUD, LOUD, LOUD, LOUD, QUIET)
    assert served.order == [LOUD, LOUD]

    await served.leave(LOUD)

    assert served.order[2:] == [QUIET]
    await served.leave(QUIET)
    assert served.order[3:] == [LOUD]


async def test_tenants_with_as_many_in_work_take_turns():
    served = Served(lines(1))
    await served.come(OTHER, LOUD, LOUD, LOUD, QUIET, QUIET)

    for _ in range(5):
        await served.leave(served.order[-1])

    assert served.order == [OTHER, LOUD, QUIET, LOUD, QUIET, LOUD]


async def test_a_full_house_sends_the_last_of_the_longest_line_away():
    served = Served(lines(1, room=3))
    await served.come(LOUD, LOUD, LOUD, LOUD)

    await served.come(QUIET)

    with pytest.raises(RateLimited, match="more requests of this tenant wait") as refused:
        await served.tasks[3]
    assert refused.value.retry_after == 1
    for _ in range(2):
        await served.leave(LOUD)
    assert served.order == [LOUD, LOUD, QUIET]


async def test_where_no_line_is_longer_the_one_that_comes_is_sent_away():
    served = Served(lines(1, room=2))
    await served.come(OTHER, LOUD, QUIET)

    with pytest.raises(Busy, match=r"1 requests.*server.max_requests.*server.max_waiting"):
        await served.lines.enter(LOUD)


async def test_nobody_waits_for_longer_than_allowed():
    crowded = lines(1, wait_seconds=0.01)
    await crowded.enter(LOUD)

    with pytest.raises(Busy, match="no place within"):
        await crowded.enter(QUIET)

    crowded.leave(LOUD)
    await crowded.enter(QUIET)
    assert (crowded.working, crowded.waiting) == (1, 0)


async def test_advice_on_trying_again_follows_from_how_fast_requests_end():
    ticks: Iterator[int] = count(0, 40)
    crowded = Lines(1, room=0, wait_seconds=1, clock=lambda: next(ticks))
    for _ in range(2):
        await crowded.enter(LOUD)
        crowded.leave(LOUD)
    await crowded.enter(LOUD)

    with pytest.raises(Busy) as refused:
        await crowded.enter(QUIET)

    assert refused.value.retry_after == 4


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("come"), st.sampled_from([LOUD, QUIET, OTHER])),
            st.tuples(st.sampled_from(["leave", "cancel", "leave and cancel"]), st.integers(0, 9)),
        ),
        max_size=40,
    )
)
async def test_places_are_never_lost_and_never_too_many(steps: list[tuple[str, object]]):
    crowded = lines(2, room=3)
    served = Served(crowded)
    inside: list[TenantId] = []

    async def settle() -> None:
        for _ in range(4):
            await asyncio.sleep(0)
        inside.extend(served.order)
        served.order.clear()

    for step, what in steps:
        if step == "come":
            assert isinstance(what, str)
            await served.come(TenantId(what))
        else:
            assert isinstance(what, int)
            waiting = [task for task in served.tasks if not task.done()]
            if "leave" in step and inside:
                crowded.leave(inside.pop(what % len(inside)))
            if "cancel" in step and waiting:
                waiting[what % len(waiting)].cancel()
        await settle()
        assert crowded.working == len(inside) <= 2
        assert crowded.waiting <= 3
        assert not crowded.waiting or crowded.working == 2

    while inside:
        crowded.leave(inside.pop())
        await settle()
    assert (crowded.working, crowded.waiting) == (0, 0)
    await asyncio.gather(*served.tasks, return_exceptions=True)


async def says_ok(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def test_no_more_requests_than_allowed_are_worked_on_and_their_places_come_free():
    arrived, leave = asyncio.Semaphore(0), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        arrived.release()
        await leave.wait()
        await says_ok(scope, receive, send)

    crowd = Admission(slow, lines(2, room=0))
    async with asyncio.TaskGroup() as tasks:
        working = [Call(), Call()]
        for call in working:
            tasks.create_task(call.run(crowd))
        for _ in working:
            await arrived.acquire()
        with pytest.raises(Busy, match=r"2 requests.*server.max_requests"):
            await Call().run(crowd)
        leave.set()
        probe = Call(path="/healthz")
        await probe.run(crowd)

    assert [call.status for call in (*working, probe)] == [200, 200, 200]
    again = Call()
    await again.run(crowd)
    assert again.status == 200


async def test_a_probe_is_answered_under_any_load():
    probe = Call(path="/healthz")

    await probe.run(Admission(says_ok, lines(0, room=0)))

    assert probe.status == 200
