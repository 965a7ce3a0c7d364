"""What a question is answered from: found, cleaned, and more of it where that does not suffice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bedplate.domain.answers import Rewritten
from bedplate.domain.chat import ChatRequest, Passage
from bedplate.domain.checks import Sufficiency
from bedplate.domain.retrieval import Hit, SelfQuery
from bedplate.guards.protocol import PassageGuard
from bedplate.models.protocol import Answerability
from bedplate.rag.ask_request import AskRequest
from bedplate.rag.current import asks_for_past
from bedplate.rag.find import Found, find
from bedplate.rag.follow_up import whole_question
from bedplate.rag.interpret import Interpret
from bedplate.rag.retrieve import SearchRequest
from bedplate.rag.rewriter import OFF, RULES
from bedplate.telemetry.conventions import (
    EVALUATION,
    EVALUATION_LABEL,
    EVALUATION_SCORE,
    GUARD,
    REASON,
    VERDICT,
)
from bedplate.telemetry.trace import span

WIDER = 2
"""How many times as many passages are fetched where the first do not suffice."""

MOST_PASSAGES = 50


@dataclass(frozen=True, slots=True)
class Gathered:
    """`hits` are what was found, `passages` what of it may be shown. `current` says that the question
    is about what holds now.
    """

    hits: tuple[Hit, ...]
    passages: tuple[Passage, ...]
    self_query: Mapping[str, SelfQuery]
    current: bool
    sufficiency: Sufficiency | None = None


class Gather:
    def __init__(
        self,
        search: Interpret,
        *,
        guard: PassageGuard | None = None,
        answerability: Answerability | None = None,
    ) -> None:
        """`guard` looks at passages before anything is told of them; `answerability` is there where
        any check asks whether they suffice.
        """
        self._search = search
        self._guard = guard
        self._answerability = answerability

    async def gather(self, request: AskRequest, rewritten: Rewritten) -> Gathered:
        """By the rewritten question. Where the passages do not suffice and the check says so, once
        more: so many again, without the conditions read out of the question.
        """
        found = await self._gathered(request, rewritten.text)
        if not found.passages or not request.check.sufficiency or self._answerability is None:
            return found
        score = await self._likely(request, rewritten, found)
        widened = score < request.check.sufficiency and request.check.short == "widen"
        if widened:
            more = min(MOST_PASSAGES, WIDER * request.passages)
            wider = replace(request, passages=max(more, request.passages), self_query=False)
            found = await self._gathered(wider, rewritten.text)
            score = await self._likely(request, rewritten, found) if found.passages else 0.0
        return replace(found, sufficiency=Sufficiency(round(score, 4), widened))

    async def _gathered(self, request: AskRequest, text: str) -> Gathered:
        found = await self._find(request, text)
        passages = [Passage(number, hit) for number, hit in enumerate(found.hits, start=1)]
        if self._guard is not None:
            passages = await _cleaned(self._guard, passages)
        current = not asks_for_past(text)
        return Gathered(tuple(found.hits), tuple(passages), found.self_query, current)

    async def _likely(self, request: AskRequest, rewritten: Rewritten, found: Gathered) -> float:
        if self._answerability is None:
            raise AssertionError("only asked where it is there")
        with span("check sufficiency") as step:
            score = await self._answerability.likely(
                ChatRequest(
                    (),
                    passages=found.passages,
                    asked=request.question,
                    whole=whole(rewritten, request),
                    deadline=request.deadline,
                )
            )
            step.set(EVALUATION, "sufficiency")
            step.set(EVALUATION_SCORE, score)
            enough = score >= request.check.sufficiency
            step.set(EVALUATION_LABEL, "sufficient" if enough else "insufficient")
        return score

    async def _find(self, request: AskRequest, text: str) -> Found:
        search = SearchRequest(
            text,
            filter=request.filter,
            join=request.join,
            limit=request.passages,
            unique=True,
            current=not asks_for_past(text),
            self_query=request.self_query,
            by_relevance=True,
            deadline=request.deadline,
            account=request.account,
        )
        return await find(self._search, request.scopes, search)


def whole(rewritten: Rewritten, request: AskRequest) -> str:
    """The completed question; empty where the question was left as it is."""
    if rewritten.by == RULES:
        return whole_question(request.question, request.history)
    return "" if rewritten.text == request.question else rewritten.text


def shown(rewritten: Rewritten, question: str) -> Rewritten | None:
    """Where something else than the question was searched for, or a model was asked."""
    same = rewritten.text == question and rewritten.by in (RULES, OFF)
    return None if same and rewritten.fallback is None else rewritten


async def _cleaned(guard: PassageGuard, passages: Sequence[Passage]) -> list[Passage]:
    with span("guard passages") as step:
        step.set(GUARD, "passages")
        kept = await guard.cleaned(passages)
        gone = [p.hit.chunk_id for p in passages if all(p.number != k.number for k in kept)]
        changed = any(all(each is not p for p in passages) for each in kept)
        step.set(VERDICT, "block" if gone else "sanitise" if changed else "allow")
        if gone:
            step.set(REASON, gone)
        return kept
