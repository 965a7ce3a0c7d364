"""What an answer must be before it leaves, what becomes of one that is not, and what became of it."""

from dataclasses import dataclass
from typing import Literal

from bedplate.domain.reviews import Default, ReviewState

Below = Literal["annotate", "repair", "drop", "refuse", "review"]
"""What becomes of an answer that fails: it is marked, written anew, freed of what fails, replaced by
the refusal, or held for a human."""

Release = Literal["sentence", "whole", "after"]
"""When text leaves: each sentence once it is checked, all once all is, or at once."""

Short = Literal["refuse", "ask_back", "widen"]
"""What is done where the passages do not suffice."""

Rule = Literal[
    "grounding",
    "citations",
    "freshness",
    "consistency",
    "json",
    "language",
    "length",
    "relevance",
    "sufficiency",
    "terms",
    "tone",
    "topics",
]

Action = Literal[
    "passed", "annotated", "repaired", "dropped", "refused", "cut", "asked_back", "held", "reviewed"
]


@dataclass(frozen=True, slots=True)
class Contract:
    """What the text itself must be. None, 0 and empty ask for nothing.

    `citations`: each statement points at a passage; of JSON, each value stands in one. `language` is ISO 639-1, or "question" for the
    question's own. Words are counted without markers. `terms` must not be there, whatever their
    case. `tone` and `topics` say in words how an answer must sound and what it may be about;
    `relevance`, 0 to 1, is how well it must address the question: all three are graded by a model.
    """

    citations: bool = False
    language: str | None = None
    least_words: int = 0
    most_words: int | None = None
    terms: tuple[str, ...] = ()
    tone: str = ""
    topics: str = ""
    relevance: float = 0.0

    @property
    def graded(self) -> bool:
        """Whether a model must grade."""
        return bool(self.tone or self.topics or self.relevance)


@dataclass(frozen=True, slots=True)
class Hold:
    """How an answer waits for a human: the request for `wait` seconds, the review for `seconds`."""

    wait: float = 0.0
    seconds: float = 86_400.0
    priority: int = 5
    default: Default = "reject"
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """How answers are checked. `then` is what becomes of one that `tries` repairs did not help.

    `seconds` is the longest that checking one answer may take; `sufficiency`, 0 to 1, how likely the
    passages must hold the answer; 0 does not ask. `grader` is the model that grades.
    """

    below: Below = "annotate"
    then: Below = "refuse"
    tries: int = 2
    release: Release = "after"
    seconds: float = 30.0
    contract: Contract = Contract()
    grader: str | None = None
    sufficiency: float = 0.0
    short: Short = "refuse"
    conflicts: bool = True
    hold: Hold = Hold()


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule that was not met; `claim` is the sentence at fault, empty where it is the whole."""

    rule: Rule
    message: str
    claim: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of an answer. `failures` are those of the text as it left; of one that was refused,
    held or asked back, those that led to it. `tries` counts how often a model wrote.

    `review` is the id of the review that it waits for or that decided it, `state` that review's.
    """

    action: Action
    failures: tuple[Failure, ...] = ()
    tries: int = 1
    dropped: tuple[str, ...] = ()
    review: str | None = None
    state: ReviewState | None = None


PASSED = Checked("passed")


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """How likely the passages hold the answer, 0 to 1, and whether more were fetched for it."""

    score: float
    widened: bool = False
