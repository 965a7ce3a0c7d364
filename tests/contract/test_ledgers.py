"""The contract of every ledger (ledger/protocol.py)."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import apsw
import psycopg
import pytest
from tests.contract.ledger_places import place_of
from tests.contract.ledgers import (
    ACCOUNT,
    DAY,
    NOON,
    T1,
    T2,
    TENANT,
    Clock,
    limit,
    reserve,
    standing,
    sums,
    usd,
    used,
)

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import EACH, MEASURES, Subject
from bedplate.domain.chat import Usage
from bedplate.errors import (
    BudgetExceeded,
    Conflict,
    InvalidInput,
    PriceUnknown,
    RateLimited,
    StorageError,
)
from bedplate.ledger import LEDGERS
from bedplate.ledger.protocol import Call, Ledger, LedgerOptions
from bedplate.models.protocol import Bound

LARGE = Subject("model", "large")
DOLLAR = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgres"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path | str]]:
    with place_of(request.param, tmp_path) as there:
        yield request.param, there


@pytest.fixture
async def ledger(options: tuple[str, Path | str], clock: Clock) -> AsyncIterator[Ledger]:
    async with LEDGERS.load(options[0])(LedgerOptions(options[1], clock=clock)) as opened:
        yield opened


def call(clock: Clock, usage: Usage, account: Account = ACCOUNT, model: str = "m") -> Call:
    return Call(clock(), account, model, "stop", usage, 12.5, 20.0, "0" * 32)


async def test_where_no_limit_concerns_a_call_nothing_is_reserved(ledger: Ledger) -> None:
    await ledger.budgets.set(Subject("tenant", T2, T2), {DAY: 0})

    def never() -> Bound:
        raise AssertionError("the bound is asked for only where it matters")

    assert await ledger.reserve(ACCOUNT, "m", never, seconds=60) is None


async def test_what_is_reserved_is_held_and_what_is_settled_is_spent(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    first, second = await reserve(ledger, "0.4"), await reserve(ledger, "0.4")
    assert await sums(ledger) == (0, 800_000)
    await ledger.settle(first, used("0.1"))
    assert await sums(ledger) == (100_000, 400_000)
    await ledger.settle(first, used("0.1"))
    await ledger.release(first)
    assert await sums(ledger) == (100_000, 400_000)
    await ledger.release(second)
    found = await standing(ledger)
    assert (found.spent, found.reserved, found.left) == (100_000, 0, 900_000)
    assert found.renews_at == NOON.replace(hour=0) + timedelta(days=1)


async def test_a_budget_that_is_spent_refuses_and_says_when_it_renews(
    ledger: Ledger, clock: Clock
) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    await ledger.settle(await reserve(ledger, "1"), used("0.75"))
    with pytest.raises(BudgetExceeded) as refused:
        await reserve(ledger, "0.5")
    error = refused.value
    assert (error.code, error.left, error.retryable) == ("budget_exceeded", 250_000, False)
    assert error.retry_after == 12 * 3600
    assert "tenant 't1'" in error.message
    assert "0.25 USD is left" in error.message
    assert "renews at 2026-03-31T00:00:00Z" in error.message
    assert await sums(ledger) == (750_000, 0)
    clock.turn(hours=12)
    await reserve(ledger, "0.5")
    assert await sums(ledger) == (0, 500_000)


async def test_a_call_that_is_larger_than_the_budget_need_not_wait(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    with pytest.raises(BudgetExceeded, match="never will: send less") as refused:
        await reserve(ledger, "1.5")
    assert refused.value.retry_after is None
    assert not refused.value.retryable


async def test_what_calls_under_way_hold_may_be_free_soon(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    await reserve(ledger, "0.8")
    with pytest.raises(BudgetExceeded, match="once those have ended") as refused:
        await reserve(ledger, "0.5")
    assert refused.value.retryable
    assert refused.value.retry_after == 1


async def test_all_limits_hold_or_none_is_touched(ledger: Ledger) -> None:
    key = Subject("key", "k", T1)
    await ledger.budgets.set(TENANT, {DAY: DOLLAR, MEASURES["tokens_month"]: 1_000})
    await ledger.budgets.set(key, {MEASURES["usd_total"]: 300_000})
    account = Account(T1, key="k")
    with pytest.raises(BudgetExceeded, match="key 'k'") as refused:
        await reserve(ledger, "0.5", account=account)
    assert refused.value.renews_at is None
    assert await sums(ledger) == (0, 0)
    await ledger.settle(await reserve(ledger, "0.2", account=account), used("0.2", 70))
    assert await sums(ledger) == (200_000, 0)
    assert await sums(ledger, measure="tokens_month") == (70, 0)
    assert await sums(ledger, key, "usd_total") == (200_000, 0)


async def test_another_tenant_has_budgets_of_its_own(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: 0})
    own = Subject("key", "k", T2)
    await ledger.budgets.set(own, {DAY: DOLLAR})
    assert await ledger.reserve(Account(T1, key="k"), "m", usd("0"), seconds=1) is not None
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "0.1", account=Account(T1, key="k"))
    await reserve(ledger, "0.1", account=Account(T2, key="k"))
    assert [each.limit.subject for each in await ledger.budgets.list(T1)] == [TENANT]
    assert len(await ledger.budgets.list(None)) == 2


async def test_a_model_is_limited_over_all_tenants_and_in_one(ledger: Ledger) -> None:
    await ledger.budgets.set(LARGE, {DAY: DOLLAR})
    await ledger.budgets.set(Subject("model", "large", T2), {DAY: 300_000})
    await reserve(ledger, "0.6", model="large")
    await reserve(ledger, "0.2", model="large", account=Account(T2))
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "0.2", model="large", account=Account(T2))
    with pytest.raises(BudgetExceeded) as refused:
        await reserve(ledger, "0.3", model="large")
    # What other tenants used is not theirs to know.
    assert refused.value.left is None
    assert "USD" not in refused.value.message
    assert await ledger.reserve(ACCOUNT, "small", usd("9"), seconds=1) is None


async def test_each_has_an_amount_of_its_own_and_an_own_limit_wins(ledger: Ledger) -> None:
    await ledger.budgets.set(Subject("run", EACH), {MEASURES["usd_total"]: 500_000})
    await ledger.budgets.set(Subject("run", "big", T1), {MEASURES["usd_total"]: 2 * DOLLAR})
    for run in ("a", "b"):
        await reserve(ledger, "0.5", account=Account(T1, run=run))
    with pytest.raises(BudgetExceeded, match="run 'a'"):
        await reserve(ledger, "0.1", account=Account(T1, run="a"))
    await reserve(ledger, "1.5", account=Account(T1, run="big"))
    assert await sums(ledger, Subject("run", "b", T1), "usd_total") == (0, 500_000)
    listed = {each.limit.subject.name: each.spent for each in await ledger.budgets.list(None)}
    assert listed == {EACH: None, "big": 0}


async def test_what_holds_over_all_for_a_key_is_not_widened_by_its_tenant(ledger: Ledger) -> None:
    account = Account(T1, key="k")
    await ledger.budgets.set(Subject("key", "k"), {DAY: DOLLAR})
    await ledger.budgets.set(Subject("key", "k", T1), {DAY: 9 * DOLLAR})
    await reserve(ledger, "0.8", account=account)
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "0.3", account=account)
    await ledger.budgets.set(Subject("key", "k", T1), {DAY: 900_000})
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "0.15", account=account)
    await reserve(ledger, "0.1", account=account)


async def test_what_costs_nothing_passes_when_nothing_is_left(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: 100_000})
    await ledger.settle(await reserve(ledger, "0.1"), used("0.3"))
    assert await sums(ledger) == (300_000, 0)
    free = await reserve(ledger, "0")
    await ledger.settle(free, used("0"))
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "0.000001")


async def test_an_unknown_price_is_refused_where_dollars_matter(
    options: tuple[str, Path | str], ledger: Ledger, clock: Clock
) -> None:
    def unknown() -> Bound:
        return Bound(10, None, 10)

    await ledger.budgets.set(TENANT, {MEASURES["tokens_day"]: 100})
    assert await ledger.reserve(ACCOUNT, "m", unknown, seconds=1) is not None
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    with pytest.raises(PriceUnknown, match=r"\[models\.m\.price\]"):
        await ledger.reserve(ACCOUNT, "m", unknown, seconds=1)
    tolerant = LedgerOptions(options[1], unknown_price="warn", clock=clock)
    async with LEDGERS.load(options[0])(tolerant) as other:
        held = await other.reserve(ACCOUNT, "m", unknown, seconds=1)
        assert held is not None
        await other.settle(held, used(None, 30))
    assert (await standing(ledger)).spent == 0
    assert await sums(ledger, measure="tokens_day") == (30, 10)


async def test_a_cost_that_stays_unknown_counts_as_what_was_held(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    await ledger.settle(await reserve(ledger, "0.4"), used(None))
    assert await sums(ledger) == (400_000, 0)


async def test_requests_are_limited_by_the_minute(ledger: Ledger, clock: Clock) -> None:
    await ledger.budgets.set(TENANT, {MEASURES["requests_minute"]: 3})
    for _ in range(3):
        await ledger.release(await reserve(ledger, "0"))
    with pytest.raises(RateLimited) as refused:
        await reserve(ledger, "0")
    assert refused.value.retry_after == pytest.approx(20, abs=0.001)
    clock.turn(seconds=20.001)
    await reserve(ledger, "0")
    with pytest.raises(RateLimited):
        await reserve(ledger, "0")
    clock.turn(minutes=5)
    assert (await standing(ledger, measure="requests_minute")).left == 3


async def test_tokens_that_were_not_used_are_given_back_to_the_minute(
    ledger: Ledger, clock: Clock
) -> None:
    await ledger.budgets.set(TENANT, {MEASURES["tokens_minute"]: 100})
    held = await reserve(ledger, "0", tokens=90)
    with pytest.raises(RateLimited, match="try again in"):
        await reserve(ledger, "0", tokens=20)
    await ledger.settle(held, used("0", 30))
    await reserve(ledger, "0", tokens=70)
    with pytest.raises(RateLimited, match="this call alone may use 101 tokens") as refused:
        await reserve(ledger, "0", tokens=101)
    assert not refused.value.retryable


async def test_a_rate_survives_a_clock_that_is_set_back(ledger: Ledger, clock: Clock) -> None:
    await ledger.budgets.set(TENANT, {MEASURES["requests_minute"]: 2})
    for _ in range(2):
        await reserve(ledger, "0")
    clock.turn(days=-3)
    for _ in range(2):
        await reserve(ledger, "0")
    with pytest.raises(RateLimited) as refused:
        await reserve(ledger, "0")
    assert refused.value.retry_after == pytest.approx(30, abs=0.001)
    clock.turn(seconds=31)
    await reserve(ledger, "0")


async def test_a_clock_that_is_set_back_does_not_bring_back_a_day(
    ledger: Ledger, clock: Clock
) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    await ledger.settle(await reserve(ledger, "1"), used("0.9"))
    clock.turn(hours=-13)
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "0.5")
    assert (await standing(ledger)).left == 100_000


async def test_a_period_that_a_wrong_clock_began_does_not_last_for_ever(
    ledger: Ledger, clock: Clock
) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    clock.turn(days=1_000)
    await ledger.settle(await reserve(ledger, "1"), used("1"))
    clock.turn(days=-1_000)
    await reserve(ledger, "1")
    found = await standing(ledger)
    assert found.renews_at == NOON.replace(hour=0) + timedelta(days=1)


async def test_months_roll_over_and_what_is_held_stays_held(ledger: Ledger, clock: Clock) -> None:
    await ledger.budgets.set(TENANT, {MEASURES["usd_month"]: DOLLAR})
    held = await reserve(ledger, "0.4")
    await ledger.settle(await reserve(ledger, "0.6"), used("0.6"))
    clock.turn(days=2)
    await reserve(ledger, "0.6")
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "0.1")
    await ledger.settle(held, used("0.4"))
    assert await sums(ledger, measure="usd_month") == (400_000, 600_000)


async def test_what_expires_counts_as_spent_and_is_corrected_by_a_late_settling(
    options: tuple[str, Path | str], ledger: Ledger, clock: Clock
) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR, MEASURES["requests_minute"]: 100})
    held, forgotten = await reserve(ledger, "0.4"), await reserve(ledger, "0.3")
    clock.turn(seconds=60 + 59)
    async with LEDGERS.load(options[0])(LedgerOptions(options[1], clock=clock)):
        pass
    assert await sums(ledger) == (0, 700_000)
    clock.turn(seconds=2)
    async with LEDGERS.load(options[0])(LedgerOptions(options[1], clock=clock)):
        pass
    assert await sums(ledger) == (700_000, 0)
    await ledger.settle(held, used("0.1"))
    assert await sums(ledger) == (400_000, 0)
    clock.turn(days=1)
    await reserve(ledger, "0.1")
    await ledger.settle(forgotten, used("0.2"))
    assert await sums(ledger) == (0, 100_000)


async def test_declared_limits_hold_and_cannot_be_set(options: tuple[str, Path | str]) -> None:
    declared = (limit(TENANT, "usd_day", "0.5"), limit(Subject("key", EACH), "tokens_day", 50))
    opened = LedgerOptions(options[1], declared=declared)
    async with LEDGERS.load(options[0])(opened) as ledger:
        with pytest.raises(Conflict, match=r"declares usd_day .*\[budgets\]"):
            await ledger.budgets.set(TENANT, {DAY: DOLLAR})
        with pytest.raises(Conflict):
            await ledger.budgets.remove(TENANT)
        await ledger.budgets.set(TENANT, {MEASURES["usd_month"]: DOLLAR})
        with pytest.raises(BudgetExceeded):
            await reserve(ledger, "0.6")
        with pytest.raises(BudgetExceeded, match="key 'k'"):
            await reserve(ledger, "0", account=Account(T1, key="k"), tokens=51)
        shown = await ledger.budgets.show(T1, "tenant", T1)
        assert sorted((s.limit.measure.name, s.limit.declared) for s in shown) == [
            ("usd_day", True),
            ("usd_month", False),
        ]


@pytest.mark.parametrize("amount", [-1, 10**16])
async def test_absurd_amounts_are_refused(ledger: Ledger, amount: int) -> None:
    with pytest.raises(InvalidInput, match=r"usd_day is .* USD; it must be between 0 USD and"):
        await ledger.budgets.set(TENANT, {DAY: amount})
    with pytest.raises(InvalidInput, match="between 1 requests and"):
        await ledger.budgets.set(TENANT, {MEASURES["requests_minute"]: 0})
    assert await ledger.budgets.list(None) == ()


async def test_a_name_that_nothing_can_have_is_refused(ledger: Ledger) -> None:
    for name in ("", "a b", "x" * 201, "\x00"):
        with pytest.raises(InvalidInput, match="is no name of a key"):
            await ledger.budgets.set(Subject("key", name), {DAY: 1})


async def test_limits_are_removed_one_by_one_and_together(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: 5, MEASURES["tokens_day"]: 5, MEASURES["usd_total"]: 5})
    await ledger.budgets.set(TENANT, {DAY: None})
    assert len(await ledger.budgets.list(T1)) == 2
    assert await ledger.budgets.remove(TENANT) == 2
    assert await ledger.budgets.remove(TENANT) == 0
    assert await ledger.reserve(ACCOUNT, "m", usd("9"), seconds=1) is None


async def test_a_reservation_gives_nothing_back_to_a_later_counter(ledger: Ledger) -> None:
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    old = await reserve(ledger, "0.4")
    await ledger.budgets.remove(TENANT)
    await ledger.budgets.set(TENANT, {DAY: DOLLAR})
    await reserve(ledger, "0.5")
    await ledger.settle(old, used("0.4"))
    assert await sums(ledger) == (0, 500_000)


async def test_a_limit_set_elsewhere_is_followed(
    options: tuple[str, Path | str], ledger: Ledger
) -> None:
    assert await ledger.reserve(ACCOUNT, "m", usd("9"), seconds=1) is None
    async with LEDGERS.load(options[0])(LedgerOptions(options[1])) as other:
        await other.budgets.set(TENANT, {DAY: DOLLAR})
    # Listing looks at once, as a call does after a second.
    assert len(await ledger.budgets.list(T1)) == 1
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "9")


async def test_usage_is_added_up_by_day_model_key_and_assistant(
    ledger: Ledger, clock: Clock
) -> None:
    log = ledger.usage
    log.record(call(clock, used("0.25", 7), Account(T1, key="k", assistant="a")))
    log.record(call(clock, used(None, 5), Account(T1, key="k"), model="other"))
    log.record(call(clock, used("9"), Account(T2)))
    clock.turn(days=1)
    log.record(call(clock, used("0.5", 1)))
    since, until = NOON, NOON + timedelta(days=2)
    days = await log.summarise(T1, "day", since=since, until=until)
    assert [(d.group, d.requests, d.input_tokens, float(d.cost_usd), d.unpriced) for d in days] == [
        ("2026-03-30", 2, 12, 0.25, 1),
        ("2026-03-31", 1, 1, 0.5, 0),
    ]
    models = await log.summarise(T1, "model", since=since, until=until)
    assert [(m.group, m.requests) for m in models] == [("m", 2), ("other", 1)]
    keys = await log.summarise(T1, "key", since=since, until=until)
    assert [(k.group, float(k.cost_usd)) for k in keys] == [("", 0.5), ("k", 0.25)]
    assistants = await log.summarise(None, "assistant", since=since, until=until)
    assert [(a.group, a.requests) for a in assistants] == [("", 3), ("a", 1)]
    assert await log.summarise(T1, "day", since=since, until=since) == ()


async def test_a_new_budget_counts_what_was_used_before_it(ledger: Ledger, clock: Clock) -> None:
    clock.turn(days=-1)
    ledger.usage.record(call(clock, used("5", 50), Account(T1, key="k")))
    clock.turn(days=1)
    ledger.usage.record(call(clock, used("0.7", 7), Account(T1, key="k")))
    await ledger.usage.flush()
    await ledger.budgets.set(TENANT, {DAY: DOLLAR, MEASURES["tokens_total"]: 100})
    assert await sums(ledger) == (700_000, 0)
    with pytest.raises(BudgetExceeded):
        await reserve(ledger, "0.4")
    await reserve(ledger, "0.3", tokens=10)
    assert await sums(ledger) == (700_000, 300_000)
    assert await sums(ledger, measure="tokens_total") == (57, 10)


async def test_each_line_of_usage_is_of_one_day_tenant_key_assistant_and_model(
    ledger: Ledger, clock: Clock
) -> None:
    log = ledger.usage
    mine = Account(T1, key="k", assistant="shop")
    log.record(call(clock, replace(used("0.5", 10), cached_tokens=4), mine))
    log.record(call(clock, Usage(5, 1, estimated=True), mine))
    log.record(call(clock, used("0.1"), Account(T1)))
    log.record(call(clock, used("0.1"), Account(T2), model="n"))
    since = clock() - timedelta(days=1)
    clock.turn(days=1)
    log.record(call(clock, used("0.2"), mine))
    until = clock() + timedelta(seconds=1)
    found = await log.lines(None, since=since, until=until)
    first, second = (f"{clock() - timedelta(days=n):%Y-%m-%d}" for n in (1, 0))
    assert [(e.day, e.tenant, e.key, e.assistant, e.model) for e in found] == [
        (first, T1, "", "", "m"),
        (first, T1, "k", "shop", "m"),
        (first, T2, "", "", "n"),
        (second, T1, "k", "shop", "m"),
    ]
    line = found[1]
    assert (line.requests, line.cached_tokens, line.unpriced, line.estimated) == (2, 4, 1, 1)
    assert line.cost_usd == Decimal("0.5")
    assert line.input_tokens == used("0.5", 10).input_tokens + 5
    assert await log.lines(T2, since=since, until=until) == (found[2],)
    by_tenant = await log.summarise(None, "tenant", since=since, until=until)
    assert {each.group: each.requests for each in by_tenant} == {T1: 4, T2: 1}


async def test_usage_is_written_when_the_ledger_closes_and_forgotten_when_it_is_old(
    options: tuple[str, Path | str], clock: Clock
) -> None:
    name, there = options
    since, until = NOON, NOON + timedelta(hours=1)
    async with LEDGERS.load(name)(LedgerOptions(there, clock=clock)) as first:
        for _ in range(600):
            first.usage.record(call(clock, used("0.1")))
    async with LEDGERS.load(name)(LedgerOptions(there, clock=clock)) as second:
        (day,) = await second.usage.summarise(T1, "day", since=since, until=until)
        assert day.requests == 600
    # Ids tell the age, and they are of the real clock.
    later = Clock(NOON.replace(year=2200))
    async with LEDGERS.load(name)(LedgerOptions(there, clock=later)) as third:
        await third.usage.forget()  # type: ignore[attr-defined]
        assert await third.usage.summarise(T1, "day", since=since, until=until) == ()


async def test_a_full_queue_drops_calls_and_says_so(
    options: tuple[str, Path | str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    opened = LedgerOptions(options[1], clock=clock, queue=3)
    async with LEDGERS.load(options[0])(opened) as ledger:
        for _ in range(5):
            ledger.usage.record(call(clock, used("0.1")))
        (day,) = await ledger.usage.summarise(
            T1, "day", since=NOON, until=NOON + timedelta(hours=1)
        )
    assert day.requests == 3
    assert any(getattr(record, "calls", 0) == 2 for record in caplog.records)


async def test_tables_of_a_newer_version_are_refused(options: tuple[str, Path | str]) -> None:
    name, there = options
    async with LEDGERS.load(name)(LedgerOptions(there)):
        pass
    if name == "sqlite":
        with closing(apsw.Connection(str(there))) as db:
            db.execute("PRAGMA user_version = 99").fetchall()
    else:
        run(there, "INSERT INTO bedplate.ledger_version VALUES (99)")
    try:
        with pytest.raises(StorageError, match="have schema 99, newer than 1"):
            async with LEDGERS.load(name)(LedgerOptions(there)):
                pass
    finally:
        if name == "postgres":
            run(there, "DELETE FROM bedplate.ledger_version WHERE version = 99")


def run(address: Path | str, sql: str) -> None:
    with psycopg.connect(str(address), autocommit=True) as db:
        db.execute(sql.encode())


async def test_who_may_only_read_can_start_and_is_let_through_no_limit(
    caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    with place_of("postgres", Path()) as there:
        assert isinstance(there, str)
        reader = f"reader_{there.rpartition('/')[2]}"
        async with LEDGERS.load("postgres")(LedgerOptions(there, clock=clock)) as owner:
            await owner.budgets.set(TENANT, {DAY: DOLLAR})
            await reserve(owner, "0.1")
            run(there, f"CREATE ROLE {reader} LOGIN; GRANT USAGE ON SCHEMA bedplate TO {reader}")
            run(there, f"GRANT SELECT ON ALL TABLES IN SCHEMA bedplate TO {reader}")
            # What the owner holds is overdue; only who may write can count it.
            clock.turn(seconds=121)
            place = there.replace("postgres@", f"{reader}@")
            try:
                async with LEDGERS.load("postgres")(LedgerOptions(place, clock=clock)) as other:
                    assert await sums(other) == (0, 100_000)
                    with pytest.raises(StorageError, match="permission denied"):
                        await reserve(other, "0.1")
                    assert await other.reserve(Account(T2), "m", usd("1"), seconds=1) is None
            finally:
                run(there, f"DROP OWNED BY {reader}; DROP ROLE {reader}")
            assert await sums(owner) == (0, 100_000)
    assert any("permission denied" in getattr(each, "error", "") for each in caplog.records)


async def test_a_tools_rate_comes_back_evenly_over_a_minute(ledger: Ledger, clock: Clock) -> None:
    assert [await ledger.admit(T1, "shop.find", 3) for _ in range(3)] == [None] * 3
    assert await ledger.admit(T1, "shop.find", 3) == 20
    assert await ledger.admit(T2, "shop.find", 3) is None
    assert await ledger.admit(T1, "shop.pay", 3) is None
    clock.turn(seconds=19)
    assert await ledger.admit(T1, "shop.find", 3) == 1
    clock.turn(seconds=1)
    assert await ledger.admit(T1, "shop.find", 3) is None
    assert await ledger.admit(T1, "shop.find", 3) == 20


async def test_a_tools_rate_does_not_stand_still_where_the_clock_is_put_back(
    ledger: Ledger, clock: Clock
) -> None:
    assert await ledger.admit(T1, "shop.find", 1) is None
    clock.turn(days=-1)
    assert await ledger.admit(T1, "shop.find", 1) is None
