"""A share of the traffic, judged beside it: a bounded queue, some workers, and one place for verdicts.

Without a judge of its own it keeps what the answers' own checks said, which costs nothing.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bedplate.domain.accounts import Account
from bedplate.domain.answers import Grounding
from bedplate.domain.evaluations import Answered, Evaluation, EvaluationGroup, HallucinationRate
from bedplate.domain.ids import TenantId, new_id
from bedplate.errors import BedplateError
from bedplate.evaluations.protocol import Evaluations
from bedplate.judges.protocol import Case, Judge
from bedplate.telemetry.trace import begun

logger = logging.getLogger(__name__)

RUN = "evaluation"
"""The run that pays for judging: `budgets.runs.evaluation` bounds it."""

OWN_CHECK = "check"
"""The judge's name where the answer's own check is kept."""

WRITE_SECONDS = 1.0
"""So long verdicts are gathered before they are written."""

FORGET_SECONDS = 3_600.0
CLOSING_SECONDS = 5.0
SAID_SECONDS = 60.0
"""Between two warnings about what is not evaluated."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """`share` of the answers is drawn, by their traces. `waiting` bounds the queue and `seconds` one
    judgement. `judge` is the judge's name.
    """

    share: float = 1.0
    waiting: int = 1_000
    at_once: int = 2
    seconds: float = 60.0
    keep_days: float = 90.0
    judge: str = OWN_CHECK


class OnlineEvaluation:
    """WatchAnswers, and what came of it."""

    def __init__(
        self,
        evaluations: Evaluations,
        judge: Judge | None,
        options: EvaluationOptions,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._evaluations = evaluations
        self._judge = judge
        self._options = options
        self._clock = clock
        self._waiting = deque[Answered]()
        self._some = asyncio.Event()
        self._judged: list[Evaluation] = []
        self._working = 0
        self._writing = asyncio.Lock()
        self._said_at: float | None = None
        self.dropped = 0
        """Answers that were drawn and found no room, or whose verdict could not be written."""

    @property
    def waiting(self) -> int:
        """Answers that were drawn and are not judged yet."""
        return len(self._waiting) + self._working

    def saw(self, answered: Answered) -> None:
        if answered.grounded.verdict == "unchecked" or not drawn(
            answered.trace_id, self._options.share
        ):
            return
        if self._judge is None:
            self._keep(answered, answered.grounded)
        elif len(self._waiting) >= self._options.waiting:
            self._drop(1, "too many wait to be judged")
        else:
            self._waiting.append(answered)
            self._some.set()

    async def rates(
        self, tenant: TenantId | None, by: EvaluationGroup, *, since: datetime, until: datetime
    ) -> tuple[HallucinationRate, ...]:
        """As of Evaluations, with what this process has judged by now."""
        await self.flush()
        return await self._evaluations.rates(tenant, by, since=since, until=until)

    async def flush(self) -> None:
        """Write the verdicts that are there."""
        async with self._writing:
            batch, self._judged = self._judged, []
            if not batch:
                return
            try:
                await self._evaluations.add(batch)
            except BedplateError as error:
                self._drop(len(batch), error.message)

    async def work(self) -> None:
        """Judge until cancelled; several may."""
        while True:
            await self._some.wait()
            if not self._waiting:
                self._some.clear()
                continue
            answered = self._waiting.popleft()
            self._working += 1
            try:
                await self._evaluate(answered)
            finally:
                self._working -= 1

    async def keep(self) -> None:
        """Write and forget until cancelled."""
        loop = asyncio.get_running_loop()
        forget_at = loop.time()
        while True:
            await self.flush()
            if loop.time() >= forget_at:
                forget_at = loop.time() + FORGET_SECONDS
                try:
                    await self._evaluations.forget(
                        self._clock() - timedelta(days=self._options.keep_days)
                    )
                except BedplateError as error:
                    logger.warning("evaluations not forgotten", extra={"error": error.message})
            await asyncio.sleep(WRITE_SECONDS)

    async def _evaluate(self, answered: Answered) -> None:
        if self._judge is None:
            raise AssertionError("without a judge nothing waits")
        account = Account(answered.account.tenant, assistant=answered.account.assistant, run=RUN)
        deadline = asyncio.get_running_loop().time() + self._options.seconds
        case = Case(answered.question, answered.passages, deadline, account)
        try:
            # A trace of its own: the answer's has ended.
            with begun("evaluate", "internal") as step:
                step.bill(account)
                async with asyncio.timeout_at(deadline):
                    grounded = await self._judge.check(case, answered.text)
        except TimeoutError:
            grounded = Grounding(0.0, "failed", reason="it took too long")
        except Exception as error:  # noqa: BLE001 - a judge that breaks must not end the others
            grounded = Grounding(0.0, "failed", reason=type(error).__name__)
        if grounded.verdict == "failed":
            self._say(f"an answer could not be judged: {grounded.reason}")
        self._keep(answered, grounded)

    def _keep(self, answered: Answered, grounded: Grounding) -> None:
        if len(self._judged) >= self._options.waiting:
            self._drop(1, "too many wait to be written")
            return
        self._judged.append(
            Evaluation(
                id=new_id(),
                at=self._clock(),
                tenant=answered.account.tenant,
                model=answered.model,
                verdict=grounded.verdict,
                score=grounded.score,
                judge=self._options.judge,
                assistant=answered.account.assistant,
                collections=answered.collections,
                trace_id=answered.trace_id,
            )
        )

    def _drop(self, answers: int, why: str) -> None:
        self.dropped += answers
        self._say(why)

    def _say(self, why: str) -> None:
        now = asyncio.get_running_loop().time()
        if self._said_at is None or now >= self._said_at + SAID_SECONDS:
            self._said_at = now
            logger.warning("answers are not evaluated", extra={"dropped": self.dropped, "why": why})


def drawn(trace_id: str, share: float) -> bool:
    """Whether a trace is among the share: by its last 56 bits, so that all processes agree."""
    if share >= 1:
        return True
    bits = int(trace_id[-14:], 16) if trace_id else random.getrandbits(56)
    return bits < share * (1 << 56)


@asynccontextmanager
async def running(online: OnlineEvaluation, *, workers: int) -> AsyncGenerator[None]:
    """Judge and write while the block runs; at its end what was judged is written."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(online.keep())]
    tasks += [loop.create_task(online.work()) for _ in range(workers)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await online.flush()
        except TimeoutError:
            logger.warning("verdicts are lost: they could not be written in time")
        if left := online.waiting:
            logger.warning("answers were not judged", extra={"answers": left})
