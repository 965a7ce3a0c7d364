"""A model step: the conversation so far is sent, and what the model says is written to the log."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from bedplate.agents import entries
from bedplate.agents.leg import Leg, difference
from bedplate.chat.turn import Turn, unpriced
from bedplate.domain.chat import ChatRequest, Finished, TextDelta, ToolCallDelta
from bedplate.domain.money import to_micro
from bedplate.domain.runs import RunUsage
from bedplate.domain.tools import ToolCall, ToolSpec
from bedplate.errors import (
    BedplateError,
    GuardBlocked,
    UpstreamError,
    UpstreamTimeout,
)
from bedplate.models.protocol import Bound


@dataclass(slots=True)
class _Said:
    """What came of a stream so far."""

    text: list[str] = field(default_factory=list[str])
    calls: dict[int, tuple[str, str, list[str]]] = field(
        default_factory=dict[int, tuple[str, str, list[str]]]
    )
    end: Finished | None = None

    def tool_calls(self) -> list[ToolCall]:
        return [ToolCall(id, name, "".join(parts)) for id, name, parts in self.calls.values()]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model said within the run's budget; `due` is to be settled with the entry of it."""

    text: str
    calls: Sequence[ToolCall]
    end: Finished
    due: RunUsage
    took_ms: float


async def think(leg: Leg, turn: Turn, tools: Sequence[ToolSpec]) -> None:
    """
    Raises:
        BudgetExceeded: of the run before the model is asked, or of the ledger.
        PriceUnknown: the run's dollars could not be counted; the model is not asked.
        Blocked, UpstreamError, InvalidInput, NotFound, Unavailable: see Turn.
    """
    model = leg.run.setup.model
    request = ChatRequest(
        tuple(leg.history.messages),
        tools=tuple(tools),
        deadline=asyncio.get_running_loop().time() + leg.left(),
        whole_answer=True,
        account=leg.account,
    )
    answer = await asked(leg, turn, model, request, steps=1)
    end = answer.end
    answered = entries.answered(
        answer.text,
        answer.calls,
        finish=end.reason,
        model=end.model,
        reasoning=end.reasoning,
        usage=end.usage,
        took_ms=answer.took_ms,
    )
    await leg.settle(answer.due, answered)
    if end.reason == "content_filter":
        raise GuardBlocked(f"The answer of {model} was stopped by a guard.", guard="answer")


async def asked(leg: Leg, turn: Turn, model: str, request: ChatRequest, *, steps: int) -> Asked:
    """Reserve what a call may cost, make it, and say what it did cost. Raises as `think`."""
    bound = turn.model(model).bound(request)
    request = replace(request, max_output_tokens=bound.output_tokens)
    if bound.usd is None and leg.run.setup.priced:
        raise unpriced(model, leg.run.assistant)
    held = _held(bound, steps)
    await leg.charge(held)
    begun = time.perf_counter()
    try:
        said = await _ask(turn, model, request)
    except BedplateError as error:
        # A model that was at work until the time was over is paid for; of others the ledger knows.
        spent = held if isinstance(error, UpstreamTimeout) else replace(held, tokens=0, micro_usd=0)
        await leg.settle(difference(spent, held))
        raise
    end = said.end
    if end is None:
        raise UpstreamError(f"{model} ended without saying so.", provider=model)
    used = RunUsage(
        steps=steps,
        model_calls=1,
        tokens=end.usage.total_tokens,
        micro_usd=held.micro_usd if end.usage.cost_usd is None else to_micro(end.usage.cost_usd),
    )
    took_ms = (time.perf_counter() - begun) * 1000
    due = difference(used, held)
    return Asked("".join(said.text), said.tool_calls(), end, due, took_ms)


async def _ask(turn: Turn, model: str, request: ChatRequest) -> _Said:
    said = _Said()
    async with aclosing(turn.stream(model, request)) as events:
        async for event in events:
            match event:
                case TextDelta(text=text):
                    said.text.append(text)
                case ToolCallDelta():
                    _, _, parts = said.calls.setdefault(event.index, (event.id, event.name, []))
                    parts.append(event.arguments)
                case Finished():
                    said.end = event
                case _:
                    pass
    return said


def _held(bound: Bound, steps: int) -> RunUsage:
    usd = 0 if bound.usd is None else to_micro(bound.usd)
    return RunUsage(steps=steps, model_calls=1, tokens=bound.tokens, micro_usd=usd)
