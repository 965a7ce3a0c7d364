"""What a question is answered from: found, cleaned, and more of it where that does not suffice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bedplate.domain.accounts import Account
from bedplate.domain.answers import Rewritten
from bedplate.domain.chat import ChatRequest, Passage
from bedplate.domain.checks import Sufficiency
from bedplate.guards.protocol import PassageGuard
from bedplate.models.protocol import Answerability
from bedplate.rag.ask_request import AskRequest
from bedplate.rag.current import asks_for_past
from bedplate.rag.find import Found, find
from bedplate.rag.follow_up import whole_question
from bedplate.rag.interpret import Interpret
from bedplate.rag.knowledge import Knowledge
from bedplate.rag.retrieve import SearchRequest
from bedplate.rag.rewriter import OFF, RULES, Rewriter
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
    """What an answer is made from: the passages that a model may be shown, and how they were found.

    `current` says that the question is about what holds now; `sufficiency` is there where it was
    asked for.
    """

    rewritten: Rewritten
    found: Found
    passages: tuple[Passage, ...] = ()
    knowledge: str = ""
    current: bool = True
    sufficiency: Sufficiency | None = None


class Gather:
    def __init__(
        self,
        search: Interpret,
        rewriter: Rewriter,
        *,
        knowledge: Knowledge | None = None,
        guard: PassageGuard | None = None,
        answerability: Answerability,
    ) -> None:
        """`knowledge` stamps requests, where answers are remembered; `guard` looks at passages before
        anything is told of them; `answerability` tells whether they suffice.
        """
        self._search = search
        self._rewriter = rewriter
        self._knowledge = knowledge
        self._guard = guard
        self._answerability = answerability

    async def gather(self, request: AskRequest) -> Gathered:
        """Look for passages; those that a model must not be shown are left out. Where they do not
        suffice and the check says so, once more: so many again, without the conditions read out of
        the question.

        Raises:
            NotFound: an unknown collection.
            UpstreamTimeout: not found by the deadline.
        """
        rewritten = await self._rewriter.rewrite(
            request.question,
            request.history,
            request.rewrite,
            deadline=request.deadline,
            account=request.account,
        )
        knowledge = await self._knowledge.stamp(request.scopes) if self._knowledge else ""
        made = Gathered(rewritten, Found([], {}), knowledge=knowledge)
        made = await self._searched(request, made)
        if not made.passages or not request.check.sufficiency:
            return made
        score = await self._likely(request, made)
        widened = score < request.check.sufficiency and request.check.short == "widen"
        if widened:
            more = max(request.passages, min(MOST_PASSAGES, WIDER * request.passages))
            wider = replace(request, passages=more, self_query=False)
            made = await self._searched(wider, made)
            score = await self._likely(request, made)
        return replace(made, sufficiency=Sufficiency(round(score, 4), widened))

    async def _searched(self, request: AskRequest, made: Gathered) -> Gathered:
        text = made.rewritten.text
        found = await self._find(request, text)
        passages = [Passage(number, hit) for number, hit in enumerate(found.hits, start=1)]
        if self._guard is not None:
            passages = await _cleaned(self._guard, passages, request.account)
        return replace(made, found=found, passages=tuple(passages), current=not asks_for_past(text))

    async def _likely(self, request: AskRequest, made: Gathered) -> float:
        with span("check sufficiency") as step:
            score = await self._answerability.likely(
                ChatRequest(
                    (),
                    passages=made.passages,
                    asked=request.question,
                    whole=whole(made.rewritten, request),
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
            wide=True,
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


async def _cleaned(
    guard: PassageGuard, passages: Sequence[Passage], account: Account
) -> list[Passage]:
    with span("guard passages") as step:
        step.set(GUARD, "passages")
        kept = await guard.cleaned(passages, account)
        gone = [p.hit.chunk_id for p in passages if all(p.number != k.number for k in kept)]
        changed = any(all(each is not p for p in passages) for each in kept)
        step.set(VERDICT, "block" if gone else "sanitise" if changed else "allow")
        if gone:
            step.set(REASON, gone)
        return kept
