"""Ask: find passages, let a model answer from them alone, resolve and check what it cites."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from bedplate.chat.turn import Turn
from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.answers import (
    REFUSAL,
    Answer,
    AnswerDelta,
    AnswerEvent,
    Citation,
    Grounding,
    Retrieved,
    Rewritten,
)
from bedplate.domain.bills import Bill
from bedplate.domain.chat import ChatRequest, Finished, Message, Passage, TextDelta, Usage
from bedplate.domain.retrieval import Scope
from bedplate.errors import InvalidInput, UpstreamTimeout
from bedplate.guards.protocol import PassageGuard
from bedplate.judges.protocol import Case, Judge
from bedplate.markers import MarkerFilter, cited
from bedplate.rag.citations import resolve
from bedplate.rag.current import asks_for_past
from bedplate.rag.find import Found, find
from bedplate.rag.follow_up import whole_question
from bedplate.rag.interpret import Interpret
from bedplate.rag.knowledge import Knowledge
from bedplate.rag.prompt import Prompts
from bedplate.rag.retrieve import SearchRequest
from bedplate.rag.rewriter import OFF, RULES, Rewriter
from bedplate.rag.told import asking, tell_grounded, told
from bedplate.telemetry.conventions import GUARD, REASON, VERDICT
from bedplate.telemetry.trace import span

REFUSAL_START = "i don't know"
MAX_QUESTION_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A question to one or more collections of a tenant.

    `history` is the conversation before the question; `rewrite` says what completes a question that
    leans on it for the search, "rules" (rag/follow_up.py) or a model, or is "off"; the answering
    model is asked the question itself, and given the completed one beside it. `deadline` is on the
    event loop's clock. `self_query` is as in `SearchRequest`. `tell_retrieved` makes what was
    found the first event. `account` pays, for every model that
    is asked on the way.
    """

    question: str
    scopes: tuple[Scope, ...]
    model: str
    filter: str | Mapping[str, object] | None = None
    join: Mapping[str, object] | None = None
    passages: int = 8
    instructions: str = ""
    history: tuple[Message, ...] = ()
    rewrite: str = RULES
    max_output_tokens: int | None = None
    temperature: float | None = None
    deadline: float | None = None
    self_query: bool = True
    tell_retrieved: bool = False
    account: Account = LOCAL


@dataclass(frozen=True, slots=True)
class Gathered:
    """What an answer is made from: the passages that a model may be shown, and how they were found."""

    rewritten: Rewritten
    found: Found
    passages: tuple[Passage, ...] = ()
    knowledge: str = ""


