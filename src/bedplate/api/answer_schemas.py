"""A question and its answer, as the API has them."""

from typing import Self

from bedplate.api.check_schemas import Checked, Conflict, Sufficiency
from bedplate.api.schemas import Body, Filter, Join, SelfQuery, Shown, Text
from bedplate.domain import answers


class Question(Body):
    """`claims`: a stream tells of each claim once it is judged."""

    collection: Text
    question: Text
    model: Text | None = None
    filter: Filter = None
    join: Join = None
    stream: bool = False
    claims: bool = False


class Citation(Shown):
    marker: str
    document_id: str
    chunk_id: str
    title: str
    source: str
    quote: str
    start: int
    end: int
    page: int | None
    heading: str | None
    collection: str


class Evidence(Shown):
    passage: int
    text: str
    start: int
    end: int


class Claim(Shown):
    """`mismatches` are what of it the sources say otherwise or not at all; `uncited` is a passage
    that carries it, where those that it cites do not.
    """

    text: str
    supported: bool
    score: float
    start: int
    end: int
    evidence: Evidence | None
    cited: list[int]
    invalid: list[int]
    uncited: int | None
    mismatches: list[answers.Mismatch]


class Grounded(Shown):
    """`reason` says why a check failed; `unread` counts claims that were not judged."""

    score: float
    verdict: answers.Support
    claims: list[Claim]
    reason: str
    unread: int


class Usage(Shown):
    """`estimated` when the model did not count; `cost_usd` is null where no price is known."""

    input_tokens: int
    output_tokens: int
    estimated: bool
    cost_usd: float | None = None


class Answer(Shown):
    """`self_query` has how the question was read, by collection, where it was."""

    answer: str
    citations: list[Citation]
    grounded: Grounded
    refused: bool
    model: str
    usage: Usage
    ttft_ms: float
    finish_reason: str
    trace_id: str
    self_query: dict[str, SelfQuery]
    checked: Checked
    conflicts: list[Conflict]
    sufficiency: Sufficiency | None

    @classmethod
    def of(cls, found: answers.Answer) -> Self:
        return cls(
            answer=found.text,
            citations=[Citation.model_validate(citation) for citation in found.citations],
            grounded=Grounded.model_validate(found.grounded),
            refused=found.refused,
            model=found.model,
            usage=Usage.model_validate(found.usage),
            ttft_ms=found.ttft_ms,
            finish_reason=found.finish_reason,
            trace_id=found.trace_id,
            self_query={
                name: SelfQuery.model_validate(read) for name, read in found.self_query.items()
            },
            checked=Checked.model_validate(found.checked),
            conflicts=[Conflict.of(each) for each in found.conflicts],
            sufficiency=found.sufficiency and Sufficiency.model_validate(found.sufficiency),
        )
