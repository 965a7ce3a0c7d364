"""Several keys for one model: used in turn, rested at their limit, given up when refused."""

import asyncio

import pytest
from tests.fixtures.told_model import ToldModel, broken_off, fails, heard, says, told

from bedplate.errors import UpstreamError, UpstreamRateLimited
from bedplate.models.key_pool import KeyPool


def limited(seconds: float | None = 30.0) -> UpstreamRateLimited:
    return UpstreamRateLimited("slow down", provider="p", retry_after=seconds)


def refused() -> UpstreamError:
    return UpstreamError("wrong key", provider="p", status=401)


def calls(*models: ToldModel) -> list[int]:
    return [len(model.requests) for model in models]


async def test_keys_are_used_in_turn() -> None:
    models = [told("m", says("x")) for _ in range(3)]
    pool = KeyPool("small", models)

    for _ in range(6):
        await heard(pool)
        await asyncio.sleep(0.001)

    assert calls(*models) == [2, 2, 2]


async def test_a_key_at_its_limit_rests_and_the_call_goes_on_with_another() -> None:
    one, two = told("m", fails(limited())), told("m", says("Fine."))
    pool = KeyPool("small", [one, two])

    text, end = await heard(pool)
    await heard(pool)

    assert text == "Fine."
    assert [(note.kind, note.model) for note in end.notes] == [("key", "small")]
    assert end.notes[0].reason.startswith("Key 1: upstream_rate_limited")
    assert calls(one, two) == [1, 2]


async def test_a_key_comes_back_after_its_rest_behind_those_that_had_none() -> None:
    one, two = told("m", fails(limited(0.01)), says("one")), told("m", says("two"))
    pool = KeyPool("small", [one, two])
    await heard(pool)
    await asyncio.sleep(0.02)

    assert (await heard(pool))[0] == "two"
    two.outcomes[:] = [fails(limited())]
    assert (await heard(pool))[0] == "one"


async def test_all_at_their_limit_says_when_the_first_is_back() -> None:
    models = [told("m", fails(limited(9.0))), told("m", fails(limited(4.0)))]
    pool = KeyPool("small", models)

    for _ in range(2):
        with pytest.raises(UpstreamRateLimited, match="'small'") as caught:
            await heard(pool)
        assert caught.value.retry_after == pytest.approx(4.0, abs=0.5)

    assert calls(*models) == [1, 1]


async def test_a_refused_key_is_used_no_more_and_a_warning_names_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, two = told("m", fails(refused())), told("m", says("Fine."))
    pool = KeyPool("small", [one, two])

    for _ in range(3):
        assert (await heard(pool))[0] == "Fine."

    assert calls(one, two) == [1, 3]
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert (warning.__dict__["model"], warning.__dict__["key"]) == ("small", 1)


async def test_where_every_key_was_refused_that_is_said() -> None:
    pool = KeyPool("small", [told("m", fails(refused())), told("m", fails(refused()))])

    for _ in range(2):
        with pytest.raises(UpstreamError, match=r"models\.small\.api_keys") as caught:
            await heard(pool)
        assert caught.value.status == 401


async def test_other_failures_and_those_after_text_are_not_the_keys() -> None:
    two = told("m", says("x"))
    broken = KeyPool("small", [told("m", fails(UpstreamError("down", provider="p"))), two])
    with pytest.raises(UpstreamError, match="down"):
        await heard(broken)

    late = KeyPool("small", [told("m", fails(limited(), "Half")), two])
    seen, error = await broken_off(late)

    assert isinstance(error, UpstreamRateLimited)
    assert len(seen) == 1
    assert not two.requests
