"""A grounded answer: text whose every claim points at a passage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bedplate.domain.chat import FinishReason, Usage
from bedplate.domain.checks import PASSED, Checked, Sufficiency
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit, SelfQuery

REFUSAL = "I don't know: the sources do not say."
"""What every model is to say, word for word, when the passages hold no answer."""

Support = Literal["supported", "unsupported", "unchecked", "failed"]
"""Whether an answer's sources carry it: "unchecked" where it claims nothing, "failed" where nobody
could say, which must never pass for supported.
"""

Mismatch = Literal["number", "date", "unit", "entity", "negation"]
"""What of a claim its sources say otherwise, or not at all."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker in the answer, resolved: `quote` stands word for word in the cited passage.

    `start` and `end` locate the quote in the document's text. `collection` is empty for a text that is
    in none.
    """

    marker: str
    document_id: DocumentId
    chunk_id: ChunkId
    title: str
    source: str
    quote: str
    start: int
    end: int
    page: int | None = None
    heading: str | None = None
    collection: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentence that carries a claim best: `text` is `[start:end]` of the passage's own text."""

    passage: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that an answer says, and the probability that its sources carry it, 0 to 1: those
    that it cites, or all where it cites none.

    It stands at `[start:end]` of the answer; `text` is that without its markers. `cited` are the
    numbers of its markers that are passages, `invalid` those that are none. `uncited` is a passage
    that carries it though it cites only others, which do not.
    """

    text: str
    supported: bool
    score: float
    start: int = 0
    end: int = 0
    evidence: Evidence | None = None
    cited: tuple[int, ...] = ()
    invalid: tuple[int, ...] = ()
    uncited: int | None = None
    mismatches: tuple[Mismatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Grounding:
    """The check of a whole answer: the probability that its sources carry all of it.

    `reason` says why a check failed. `unread` counts claims beyond the most that are judged.
    """

    score: float
    verdict: Support
    claims: tuple[Claim, ...] = ()
    reason: str = ""
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What a question in a conversation is searched for with.

    `by` is "rules", "off" or a model's name. `fallback` says why the configured model's rewriting
    was not used.
    """

    text: str
    by: str
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was searched for and what was found, before the answer begins; told where asked for."""

    query: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a contradiction; `since` is the day from which its document holds, ISO 8601."""

    citation: Citation
    since: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two passages that say different things of the same matter.

    `newer` is the marker of the one that counts; None where dates do not say. `about` is what they
    differ in.
    """

    about: Literal["number", "date", "negation"]
    sides: tuple[Side, Side]
    newer: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """Answer text that is final: its markers are already resolved."""

    text: str


@dataclass(frozen=True, slots=True)
class ClaimJudged:
    """A claim of text that was sent, once it is judged; told where asked for. The Answer has the last
    word on it.
    """

    claim: Claim


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer; the last event of an answer stream, exactly once.

    `rewritten` is there where something else than the question was searched for, or a model was
    asked to rewrite it; `self_query` is how it was read, by collection, as in `SearchResult`.
    `checked` says what became of it, `conflicts` what its passages contradict each other in;
    `sufficiency` is there where it was asked for.
    """

    text: str
    citations: tuple[Citation, ...]
    grounded: Grounding
    refused: bool
    model: str
    usage: Usage
    ttft_ms: float
    trace_id: str
    finish_reason: FinishReason = "stop"
    rewritten: Rewritten | None = None
    self_query: Mapping[str, SelfQuery] = field(default_factory=dict[str, SelfQuery])
    checked: Checked = PASSED
    conflicts: tuple[Conflict, ...] = ()
    sufficiency: Sufficiency | None = None


AnswerEvent = Retrieved | AnswerDelta | ClaimJudged | Answer
