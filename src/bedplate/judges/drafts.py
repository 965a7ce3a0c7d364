"""A claim beside the sentences nearest to it, and what a judge makes of both."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from bedplate.domain.answers import Claim, Mismatch
from bedplate.judges.mismatches import mismatches
from bedplate.judges.protocol import Statement
from bedplate.judges.sources import Line, Sources
from bedplate.judges.wording import Wording, read_claim

NEAR = 6
"""Sentences that a claim is compared with by words."""
VERBATIM = 0.99
"""The probability of a claim that stands so in a source."""
REFUTING: frozenset[Mismatch] = frozenset({"number", "unit"})
"""With these a claim is never supported: another number in a source's own words looks alike in all
else, and hardly a supported answer of the public sets has one.
"""
_QUOTED_TERMS = 3
_SPACE = re.compile(r"\W+")

Asked = tuple[Statement, frozenset[int]]
"""A claim, and the numbers of the passages that it is held against."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A claim with the sentences nearest to it, best first, in the passages that it is held against."""

    statement: Statement
    wording: Wording
    near: tuple[Line, ...]
    numbers: frozenset[int]
    mismatches: tuple[Mismatch, ...]
    verbatim: bool

    @property
    def open(self) -> bool:
        """Whether words alone do not decide."""
        return bool(self.near) and not self.verbatim

    def claim(self, score: float | None, threshold: float) -> Claim:
        """As judged by its probability; None where words decide."""
        if score is None:
            score = VERBATIM if self.verbatim else 0.0
        elif REFUTING & {*self.mismatches}:
            score *= threshold
        score = round(score, 4)
        statement = self.statement
        return Claim(
            text=statement.text,
            supported=score >= threshold,
            score=score,
            start=statement.start,
            end=statement.end,
            evidence=self.near[0].evidence if self.near else None,
            cited=statement.cited,
            invalid=statement.invalid,
            mismatches=self.mismatches,
        )


def draft(asked: Asked, question: str, sources: Sources) -> Draft:
    statement, numbers = asked
    wording = read_claim(statement, question, sources)
    near = tuple(sources.lines[place] for place in sources.nearest(wording.weights, numbers, NEAR))
    found = mismatches(wording, near)
    return Draft(
        statement, wording, near, numbers, found, not found and _is_verbatim(wording, near)
    )


async def judged_as_cited(
    statements: Sequence[Statement],
    everywhere: frozenset[int],
    judge: Callable[[Sequence[Asked]], Awaitable[list[Claim]]],
) -> list[Claim]:
    """Each claim against what it cites, or else all; of what those do not carry, `uncited` where
    another passage does.
    """
    claims = await judge([(each, frozenset(each.cited) or everywhere) for each in statements])
    doubted = [
        place for place, claim in enumerate(claims)
        if not claim.supported and claim.cited and everywhere - set(claim.cited)
    ]  # fmt: skip
    again = await judge(
        [(statements[place], everywhere - set(statements[place].cited)) for place in doubted]
    )
    for place, other in zip(doubted, again, strict=True):
        if other.supported and other.evidence is not None:
            claims[place] = replace(claims[place], uncited=other.evidence.passage)
    return claims


def _is_verbatim(wording: Wording, near: Sequence[Line]) -> bool:
    """Whether the claim stands in a source, word for word."""
    if len(wording.terms) < _QUOTED_TERMS:
        return False
    said = f" {_SPACE.sub(' ', wording.text).strip()} ".casefold()
    return any(said in f" {_SPACE.sub(' ', line.text).strip()} ".casefold() for line in near)
