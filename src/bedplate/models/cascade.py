"""`cascade`: a small model first; a large one where its answer is not enough.

After Chen et al. 2023, "FrugalGPT", arXiv:2305.05176.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note, Usage
from bedplate.embedders.protocol import Embedder
from bedplate.errors import BedplateError, UpstreamError
from bedplate.models.cascade_answer import HeldAnswer, hold
from bedplate.models.cascade_checks import CascadeOptions, free_fault
from bedplate.models.cascade_judge import grade, judge_request
from bedplate.models.cascade_samples import agreement, cost_of
from bedplate.models.ending import ended, owning, used, why
from bedplate.models.fallback import Member, is_late, passes_on
from bedplate.models.protocol import Bound, MeteredModel
from bedplate.models.route_rules import first_fit

ANSWER_CHARACTERS = 4
"""A token of the small model's answer, at most, where the judge's bound is estimated."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the small model answered, None where it failed, and what is wrong with it, if anything.

    `spent` is all that was used so far; of an answer that is enough, what was used beside it.
    """

    answer: HeldAnswer | None
    fault: str | None
    seen: str = ""
    notes: tuple[Note, ...] = ()
    spent: tuple[Usage, ...] = ()


class Cascade:
    """The small model's answer is held back until it was judged; Finished.notes says how.

    Nothing is sent before that. Where it is not enough, or the small model fails in a way that is
    not the request's own fault, the large one answers, and its answer streams as it comes. A check
    that cannot be made counts as failed. What all calls used is added up.
    """

    def __init__(
        self,
        name: str,
        small: Member,
        large: Member,
        options: CascadeOptions,
        *,
        judge: Member | None = None,
        embedder: Embedder,
    ) -> None:
        self.inner = small.model
        self._name = name
        self._small = small
        self._large = large
        self._options = options
        self._judge = judge
        self._embedder = embedder

    @property
    def name(self) -> str:
        return self._name

    def bound(self, request: ChatRequest) -> Bound:
        """That of all calls together; no price is known where one of them has none."""
        small, large = self._small.model.bound(request), self._large.model.bound(request)
        parts = [small] * (1 + self._options.samples) + [large]
        if self._judge is not None:
            most = small.output_tokens or small.tokens
            filler = "x" * min(self._options.max_characters, ANSWER_CHARACTERS * most)
            parts.append(self._judge.model.bound(judge_request(request, filler)))
        prices = [part.usd for part in parts if part.usd is not None]
        limits = [p.output_tokens for p in (small, large) if p.output_tokens is not None]
        return Bound(
            sum(part.tokens for part in parts),
            sum(prices[1:], prices[0]) if len(prices) == len(parts) else None,
            min(limits, default=None),
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        ruled = first_fit(self._options.rules, request)
        if ruled is not None:
            chosen = self._large if ruled[0] == "large" else self._small
            async with aclosing(_after(chosen, request, ruled[1], Tried(None, None))) as events:
                async for event in events:
                    yield event
            return
        tried = await self._try(request)
        if tried.fault is None and tried.answer is not None and tried.answer.end is not None:
            for event in tried.answer.shown(request):
                yield event
            note = Note("cascade", self._small.name, f"its answer is enough ({tried.seen})")
            end = replace(tried.answer.end, notes=(*tried.answer.end.notes, note))
            yield ended(end, (), tried.spent)
            return
        reason = f"{self._small.name} was not enough: {tried.fault}"
        async with aclosing(_after(self._large, request, reason, tried)) as events:
            async for event in events:
                yield event

    async def _try(self, request: ChatRequest) -> Tried:
        options = self._options
        asked = request
        if options.min_logprob is not None and request.logprobs is None:
            asked = replace(request, logprobs=0)
        try:
            answer = await hold(self._small.model, asked, options.max_characters)
        except BedplateError as error:
            if not passes_on(error) or is_late(request):
                raise
            return Tried(None, f"it failed ({why(error)})", spent=used(error))
        cost = cost_of(answer, self._small.model, request)
        notes = answer.end.notes if answer.end is not None else ()
        fault = free_fault(request, answer, options)
        if fault is not None:
            return Tried(answer, fault, notes=notes, spent=(cost,))
        fault, seen, spent = await self._costly(request, answer)
        if fault is not None:
            spent = (cost, *spent)
        return Tried(answer, fault, ", ".join(seen), notes, spent)

    async def _costly(
        self, request: ChatRequest, answer: HeldAnswer
    ) -> tuple[str | None, Sequence[str], tuple[Usage, ...]]:
        """The checks that make calls: a fault, or what was seen; and what they used."""
        options, seen, spent = self._options, ["nothing wrong with its form"], ()
        if options.min_logprob is not None:
            mean = answer.mean_logprob
            seen.append("it gives no logprobs" if mean is None else f"mean logprob {mean:.2f}")
        if options.samples:
            found = await agreement(
                self._small.model,
                request,
                answer,
                samples=options.samples,
                most=options.max_characters,
                embedder=self._embedder,
            )
            spent = found.spent
            said = f"{found.share:.0%} of {options.samples} more answers say the same"
            if found.fault is not None or found.share < options.agreement:
                return found.fault or said, seen, spent
            seen.append(said)
        if self._judge is not None:
            judged = await grade(self._judge.model, request, answer)
            spent = (*spent, *judged.spent)
            if judged.grade is None or judged.grade < options.grade:
                told = f"{self._judge.name} gave it {judged.grade} of 10"
                return judged.fault or told, seen, spent
            seen.append(f"{self._judge.name} gave it {judged.grade} of 10")
        return None, seen, spent


async def _after(
    chosen: Member, request: ChatRequest, reason: str, tried: Tried
) -> AsyncGenerator[ChatEvent]:
    """The chosen model's events, with what was noted and used before it."""
    notes = (*tried.notes, Note("cascade", chosen.name, reason))
    try:
        async with aclosing(chosen.model.stream(request)) as events:
            async for event in events:
                yield ended(event, notes, tried.spent) if isinstance(event, Finished) else event
    except UpstreamError as error:
        owning(error, tried.spent)
        raise


@asynccontextmanager
async def open_cascade(
    options: Mapping[str, Any],
    *,
    models: Mapping[str, MeteredModel],
    embedder: Embedder,
) -> AsyncGenerator[MeteredModel]:
    """See CascadeOptions."""
    chosen = CascadeOptions.model_validate(dict(options))
    small, large = (Member(name, models[name]) for name in (chosen.small, chosen.large))
    judge = None if chosen.judge is None else Member(chosen.judge, models[chosen.judge])
    name = f"cascade:{chosen.small},{chosen.large}"
    yield Cascade(name, small, large, chosen, judge=judge, embedder=embedder)
