"""Text that goes past the layers of a call: the same answer, counted and guarded as events are."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from tests.fixtures.anthropic_wire import says, serve_anthropic_wire
from tests.fixtures.openai_wire import (
    USAGE,
    Answer,
    Exchange,
    Wire,
    chunk,
    event,
    packets,
    refuses,
    serve_openai_wire,
    stalls,
    stalls_after_finish,
    stream_bytes,
    streams,
)

from bedplate.chat.turn import Turn
from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Message, TextDelta
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import GuardFailed, UpstreamError, UpstreamTimeout
from bedplate.guards.calls import PiiCalls
from bedplate.guards.closed import FailsClosed
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.policy import Policy
from bedplate.guards.protocol import GuardedCall
from bedplate.models.anthropic import open_anthropic_model
from bedplate.models.metered import Metered
from bedplate.models.openai import open_openai_model
from bedplate.models.protocol import is_direct
from bedplate.models.retry import Retrying
from bedplate.models.written import Written
from bedplate.sections import RetryConfig

ASK = ChatRequest((Message("user", "Say hello"),))


class Pieces:
    """Keeps what it takes, in one list with what is told of events."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.most = most
        self.told: list[str] = []
        self.taken = self.left = 0

    def take(self, texts: Sequence[str]) -> bool:
        if self.taken + len(texts) > self.most:
            return False
        self.taken += len(texts)
        self.told += texts
        return True

    def flush(self) -> bool:
        self.left += 1
        return True

    async def leave(self) -> None:
        self.left += 1


def guard(**modes: str) -> PiiCalls:
    found = FailsClosed(PatternGuard(TYPES), "guards.pii")
    policy = Policy(on=frozenset({"output"}), modes=modes)  # type: ignore[arg-type]
    return PiiCalls(found, found, policy, {})


@dataclass
class Stopping:
    request: ChatRequest
    stopped: str | None = None
    slow: bool = False

    def take_text(self, text: str) -> str | None:
        return None


@asynccontextmanager
async def turns(**options: object) -> AsyncGenerator[tuple[Wire, Turn, Turn]]:
    """The wire, a turn without a guard, and one with it."""
    async with (
        serve_openai_wire() as wire,
        open_hashing_embedder({}) as embedder,
        open_openai_model(
            {"base_url": wire.base_url, "model": "m", **options}, embedder=embedder
        ) as model,
    ):
        metered = Retrying("m", Metered(model, None, output_tokens=100), RetryConfig(attempts=2))
        assert is_direct(metered)
        assert not is_direct(Written(metered))
        models = {"m": metered}
        yield wire, Turn(models, seconds=20), Turn(models, seconds=20, guard=guard(CARD="block"))


async def heard(turn: Turn, pieces: Pieces) -> list[ChatEvent]:
    events: list[ChatEvent] = []
    async with aclosing(turn.stream("m", replace(ASK, sink=pieces))) as stream:
        async for event in stream:
            events.append(event)
            if isinstance(event, TextDelta):
                pieces.told.append(event.text)
    return events


def at_once(*pieces: str) -> Answer:
    return packets(b"".join(stream_bytes(*pieces)))


@pytest.mark.parametrize("answer", [streams, at_once])
async def test_all_pieces_but_the_first_go_past_the_layers_in_order(
    answer: Callable[..., Answer],
) -> None:
    async with turns() as (wire, turn, _):
        wire.script(answer("a", "b", "c", "d"))
        pieces = Pieces()
        *first, end = await heard(turn, pieces)
    assert first == [TextDelta("a")]
    assert pieces.told == ["a", "b", "c", "d"]
    assert pieces.taken == 3
    assert pieces.left
    assert isinstance(end, Finished)
    assert end.usage.output_tokens == USAGE["completion_tokens"]


async def test_pieces_of_anthropic_s_wire_go_past_the_layers_too() -> None:
    async with (
        serve_anthropic_wire() as wire,
        open_hashing_embedder({}) as embedder,
        open_anthropic_model(
            {"base_url": wire.base_url, "model": "m", "api_key": "k"}, embedder=embedder
        ) as model,
    ):
        wire.script(says("a", "b", "c", "d"))
        pieces = Pieces()
        turn = Turn({"m": Metered(model, None, output_tokens=100)}, seconds=20)
        *first, end = await heard(turn, pieces)
    assert first == [TextDelta("a")]
    assert (pieces.told, pieces.taken) == (["a", "b", "c", "d"], 3)
    assert isinstance(end, Finished)
    assert not end.usage.estimated