class Ask:
    def __init__(
        self,
        search: Interpret,
        turn: Turn,
        grounding: Judge,
        rewriter: Rewriter,
        knowledge: Knowledge | None = None,
        *,
        guard: PassageGuard | None = None,
    ) -> None:
        """`knowledge` stamps requests, where answers are remembered; `guard` looks at passages before
        a model is shown them.
        """
        self._guard = guard
        self._knowledge = knowledge
        self._rewriter = rewriter
        self._search = search
        self._turn = turn
        self._grounding = grounding
        self._prompts = Prompts()

    async def stream(self, request: AskRequest) -> AsyncGenerator[AnswerEvent]:
        """Text as it is final, then the Answer, which repeats the whole text.

        Raises:
            InvalidInput: an empty question, or one that is too long.
            NotFound: an unknown collection or model.
            UpstreamError: the model failed; text that was streamed before stands alone.
            UpstreamTimeout: found, answered or checked too late for the deadline.
        """
        started = time.perf_counter()
        self._check(request)
        bill = Bill()
        request = replace(request, account=replace(request.account, bill=bill))
        with asking(request.question, request.model, request.account) as step:
            trace_id = step.trace.id
            gathered = await self.gather(request)
            rewritten, found, passages = gathered.rewritten, gathered.found, gathered.passages
            searched = shown(rewritten, request.question)
            if request.tell_retrieved:
                yield Retrieved(rewritten.text, tuple(found.hits))
            if not passages:
                yield AnswerDelta(REFUSAL)
                nothing = _nothing_found(request.model, bill.usage, started, trace_id)
                yield told(step, replace(nothing, rewritten=searched, self_query=found.self_query))
                return
            text, first_ms, end = "", 0.0, None
            markers = MarkerFilter([passage.number for passage in passages])
            prompt = self.prompt(request, gathered)
            async with aclosing(self._turn.stream(request.model, prompt)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        end, ready = event, markers.finish()
                    elif isinstance(event, TextDelta):
                        ready = markers.push(event.text)
                    else:
                        continue
                    if ready:
                        first_ms = first_ms or (time.perf_counter() - started) * 1000
                        text += ready
                        yield AnswerDelta(ready)
            citations, refused, grounded = await self.review(request, text, passages)
            answer = Answer(
                text=text,
                citations=citations,
                grounded=grounded,
                refused=refused,
                model=end.model if end else request.model,
                usage=bill.usage,
                ttft_ms=round(first_ms, 1),
                trace_id=trace_id,
                finish_reason=end.reason if end else "stop",
                rewritten=searched,
                self_query=found.self_query,
            )
            yield told(step, answer)

    async def gather(self, request: AskRequest) -> Gathered:
        """Look for passages; those that a model must not be shown are left out.

        Raises:
            NotFound: an unknown collection.
        """
        rewritten = await self._rewriter.rewrite(
            request.question,
            request.history,
            request.rewrite,
            deadline=request.deadline,
            account=request.account,
        )
        knowledge = await self._knowledge.stamp(request.scopes) if self._knowledge else ""
        found = await self._find(request, rewritten.text)
        passages = [Passage(number, hit) for number, hit in enumerate(found.hits, start=1)]
        if self._guard is not None:
            passages = await self._cleaned(self._guard, passages)
        return Gathered(rewritten, found, tuple(passages), knowledge)

    async def _cleaned(self, guard: PassageGuard, passages: Sequence[Passage]) -> list[Passage]:
        with span("guard passages") as step:
            step.set(GUARD, "passages")
            kept = await guard.cleaned(passages)
            gone = [p.hit.chunk_id for p in passages if all(p.number != k.number for k in kept)]
            changed = any(all(each is not p for p in passages) for each in kept)
            step.set(VERDICT, "block" if gone else "sanitise" if changed else "allow")
            if gone:
                step.set(REASON, gone)
            return kept

    async def answer(self, request: AskRequest) -> Answer:
        """The stream, collected."""
        async with aclosing(self.stream(request)) as events:
            async for event in events:
                if isinstance(event, Answer):
                    return event
        raise AssertionError("an answer stream ends with an Answer")

    def _check(self, request: AskRequest) -> None:
        if not request.question.strip():
            raise InvalidInput("The question is empty.", param="question")
        if len(request.question) > MAX_QUESTION_CHARACTERS:
            raise InvalidInput(
                f"The question has {len(request.question)} characters; at most "
                f"{MAX_QUESTION_CHARACTERS} are read.",
                param="question",
            )
        self._turn.model(request.model)

    def prompt(self, request: AskRequest, gathered: Gathered) -> ChatRequest:
        """What a model is asked, with the passages in front of it."""
        return ChatRequest(
            messages=self._prompts.messages(
                request.question,
                gathered.passages,
                instructions=request.instructions,
                history=request.history,
            ),
            asked=request.question,
            whole=_whole(gathered.rewritten, request),
            passages=gathered.passages,
            knowledge=gathered.knowledge,
            max_output_tokens=request.max_output_tokens,
            temperature=request.temperature,
            deadline=request.deadline,
            account=request.account,
        )

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

    async def review(
        self, request: AskRequest, text: str, passages: Sequence[Passage]
    ) -> tuple[tuple[Citation, ...], bool, Grounding]:
        """What the finished text cites, whether it refuses, and how well it is grounded."""
        try:
            async with asyncio.timeout_at(request.deadline):
                citations = await asyncio.to_thread(resolve, text, passages)
                if is_refusal(text, citations):
                    return citations, True, Grounding(1.0, "unchecked")
                case = Case(request.question, (*passages,), request.deadline, request.account)
                with span("check grounding") as step:
                    grounded = await self._grounding.check(case, text)
                    tell_grounded(step, grounded)
                return citations, False, grounded
        except TimeoutError as error:
            raise UpstreamTimeout(
                "The answer was not checked against its sources by the deadline.",
                provider="grounding",
            ) from error


def shown(rewritten: Rewritten, question: str) -> Rewritten | None:
    """What an answer tells of the rewriting: where something else than the question was searched for,
    or a model was asked.
    """
    same = rewritten.text == question and rewritten.by in (RULES, OFF)
    return None if same and rewritten.fallback is None else rewritten


def _whole(rewritten: Rewritten, request: AskRequest) -> str:
    """The completed question; empty where the question was left as it is."""
    if rewritten.by == RULES:
        return whole_question(request.question, request.history)
    return "" if rewritten.text == request.question else rewritten.text


def is_refusal(text: str, citations: Sequence[Citation]) -> bool:
    """Whether a model said that the sources hold no answer."""
    plain = text.strip().replace("\u2019", "'").casefold()
    return not plain or (plain.startswith(REFUSAL_START) and not citations and not cited(text))


def _nothing_found(model: str, usage: Usage, started: float, trace_id: str) -> Answer:
    return Answer(
        text=REFUSAL,
        citations=(),
        grounded=Grounding(1.0, "unchecked"),
        refused=True,
        model=model,
        usage=usage,
        ttft_ms=round((time.perf_counter() - started) * 1000, 1),
        trace_id=trace_id,
    )
