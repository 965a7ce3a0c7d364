"""The settings of checks: what an answer must be, and what becomes of one that is not."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bedplate.domain.checks import Below, Release, Short
from bedplate.sections import Section

WHOLE = ("language", "least_words", "relevance", "tone", "topics")
"""Rules that can only be told of a whole answer."""


class CheckConfig(Section):
    below: Below = "annotate"
    """What becomes of an answer that fails."""
    then: Literal["annotate", "drop", "refuse", "review"] = "refuse"
    """The same once it was repaired in vain."""
    tries: int = Field(default=2, ge=1, le=5)
    """So often it is written anew."""
    release: Release | None = None
    """When text leaves; "after" to annotate and "whole" for all else where it is not set."""
    seconds: float = Field(default=30.0, gt=0, le=600)
    """The longest for checking one answer; then it has failed."""
    citations: bool = False
    """Whether each statement must point at a passage."""
    language: str | None = Field(default=None, pattern=r"^(?:question|[a-z]{2})$")
    least_words: int = Field(default=0, ge=0)
    most_words: int | None = Field(default=None, gt=0)
    terms: tuple[str, ...] = Field(default=(), max_length=1_000)
    """Words and phrases that must not be there, whatever their case."""
    tone: str = Field(default="", max_length=2_000)
    topics: str = Field(default="", max_length=2_000)
    relevance: float = Field(default=0.0, ge=0, le=1)
    grader: str | None = None
    """The model that grades tone, topics and relevance."""
    sufficiency: float = Field(default=0.0, ge=0, lt=1)
    """How likely the passages must hold the answer before a model is asked."""
    short: Short = "refuse"
    """What is done where they do not."""
    conflicts: bool = True
    """Whether passages that contradict each other are told of."""
    wait_seconds: float = Field(default=0.0, ge=0, le=3_600)
    """How long a request waits for the human who decides."""
    review_seconds: float = Field(default=86_400.0, gt=0, le=31_536_000)
    review_priority: int = Field(default=5, ge=0, le=9)
    review_default: Literal["approve", "reject"] = "reject"
    review_webhook: str | None = None

    @property
    def released(self) -> Release:
        """When text leaves, decided."""
        if self.release is not None:
            return self.release
        return "after" if self.below == "annotate" else "whole"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        ends = {self.below, self.then} if self.below == "repair" else {self.below}
        if self.released == "after" and self.below != "annotate":
            raise ValueError(
                f'release = "after" sends text before it is checked: below = "{self.below}" needs '
                '"sentence" or "whole"'
            )
        if self.released == "sentence":
            if "review" in ends:
                raise ValueError('a human decides on a whole answer: set release = "whole"')
            if whole := [name for name in WHOLE if getattr(self, name)]:
                raise ValueError(
                    f"{', '.join(whole)} can only be told of a whole answer: set release = "
                    '"whole", or "after" to annotate'
                )
        if (self.tone or self.topics or self.relevance) and self.grader is None:
            raise ValueError("tone, topics and relevance are graded by a model: set grader")
        for term in self.terms:
            if not term.strip() or len(term) > 200:
                raise ValueError("a term has 1 to 200 characters")
        if self.most_words is not None and self.most_words < self.least_words:
            raise ValueError("most_words is less than least_words")
        return self
