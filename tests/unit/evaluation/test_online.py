"""Online evaluation: what is drawn is judged beside the traffic, and nothing waits for it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bedplate.domain.accounts import Account
from bedplate.domain.answers import Grounding, Support
from bedplate.domain.evaluations import Answered, Evaluation
from bedplate.domain.ids import TenantId
from bedplate.errors import StorageError
from bedplate.evaluation.online import EvaluationOptions, OnlineEvaluation, drawn, running
from bedplate.evaluations.sqlite import open_sqlite_evaluations
from bedplate.judges.protocol import Case, Hearing

T1 = TenantId("t1")
NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
GOOD = Grounding(0.9, "supported")


class ToldJudge:
    """Says what it is told of the answers by their texts, once `gate` is open."""

    threshold = 0.5

    def __init__(self, verdicts: dict[str, Support | Exception]) -> None:
        self.verdicts = verdicts
        self.cases: list[tuple[Case, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def check(self, case: Case, answer: str) -> Grounding:
        self.cases.append((case, answer))
        await self.gate.wait()
        verdict = self.verdicts[answer]
        if isinstance(verdict, Exception):
            raise verdict
        return Grounding(0.5, verdict)

    def hear(self, case: Case) -> Hearing:
        raise AssertionError("whole answers alone are judged here")


def answered(text: str, **facts: Any) -> Answered:
    made = Answered(
        question="Why?",
        text=text,
        passages=(),
        grounded=GOOD,
        model="m",
        collections=("c",),
        account=Account(T1, key="k", assistant="shop", run="r"),
        trace_id="f" * 32,
    )
    return replace(made, **facts)


@asynccontextmanager
async def opened(
    folder: Path, judge: ToldJudge | None, **options: Any
) -> AsyncGenerator[OnlineEvaluation]:
    chosen = EvaluationOptions(**options)
    async with open_sqlite_evaluations(folder / "evaluations.db") as kept:
        online = OnlineEvaluation(kept, judge, chosen, clock=lambda: NOON)
        async with running(online, workers=chosen.at_once):
            yield online


async def rates(online: OnlineEvaluation) -> dict[str, tuple[int, int, int]]:
    day = timedelta(days=1)
    found = await online.rates(T1, "assistant", since=NOON - day, until=NOON + day)
    return {each.group: (each.judged, each.unsupported, each.failed) for each in found}


async def idle(online: OnlineEvaluation) -> None:
    async with asyncio.timeout(20):
        while online.waiting:  # noqa: ASYNC110 - no event says that nothing waits
            await asyncio.sleep(0)


async def test_the_judges_verdict_counts_in_place_of_the_answers_own_check(tmp_path: Path) -> None:
    judge = ToldJudge({"a": "supported", "b": "unsupported", "c": "unchecked"})
    async with opened(tmp_path, judge) as online:
        for text in "abc":
            online.saw(answered(text))
        await idle(online)
        assert await rates(online) == {"shop": (2, 1, 0)}
    case, _ = judge.cases[0]
    assert case.account == Account(T1, assistant="shop", run="evaluation")
    assert case.deadline is not None


async def test_a_judge_that_breaks_or_takes_too_long_is_a_failure_and_no_verdict(
    tmp_path: Path,
) -> None:
    judge = ToldJudge({"a": RuntimeError("out of order"), "b": "supported", "c": "failed"})
    async with opened(tmp_path, judge, at_once=1) as online:
        for text in "acb":
            online.saw(answered(text))
        await idle(online)
        assert await rates(online) == {"shop": (1, 0, 2)}
    judge.gate.clear()
    async with opened(tmp_path / "late", judge, seconds=0.01) as online:
        online.saw(answered("b"))
        await idle(online)
        assert await rates(online) == {"shop": (0, 0, 1)}


async def test_who_answers_never_waits_and_what_finds_no_room_is_counted(tmp_path: Path) -> None:
    judge = ToldJudge({"a": "supported"})
    judge.gate.clear()
    async with opened(tmp_path, judge, waiting=2, at_once=1) as online:
        for _ in range(5):
            online.saw(answered("a"))
        assert (online.waiting, online.dropped) == (2, 3)
        judge.gate.set()
        await idle(online)
        assert await rates(online) == {"shop": (2, 0, 0)}


async def test_without_a_judge_what_the_answers_own_checks_said_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as online:
        online.saw(answered("a"))
        online.saw(answered("b", grounded=Grounding(0.1, "unsupported")))
        online.saw(answered("c", grounded=Grounding(1.0, "unchecked")))
        assert await rates(online) == {"shop": (2, 1, 0)}
    # Another process, and what was judged last is there.
    async with opened(tmp_path, None) as online:
        assert await rates(online) == {"shop": (2, 1, 0)}


async def test_verdicts_are_written_when_the_server_stops(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as online:
        online.saw(answered("a"))
    async with opened(tmp_path, None) as online:
        assert await rates(online) == {"shop": (1, 0, 0)}


async def test_a_share_is_drawn_by_the_trace_and_every_process_draws_alike(tmp_path: Path) -> None:
    ids = [f"{number * 0x9E3779B97F4A7C15 % (1 << 128):032x}" for number in range(2_000)]
    share = [id for id in ids if drawn(id, 0.25)]
    assert 0.2 < len(share) / len(ids) < 0.3
    assert [id for id in share if drawn(id, 0.5)] == share
    assert not any(drawn(id, 0.0) for id in ids)
    async with opened(tmp_path, None, share=0.25) as online:
        for id in ids:
            online.saw(answered("a", trace_id=id))
        assert (await rates(online))["shop"][0] == min(len(share), 1_000)


async def test_a_place_that_cannot_be_written_loses_verdicts_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full:
        async def add(self, evaluations: Sequence[Evaluation]) -> None:
            raise StorageError("The disk is full.")

    online = OnlineEvaluation(Full(), None, EvaluationOptions())  # type: ignore[arg-type]
    for _ in range(2):
        online.saw(answered("a"))
        await online.flush()
    assert online.dropped == 2
    assert [record.message for record in caplog.records] == ["answers are not evaluated"]
