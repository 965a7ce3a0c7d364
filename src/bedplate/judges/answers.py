"""Answers judged by their claims, whole or while they come."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from bedplate.domain.answers import Claim, Grounding
from bedplate.errors import BedplateError, GuardFailed
from bedplate.judges.claims import ClaimSplitter
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

    async def push(self, text: str) -> Sequence[Claim]:
        return await self._heard(await asyncio.to_thread(self._splitter.push, text))

    async def finish(self) -> Grounding:
        with suppress(GuardFailed):
            await self._heard(await asyncio.to_thread(self._splitter.finish))
        return whole(self._claims, self._unread, self._fault)

    async def _heard(self, statements: Sequence[Statement]) -> Sequence[Claim]:
        room = max(0, self._most - len(self._claims))
        self._unread += len(statements[room:])
        found: list[Claim] = []
        try:
            for start in range(0, len(statements[:room]), AT_ONCE):
                batch = statements[:room][start : start + AT_ONCE]
                found += await self._judged(batch)
        except BedplateError as error:
            self._fault = self._fault or error.message
            raise GuardFailed(error.message) from error
        except Exception as error:
            self._fault = f"The judge failed ({type(error).__name__})."
            raise GuardFailed(self._fault) from error
        finally:
            self._claims += found
        return found

    async def _judged(self, batch: Sequence[Statement]) -> Sequence[Claim]:
        if self._bench is None:
            self._bench = await self._judge.read(self._case)
        return await self._bench.judge(batch)


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
    if not claims:
        return Grounding(1.0, "unchecked")
    return Grounding(score, "supported", (*claims,))