@pytest.mark.parametrize("most", range(7))
@pytest.mark.parametrize("answer", [streams, at_once])
async def test_what_a_sink_does_not_take_comes_as_events(
    answer: Callable[..., Answer], most: int
) -> None:
    async with turns() as (wire, turn, guarded):
        wire.script(answer(*"abcdef"))
        for each in (turn, guarded):
            pieces = Pieces(most)
            await heard(each, pieces)
            assert "".join(pieces.told) == "abcdef"


@pytest.mark.parametrize("answer", [streams, at_once])
async def test_a_finding_is_replaced_wherever_it_is_cut(answer: Callable[..., Answer]) -> None:
    async with turns() as (wire, _, guarded):
        wire.script(answer("write ", "to ann", "@example", ".com now"))
        pieces = Pieces()
        await heard(guarded, pieces)
    assert "".join(pieces.told) == "write to [EMAIL] now"
    assert pieces.taken


@pytest.mark.parametrize("answer", [streams, at_once])
async def test_a_blocked_finding_ends_the_answer_and_nothing_leaves_after_it(
    answer: Callable[..., Answer],
) -> None:
    async with turns() as (wire, _, guarded):
        wire.script(answer("the card ", "is 4111 1111 ", "1111 1111 ", "thanks ", "all"))
        pieces = Pieces()
        *_, end = await heard(guarded, pieces)
    assert "".join(pieces.told) == "the card is "
    assert isinstance(end, Finished)
    assert end.reason == "content_filter"


async def test_a_blocked_answer_that_is_there_whole_costs_what_its_end_says() -> None:
    message = {"role": "assistant", "content": "the card is 4111 1111 1111 1111", "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 5_000}
    async with turns() as (wire, _, guarded):
        wire.script(refuses(200, {"model": "m-1", "choices": [choice], "usage": usage}))
        told = [event async for event in guarded.stream("m", replace(ASK, whole_answer=True))]
    *_, end = told
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.output_tokens, end.usage.estimated) == (
        "content_filter",
        5_000,
        False,
    )
    assert not any("4111" in each.text for each in told if isinstance(each, TextDelta))


async def test_an_answer_that_breaks_off_fails_after_what_came() -> None:
    async with turns() as (wire, turn, _):
        wire.script(streams("a", "b", finish=None, usage=None, done=False))
        pieces = Pieces()
        with pytest.raises(UpstreamError, match="after 2 characters"):
            await heard(turn, pieces)
    assert pieces.told == ["a", "b"]


async def test_a_server_that_falls_silent_is_given_up_after_its_time() -> None:
    async with turns(idle_seconds=0.2) as (wire, turn, _):
        wire.script(stalls("a", "b"))
        pieces = Pieces()
        with pytest.raises(UpstreamTimeout, match="idle_seconds"):
            await heard(turn, pieces)
    assert pieces.told == ["a", "b"]


async def test_an_answer_that_is_whole_does_not_fail_for_a_server_that_falls_silent() -> None:
    async with turns(idle_seconds=0.2) as (wire, turn, _):
        wire.script(stalls_after_finish("a", "b"))
        pieces = Pieces()
        *_, end = await heard(turn, pieces)
    assert pieces.told == ["a", "b"]
    assert isinstance(end, Finished)
    assert end.usage.estimated


async def test_a_slow_reader_is_waited_for_and_not_the_server_blamed() -> None:
    class Slow(Pieces):
        def flush(self) -> bool:
            self.left += 1
            return self.left % 2 == 0

        async def leave(self) -> None:
            await asyncio.sleep(0.9)

    async def answer(exchange: Exchange) -> None:
        await exchange.send(event(chunk("a")) + event(chunk("b")))
        await asyncio.sleep(1.0)
        await exchange.send(b"".join(stream_bytes("c")))

    async with turns(idle_seconds=0.7) as (wire, turn, _):
        wire.script(answer)
        pieces = Slow()
        *_, end = await heard(turn, pieces)
    assert pieces.told == ["a", "b", "c"]
    assert isinstance(end, Finished)


async def test_a_guard_that_fails_ends_the_call_with_its_own_error() -> None:
    class Broken(Stopping):
        def passes(self, text: str) -> bool:
            return False

        def take(self, event: ChatEvent) -> Sequence[ChatEvent]:
            if isinstance(event, TextDelta) and "b" in event.text:
                raise GuardFailed("broken")
            return [event]

    class Guard:
        async def open(self, model: str, request: ChatRequest) -> GuardedCall:
            return Broken(request)

    async with turns() as (wire, turn, _):
        wire.script(at_once("a", "b", "c"))
        broken, pieces = Turn({"m": turn.model("m")}, seconds=20, guard=Guard()), Pieces()
        with pytest.raises(GuardFailed):
            await heard(broken, pieces)
    assert pieces.told == ["a"]
