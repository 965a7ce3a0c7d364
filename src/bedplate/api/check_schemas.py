"""What the API shows of the checks of an answer."""

from typing import Self

from bedplate.api.schemas import Shown
from bedplate.domain import answers, checks
from bedplate.domain.reviews import ReviewState


class FailedRule(Shown):
    """One rule that was not met; `claim` is the sentence at fault, empty where it is the whole."""

    rule: checks.Rule
    message: str
    claim: str


class Checked(Shown):
    """What became of the answer. `review` is the id of the review that it waits for, or that decided
    it, and `state` that review's.
    """

    action: checks.Action
    failures: list[FailedRule]
    tries: int
    dropped: list[str]
    review: str | None
    state: ReviewState | None


class Side(Shown):
    marker: str
    document_id: str
    chunk_id: str
    title: str
    quote: str
    since: str | None

    @classmethod
    def of(cls, side: answers.Side) -> Self:
        cited = side.citation
        return cls(
            marker=cited.marker,
            document_id=cited.document_id,
            chunk_id=cited.chunk_id,
            title=cited.title,
            quote=cited.quote,
            since=side.since,
        )


class Conflict(Shown):
    """Two passages that contradict each other; `newer` is the marker of the one that counts."""

    about: str
    sides: list[Side]
    newer: str | None

    @classmethod
    def of(cls, found: answers.Conflict) -> Self:
        return cls(
            about=found.about, sides=[Side.of(each) for each in found.sides], newer=found.newer
        )


class Sufficiency(Shown):
    """The chance that the passages hold the answer, and whether more were fetched for it."""

    score: float
    widened: bool
