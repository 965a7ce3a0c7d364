"""A turn reserves before a call and counts after it, however the call ends."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bedplate.chat.accounted import Accounted
from bedplate.chat.turn import Turn
from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.budgets import MEASURES, Subject, Used
from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Message, TextDelta, Usage
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.errors import BudgetExceeded, InvalidInput, PriceUnknown, UpstreamError
from bedplate.ledger import LEDGERS
from bedplate.ledger.protocol import Ledger, LedgerOptions, utc_now
from bedplate.models.metered import Metered, Price, Pricing

DOLLAR = 1_000_000
TENANT = Subject("tenant", DEFAULT_TENANT, DEFAULT_TENANT)
DAY, TOKENS = MEASURES["usd_total"], MEASURES["tokens_total"]
# A cent a token out, nothing for input.
PRICE = Price(Decimal(0), Decimal(10_000))


@dataclass
class Speaker:
    """Says its pieces, then fails or ends; remembers what it was asked for."""

    pieces: tuple[str, ...] = ("ab", "cd")
    error: Exception | None = None
    hangs: bool = False
    usage: Usage = field(default_factory=lambda: Usage(3, 20))
    asked: list[ChatRequest] = field(default_factory=list)
    name: str = "speaker"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        self.asked.append(request)
        for piece in self.pieces:
            yield TextDelta(piece)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        yield Finished("stop", self.usage, "speaker-1")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with LEDGERS.load("sqlite")(LedgerOptions(tmp_path / "ledger.db")) as opened:
        yield opened


def turn(
    ledger: Ledger | None, speaker: Speaker, price: Pricing | None = PRICE, *, seconds: float = 20
) -> Turn:
    models = {"m": Metered(speaker, price, output_tokens=50)}
    return Turn(models, seconds=seconds, ledger=ledger)


def asked(most: int | None = 40, account: Account = LOCAL) -> ChatRequest:
    return ChatRequest((Message("user", "Hi"),), max_output_tokens=most, account=account)


async def sums(ledger: Ledger, name: str = "usd_total") -> tuple[int | None, int | None]:
    found = await ledger.budgets.show(DEFAULT_TENANT, "tenant", DEFAULT_TENANT)
    chosen = next(each for each in found if each.limit.measure.name == name)
    return chosen.spent, chosen.reserved


async def kept(ledger: Ledger, by: str = "model") -> list[Used]:
    until = utc_now() + timedelta(minutes=1)
    return list(
        await ledger.usage.summarise(None, by, since=until - timedelta(hours=1), until=until)  # type: ignore[arg-type]
    )


async def events(stream: AsyncGenerator[ChatEvent]) -> list[ChatEvent]:
    return [event async for event in stream]


async def test_a_call_is_reserved_at_its_bound_and_counted_at_its_cost(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR, TOKENS: 1_000})
    async with aclosing(turn(ledger, Speaker()).stream("m", asked())) as stream:
        await anext(stream)
        assert await sums(ledger) == (0, 400_000)
        rest = await events(stream)
    assert isinstance(rest[-1], Finished)
    assert rest[-1].usage.cost_usd == Decimal("0.2")
    assert await sums(ledger) == (200_000, 0)
    assert await sums(ledger, "tokens_total") == (23, 0)


async def test_the_end_is_counted_before_anybody_sees_it(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    async with aclosing(turn(ledger, Speaker()).stream("m", asked())) as stream:
        async for event in stream:
            if isinstance(event, Finished):
                assert await sums(ledger) == (200_000, 0)


async def test_a_call_that_does_not_fit_never_reaches_the_model(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: 300_000})
    speaker = Speaker()
    with pytest.raises(BudgetExceeded):
        await events(turn(ledger, speaker).stream("m", asked()))
    assert speaker.asked == []
    await events(turn(ledger, speaker).stream("m", asked(most=30)))
    assert await sums(ledger) == (200_000, 0)


async def test_a_limit_bounds_the_answer_of_a_request_without_one(ledger: Ledger) -> None:
    speaker = Speaker()
    await events(turn(ledger, speaker).stream("m", asked(most=None)))
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    await events(turn(ledger, speaker).stream("m", asked(most=None)))
    await events(turn(ledger, speaker).stream("m", asked(most=7)))
    assert [request.max_output_tokens for request in speaker.asked] == [None, 50, 7]


async def test_a_stream_that_is_closed_early_counts_what_was_sent(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    speaker = Speaker(pieces=("abcdef", "ghi", "never asked for"))
    async with aclosing(turn(ledger, speaker).stream("m", asked())) as stream:
        await anext(stream)
        await anext(stream)
    # Nine letters are three tokens, by three letters each.
    assert await sums(ledger) == (30_000, 0)
    (used,) = await kept(ledger)
    assert (used.output_tokens, used.cost_usd) == (3, Decimal("0.03"))


async def test_a_reader_that_is_cancelled_holds_nothing(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    speaker = Speaker(hangs=True)
    task = asyncio.get_running_loop().create_task(
        events(turn(ledger, speaker).stream("m", asked()))
    )
    async with asyncio.timeout(10):
        while not speaker.asked:  # noqa: ASYNC110 - it belongs to the code under test
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await sums(ledger) == (20_000, 0)


@pytest.mark.parametrize(("sent", "charged"), [(True, 400_000), (False, 10_000)])
async def test_a_whole_answer_that_is_given_up_under_way_counts_as_much_as_it_may_have_come_to(
    ledger: Ledger, *, sent: bool, charged: int
) -> None:
    class Whole(Speaker):
        asks_whole = True

        async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
            assert request.unstreamed is not None
            request.unstreamed.under_way = sent
            return [event async for event in self.stream(request)]

    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    speaker = Whole(pieces=(), hangs=True)
    request = replace(asked(), whole_answer=True)
    task = asyncio.get_running_loop().create_task(
        events(turn(ledger, speaker).stream("m", request))
    )
    async with asyncio.timeout(10):
        while not speaker.asked:  # noqa: ASYNC110 - it belongs to the code under test
            await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await sums(ledger) == (charged, 0)


@pytest.mark.parametrize(
    "error", [UpstreamError("no", provider="p"), InvalidInput("no")], ids=["upstream", "input"]
)
async def test_a_model_that_fails_before_it_spoke_costs_nothing(
    ledger: Ledger, error: Exception
) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    with pytest.raises(type(error)):
        await events(turn(ledger, Speaker(pieces=(), error=error)).stream("m", asked()))
    assert await sums(ledger) == (0, 0)
    (used,) = await kept(ledger)
    assert (used.requests, used.cost_usd) == (1, 0)


async def test_a_model_that_fails_after_it_spoke_costs_what_it_said(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    speaker = Speaker(pieces=("abc",), error=UpstreamError("no", provider="p"))
    with pytest.raises(UpstreamError):
        await events(turn(ledger, speaker).stream("m", asked()))
    assert await sums(ledger) == (10_000, 0)


async def test_a_model_that_ran_out_of_time_was_at_work(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    with pytest.raises(UpstreamError):
        await events(
            turn(ledger, Speaker(pieces=(), hangs=True), seconds=0.05).stream("m", asked())
        )
    assert await sums(ledger) == (10_000, 0)


async def test_an_unknown_price_is_refused_only_where_dollars_are_limited(ledger: Ledger) -> None:
    speaker = Speaker()
    got = await events(turn(ledger, speaker, None).stream("m", asked()))
    assert isinstance(got[-1], Finished)
    assert got[-1].usage.cost_usd is None
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    with pytest.raises(PriceUnknown, match="'m'"):
        await events(turn(ledger, speaker, None).stream("m", asked()))


async def test_every_call_is_in_the_usage_log(ledger: Ledger) -> None:
    account = Account(key="k", assistant="support", run="r")
    await events(turn(ledger, Speaker()).stream("m", asked(account=account)))
    for by, group in (("model", "m"), ("key", "k"), ("assistant", "support")):
        (used,) = await kept(ledger, by)
        assert (used.group, used.requests, used.input_tokens) == (group, 1, 3)
        assert (used.output_tokens, used.cost_usd) == (20, Decimal("0.2"))


async def test_the_log_line_has_the_cost(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="bedplate.chat.turn")
    await events(turn(ledger, Speaker()).stream("m", asked()))
    (line,) = (record for record in caplog.records if record.message == "model call")
    assert line.__dict__["cost_usd"] == 0.2


async def test_more_than_the_bound_is_counted_in_full(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    speaker = Speaker(usage=replace(Usage(3, 20), output_tokens=150))
    await events(turn(ledger, speaker).stream("m", asked()))
    assert await sums(ledger) == (1_500_000, 0)
    with pytest.raises(BudgetExceeded):
        await events(turn(ledger, speaker).stream("m", asked(most=1)))


async def test_a_model_that_is_asked_beside_turns_is_held_to_the_run_that_pays(
    ledger: Ledger,
) -> None:
    run = Account(run="evaluation")
    await ledger.budgets.set(Subject("run", "evaluation", DEFAULT_TENANT), {DAY: 450_000})
    speaker = Speaker()
    model = Accounted("m", Metered(speaker, PRICE, output_tokens=50), ledger)
    deadline = asyncio.get_running_loop().time() + 20
    request = replace(asked(account=run), deadline=deadline)
    assert isinstance((await events(model.stream(request)))[-1], Finished)
    with pytest.raises(BudgetExceeded):
        await events(model.stream(request))
    assert len(speaker.asked) == 1
    assert [(each.group, each.cost_usd) for each in await kept(ledger)] == [("m", Decimal("0.2"))]
