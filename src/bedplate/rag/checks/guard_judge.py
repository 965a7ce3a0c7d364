"""A guard that checks whole answers, as a judge: it hears out sentence after sentence."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from bedplate.domain.answers import Claim, Grounding
from bedplate.errors import GuardFailed
from bedplate.guards.protocol import GroundingGuard
from bedplate.judges.protocol import Case
from bedplate.markers import cited, without_markers
from bedplate.sentences import split_sentences


class GuardJudge:
    def __init__(self, guard: GroundingGuard) -> None:
        self._guard = guard

    async def check(self, case: Case, answer: str) -> Grounding:
        hearing = self.hear(case)
        with suppress(GuardFailed):
            await hearing.push(answer)
        return await hearing.finish()

    def hear(self, case: Case) -> "GuardHearing":
        return GuardHearing(self._guard, case)


class GuardHearing:
    def __init__(self, guard: GroundingGuard, case: Case) -> None:
        self._guard = guard
        self._case = case
        self._text = ""
        self._done = 0
        self._claims: list[Claim] = []
        self._fault = ""

    async def push(self, text: str) -> Sequence[Claim]:
        self._text += text
        return await self._judge(whole=False)

    async def finish(self) -> Grounding:
        try:
            await self._judge(whole=True)
        except GuardFailed as error:
            return Grounding(0.0, "failed", tuple(self._claims), error.message)
        if not self._claims:
            return Grounding(1.0, "unchecked")
        good = all(claim.supported for claim in self._claims)
        score = min(claim.score for claim in self._claims)
        return Grounding(score, "supported" if good else "unsupported", tuple(self._claims))

    async def _judge(self, *, whole: bool) -> list[Claim]:
        rest = self._text[self._done :]
        spans = [(self._done + s.start, self._done + s.end) for s in split_sentences(rest)]
        found: list[Claim] = []
        for start, end in spans if whole else spans[:-1]:
            found += await self._claim(start, end)
            self._done = end
        return found

    async def _claim(self, start: int, end: int) -> list[Claim]:
        words = self._text[start:end]
        if self._fault:
            raise GuardFailed(self._fault)
        try:
            found = await self._guard.check(self._case.question, words, self._case.passages)
        except Exception as error:
            self._fault = f"The judge failed ({type(error).__name__})."
            raise GuardFailed(self._fault) from error
        if found.verdict == "unchecked":
            return []
        claim = Claim(
            without_markers(words).strip(), found.verdict == "supported", found.score, start, end
        )
        known = {passage.number for passage in self._case.passages}
        claim = replace(claim, cited=tuple(n for n, _, _ in cited(words) if n in known))
        self._claims.append(claim)
        return [claim]
