"""A whole answer looked at: what it cites, how far its sources carry it, which rules it breaks."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bedplate.domain.answers import Citation, Claim, Grounding
from bedplate.domain.checks import Failure
from bedplate.errors import UpstreamTimeout
from bedplate.judges.protocol import Judge
from bedplate.markers import cited
from bedplate.rag.checks.consistency import inconsistent
from bedplate.rag.checks.contract import words
from bedplate.rag.checks.freshness import outdated
from bedplate.rag.checks.grader import Grader
from bedplate.rag.checks.json_answer import JsonAnswer, Leaf
from bedplate.rag.checks.json_citations import cite_values
from bedplate.rag.checks.json_schema import AnswerSchema
from bedplate.rag.checks.subject import Subject
from bedplate.rag.citations import resolve
from bedplate.rag.told import tell_grounded
from bedplate.telemetry.trace import span

REFUSAL_START = "i don't know"
LONGEST_REFUSAL = 40
"""Words: what goes on for longer says something besides, and is checked like any other answer."""

UNCHECKED = Grounding(1.0, "unchecked")


@dataclass(frozen=True, slots=True)
class Inspection:
    """`text` is the answer as it would leave; of JSON without the fence around it."""

    text: str
    grounding: Grounding
    citations: tuple[Citation, ...] = ()
    failures: tuple[Failure, ...] = ()
    refused: bool = False


class Inspect:
    def __init__(self, judge: Judge, grader: Grader) -> None:
        self._judge = judge
        self._grader = grader

    @property
    def judge(self) -> Judge:
        return self._judge

    async def whole(
        self,
        subject: Subject,
        text: str,
        *,
        grounding: Grounding | None = None,
        graded: bool = True,
    ) -> Inspection:
        """`grounding` where the claims were judged already. Without `graded` no model is asked.

        Raises:
            UpstreamTimeout: the request's own deadline passed.
        """
        deadline = limit(subject)
        try:
            async with asyncio.timeout_at(subject.deadline):
                if subject.json:
                    return await self._json(subject, text, deadline)
                citations = await asyncio.to_thread(resolve, text, subject.passages)
                if subject.passages and is_refusal(text, citations):
                    return Inspection(text, UNCHECKED, citations, refused=True)
                if grounding is None:
                    grounding = await self._judged(subject, text, deadline)
                rest = await self._rules(subject, text, deadline, graded=graded)
        except TimeoutError as error:
            raise UpstreamTimeout(
                "The answer was not checked against its sources by the deadline.",
                provider="grounding",
            ) from error
        failures = [
            *of_grounding(grounding),
            *(of_citations(grounding.claims) if subject.check.contract.citations else ()),
            *outdated(subject.conflicts, text, grounding.claims),
            *await asyncio.to_thread(lambda: list(inconsistent(text, grounding.claims))),
            *rest,
        ]
        return Inspection(text, grounding, citations, tuple(failures))

    async def _json(self, subject: Subject, text: str, deadline: float) -> Inspection:
        if is_refusal(text, ()):
            return Inspection(text, UNCHECKED, refused=True)
        answer = await asyncio.to_thread(JsonAnswer, text, subject.schema)
        if answer.misfits:
            failures = tuple(Failure("json", each) for each in answer.misfits)
            return Inspection(answer.text, UNCHECKED, (), failures)
        said = answer.in_words()
        citations = await asyncio.to_thread(cite_values, answer.leaves(), subject.passages)
        grounding = await self._judged(subject, said, deadline)
        rest = await self._rules(subject, said, deadline, graded=True)
        uncited = (
            uncited_values(answer.leaves(), citations, subject.schema)
            if subject.check.contract.citations and subject.has_sources
            else ()
        )
        failures = (
            *of_grounding(grounding),
            *uncited,
            *_of_unread(answer),
            *outdated(subject.conflicts, said, ()),
            *rest,
        )
        return Inspection(answer.text, grounding, citations, failures)

    async def _judged(self, subject: Subject, text: str, deadline: float) -> Grounding:
        if not subject.has_sources:
            return UNCHECKED
        with span("check grounding") as step:
            try:
                async with asyncio.timeout_at(deadline):
                    found = await self._judge.check(subject.case(deadline), text)
            except TimeoutError:
                if _passed(subject.deadline):
                    raise
                found = too_late(subject)
            tell_grounded(step, found)
            return found

    async def _rules(
        self, subject: Subject, text: str, deadline: float, *, graded: bool
    ) -> list[Failure]:
        contract, grader = subject.check.contract, subject.check.grader
        found = await subject.rules.failures(subject.question, text)
        if graded and contract.graded and grader is not None:
            found += await self._grader.failures(
                contract,
                subject.question,
                text,
                by=grader,
                deadline=deadline,
                account=subject.account,
            )
        return found


def limit(subject: Subject) -> float:
    """Until when a check that begins now may take."""
    own = asyncio.get_running_loop().time() + subject.check.seconds
    return own if subject.deadline is None else min(own, subject.deadline)


def too_late(subject: Subject) -> Grounding:
    return Grounding(
        0.0, "failed", reason=f"it was not judged within {subject.check.seconds:g} seconds"
    )


def is_refusal(text: str, citations: Sequence[Citation]) -> bool:
    """Whether a model said that the sources hold no answer, and nothing else."""
    plain = text.strip().replace("\u2019", "'").casefold()
    if not plain:
        return True
    begins = plain.startswith(REFUSAL_START) and words(text) <= LONGEST_REFUSAL
    return begins and not citations and not cited(text)


def of_grounding(grounding: Grounding) -> Iterator[Failure]:
    """What of an answer its sources do not carry; a check that failed is a failure."""
    if grounding.verdict == "failed":
        why = grounding.reason.rstrip(".") or "the judge does not say why"
        yield Failure("grounding", f"It could not be checked: {why}.")
    for claim in grounding.claims:
        if not claim.supported:
            yield of_claim(claim)
    if grounding.unread:
        yield Failure(
            "grounding", f"{grounding.unread:,} statements beyond the most that are checked."
        )


def of_claim(claim: Claim) -> Failure:
    wrong = f" It differs in: {', '.join(claim.mismatches)}." if claim.mismatches else ""
    return Failure(
        "grounding", f"The sources do not carry it ({claim.score:.2f}).{wrong}", claim.text
    )


def of_citations(claims: Sequence[Claim]) -> Iterator[Failure]:
    for claim in claims:
        if not claim.cited:
            yield Failure("citations", "It cites no source.", claim.text)


def uncited_values(
    leaves: Sequence[Leaf], citations: Sequence[Citation], schema: AnswerSchema | None
) -> Iterator[Failure]:
    """Values of JSON that no source holds word for word. What the schema itself lists is no quotation."""
    found = {citation.marker for citation in citations}
    listed = frozenset[str]() if schema is None else schema.listed
    for leaf in leaves:
        if leaf.path not in found and leaf.value not in listed:
            yield Failure("citations", "No source holds it word for word.", leaf.in_words)


def _of_unread(answer: JsonAnswer) -> Iterator[Failure]:
    if answer.unread:
        yield Failure("grounding", f"{answer.unread:,} values beyond the most that are checked.")


def _passed(deadline: float | None) -> bool:
    return deadline is not None and asyncio.get_running_loop().time() >= deadline
