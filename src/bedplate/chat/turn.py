"""A turn: one model call by name, bounded in time and measured."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from bedplate.chat.accounting import Accounting, Asked
from bedplate.chat.passing import Passing
from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, TextDelta, Unseen, changed
from bedplate.errors import GuardBlocked, NotFound, PriceUnknown, UpstreamError, UpstreamTimeout
from bedplate.guards.protocol import CallGuard, GuardedCall
from bedplate.ledger.protocol import Ledger
from bedplate.models.protocol import MeteredModel, asks_whole, is_direct, whole
from bedplate.spelling import did_you_mean, shown
from bedplate.telemetry.conventions import (
    FINISH_REASONS,
    GUARD,
    NOTES,
    REASON,
    REQUEST_MODEL,
    VERDICT,
)
from bedplate.telemetry.trace import Span, span

logger = logging.getLogger(__name__)


class Turn:
    def __init__(
        self,
        models: Mapping[str, MeteredModel],
        *,
        seconds: float,
        ledger: Ledger | None = None,
        guard: CallGuard | None = None,
    ) -> None:
        """Without a ledger nothing is held to budgets, and no usage is kept; without a guard models
        see requests, and callers answers, as they are.
        """
        self._guard = guard
        self._models = models
        # Which are asked for whole answers; what is around a model does not change.
        self._whole = {name: whole(m) for name, m in models.items() if asks_whole(m)}
        self._seconds = seconds
        self._ledger = ledger

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._models)

    def model(self, name: str) -> MeteredModel:
        """The model configured as `name`; NotFound with the nearest name."""
        if name not in self._models:
            hint = did_you_mean(name, self._models)
            raise NotFound(
                f"There is no model {shown(name)}.{hint} Configured: {', '.join(self._models)}.",
                param="model",
            )
        return self._models[name]

    async def stream(self, name: str, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """The model's events, and one log line when the call ends, however it ends.

        Raises:
            NotFound: no model has this name.
            UpstreamTimeout: the deadline passed, of the request or of the configuration.
            Blocked: a budget, a rate or a guard does not allow the call; before the model is asked.
                An answer that a guard stops ends as "content_filter".
        """
        model = self.model(name)
        if request.whole_answer and name in self._whole:
            for event in await self._answer(name, request):
                yield event
            return
        with _step(name, request) as step:
            guarded = None if self._guard is None else await _open(self._guard, name, request)
            request = request if guarded is None else guarded.request
            deadline = self._deadline(request)
            request = changed(request, deadline=deadline)
            call = Accounting(self._ledger, Asked(name, model, request))
            async with call:
                try:
                    passing = _passing(call, guarded, model)
                    sent = call.request
                    if passing is not sent.sink:
                        sent = changed(sent, sink=passing)
                    async with aclosing(model.stream(sent)) as events:
                        while (event := await _next(events, deadline, model.name)) is not None:
                            left = None if passing is None else passing.claim()
                            if left is None:
                                await call.saw(event)
                                left = await _taken(guarded, event)
                            for each in left:
                                yield each
                            if guarded is not None and guarded.stopped is not None:
                                end = call.ended_by_guard(model.name, guarded.stopped)
                                await call.saw(end)
                                yield end
                                return
                finally:
                    _trace(step, call)
                    _log(name, call)

    async def answer(self, name: str, request: ChatRequest) -> Sequence[ChatEvent]:
        """All events of `stream`; where it fails, none."""
        if request.whole_answer and name in self._whole:
            return await self._answer(name, request)
        async with aclosing(self.stream(name, request)) as events:
            return [event async for event in events]

    async def _answer(self, name: str, request: ChatRequest) -> Sequence[ChatEvent]:
        """Of a model that is asked for its answer whole, and which keeps the deadline by itself."""
        model = self._whole[name]
        with _step(name, request) as step:
            guarded = None if self._guard is None else await _open(self._guard, name, request)
            request = request if guarded is None else guarded.request
            request = changed(request, deadline=self._deadline(request), unstreamed=Unseen())
            call = Accounting(self._ledger, Asked(name, model, request))
            async with call:
                try:
                    events = await model.answer(call.request)
                    return await _all_taken(call, guarded, events, model.name)
                finally:
                    _trace(step, call)
                    _log(name, call)

    def _deadline(self, request: ChatRequest) -> float:
        latest = asyncio.get_running_loop().time() + self._seconds
        return min(request.deadline or latest, latest)

    async def text(self, name: str, request: ChatRequest, *, most: int) -> str:
        """A whole reply of at most `most` characters; the call ends where it gets longer.

        Raises:
            UpstreamError: also for a reply that is longer, or was cut off by the model's limits.
        """
        text = ""
        async with aclosing(self.stream(name, request)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    if event.reason != "stop":
                        raise UpstreamError(
                            f"The reply of {name!r} was cut off ({event.reason}).", provider=name
                        )
                elif isinstance(event, TextDelta):
                    text += event.text
                if len(text) > most:
                    raise UpstreamError(
                        f"The reply of {name!r} has more than {most:,} characters.", provider=name
                    )
        return text


async def _open(guard: CallGuard, name: str, request: ChatRequest) -> GuardedCall:
    with span("guard request") as step:
        step.attributes[GUARD] = "calls"
        try:
            opened = await guard.open(name, request)
        except GuardBlocked as error:
            step.attributes[GUARD] = error.guard
            step.attributes[VERDICT] = "block"
            step.set(REASON, list(error.found))
            raise
        step.attributes[VERDICT] = "change" if opened.request is not request else "allow"
        return opened


async def _all_taken(
    call: Accounting, guarded: GuardedCall | None, events: Sequence[ChatEvent], model: str
) -> Sequence[ChatEvent]:
    """What may leave of an answer that is there whole."""
    if guarded is not None and _passes(guarded, events):
        for event in events:
            await call.saw(event)
        return [*events[:-1], *guarded.take(events[-1])]
    left: list[ChatEvent] = []
    for number, event in enumerate(events, 1):
        await call.saw(event)
        left += await _taken(guarded, event)
        if guarded is not None and guarded.stopped is not None:
            # Its end says what it cost, though nobody reads it.
            for rest in events[number:]:
                await call.saw(rest)
            end = call.ended_by_guard(model, guarded.stopped)
            await call.saw(end)
            return [*left, end]
    return left


def _passes(guarded: GuardedCall, events: Sequence[ChatEvent]) -> bool:
    """Whether it is plain text, and told at a glance to be nothing that is guarded against."""
    if len(events) != 2 or guarded.slow:
        return False
    said = events[0]
    if type(said) is not TextDelta or said.refusal or said.logprobs:
        return False
    return guarded.passes(said.text)


def _step(name: str, request: ChatRequest) -> Span:
    step = span("turn")
    step.attributes[REQUEST_MODEL] = name
    step.bill(request.account)
    return step


def _trace(step: Span, call: Accounting) -> None:
    step.attributes[FINISH_REASONS] = [call.finish]
    if call.notes:
        step.set(NOTES, call.notes)


def _log(name: str, call: Accounting) -> None:
    usage, first_ms = call.usage, call.first_ms
    logger.info(
        "model call",
        extra={
            "model": name,
            **({"routed": call.routed} if call.routed else {}),
            "finish": call.finish,
            "input_tokens": usage.input_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
            "cost_usd": float(usage.cost_usd) if usage and usage.cost_usd is not None else None,
            "ttft_ms": None if first_ms is None else round(first_ms, 1),
            "took_ms": round(call.took_ms, 1),
            "notes": [f"{each.kind} {each.model}: {each.reason}" for each in call.notes],
        },
    )


def _passing(call: Accounting, guarded: GuardedCall | None, model: MeteredModel) -> Passing | None:
    """Where text may go past the layers."""
    sink = call.request.sink
    if sink is None or not is_direct(model) or (guarded is not None and guarded.slow):
        return None
    return Passing(call, guarded, sink)


async def _taken(guarded: GuardedCall | None, event: ChatEvent) -> Sequence[ChatEvent]:
    if guarded is None:
        return (event,)
    if guarded.slow:
        return await asyncio.to_thread(guarded.take, event)
    return guarded.take(event)


async def _next(events: AsyncGenerator[ChatEvent], deadline: float, name: str) -> ChatEvent | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await anext(events, None)
    except TimeoutError as error:
        raise UpstreamTimeout(
            f"{name} did not finish in the time it was given.", provider=name
        ) from error


def unpriced(model: str, assistant: str) -> PriceUnknown:
    """Of a call whose dollars could not be counted, though the assistant's budget is in dollars."""
    return PriceUnknown(
        f"No price is known for the model {model!r}, and the budget of {assistant!r} is in "
        f"US dollars: set [models.{model}.price] (zero for a model that costs nothing), leave "
        'budget.usd out, or set budgets.unknown_price = "warn" to let such calls pass uncounted.'
    )
