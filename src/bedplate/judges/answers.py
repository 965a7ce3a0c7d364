"""Answers judged by their claims, whole or while they come."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from bedplate.domain.answers import Claim, Grounding
from bedplate.errors import BedplateError, GuardFailed
from bedplate.judges.claims import LONGEST, ClaimSplitter
from bedplate.judges.protocol import Bench, Case, ClaimJudge, Statement

AT_ONCE = 32
"""Claims that are judged together, so that a deadline is met between them."""


class AnswerJudge:
    """The Judge over any ClaimJudge. Of one answer at most `most` claims are judged: with more it is
    never "supported".
    """

    def __init__(self, judge: ClaimJudge, *, most: int) -> None:
        self._judge = judge
        self._most = most

    @property
    def threshold(self) -> float:
        return self._judge.threshold

    async def check(self, case: Case, answer: str) -> Grounding:
        hearing = self.hear(case)
        with suppress(GuardFailed):
            await hearing.push(answer)
        return await hearing.finish()

    def hear(self, case: Case) -> "AnswerHearing":
        return AnswerHearing(self._judge, case, self._most)


class AnswerHearing:
    def __init__(self, judge: ClaimJudge, case: Case, most: int) -> None:
        self._judge = judge
        self._case = case
        self._most = most
        self._splitter = ClaimSplitter(frozenset(each.number for each in case.passages))
        self._bench: Bench | None = None
        self._claims: list[Claim] = []
        self._unread = 0
        self._fault = ""
        self._said = False
        self._start = ""

    async def push(self, text: str) -> Sequence[Claim]:
        self._start += text[: LONGEST - len(self._start)]
        return await self._heard(await asyncio.to_thread(self._splitter.push, text))

    async def finish(self) -> Grounding:
        with suppress(GuardFailed):
            await self._heard(await asyncio.to_thread(self._splitter.finish))
            if not self._said:
                return Grounding(await self._talk(), "unchecked")
        return whole(self._claims, self._unread, self._fault)

    async def _heard(self, statements: Sequence[Statement]) -> Sequence[Claim]:
        room = max(0, self._most - len(self._claims))
        self._said = self._said or bool(statements)
        self._unread += len(statements[room:])
        before = len(self._claims)
        for start in range(0, len(statements[:room]), AT_ONCE):
            self._claims += await self._judged(statements[:room][start : start + AT_ONCE])
        return self._claims[before:]

    async def _talk(self) -> float:
        """How far the sources carry what claims nothing, such as a question."""
        text = self._start.strip()
        if not any(map(str.isalnum, text)):
            return 1.0
        (claim,) = await self._judged([Statement(text, 0, len(self._start))])
        return claim.score

    async def _judged(self, batch: Sequence[Statement]) -> Sequence[Claim]:
        try:
            if self._bench is None:
                self._bench = await self._judge.read(self._case)
            return await self._bench.judge(batch)
        except Exception as error:
            told = error.message if isinstance(error, BedplateError) else type(error).__name__
            self._fault = self._fault or f"The judge failed: {told}"
            raise GuardFailed(self._fault) from error


def whole(claims: Sequence[Claim], unread: int = 0, fault: str = "") -> Grounding:
    """What claims make of an answer: the weakest decides."""
    score = min((claim.score for claim in claims), default=0.0)
    if any(not claim.supported for claim in claims):
        return Grounding(score, "unsupported", (*claims,), fault, unread)
    if fault:
        return Grounding(0.0, "failed", (*claims,), fault, unread)
    if unread:
        reason = f"Only the first {len(claims)} of {len(claims) + unread} claims were judged."
        return Grounding(0.0, "failed", (*claims,), reason, unread)
    return Grounding(score, "supported", (*claims,))
