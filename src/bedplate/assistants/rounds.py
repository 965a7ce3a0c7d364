"""Rounds of model and tools until the model answers: what it calls of the server's is done here."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from bedplate.assistants.heard import Heard
from bedplate.assistants.protocol import Work
from bedplate.assistants.spending import Spending
from bedplate.chat.turn import Turn, unpriced
from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    FinishReason,
    Message,
    TextDelta,
    added,
    routed,
)
from bedplate.domain.tools import ToolCall, ToolChoice
from bedplate.errors import BedplateError, InvalidInput, Unavailable, UpstreamError
from bedplate.telemetry.conventions import OPERATION, TOOL_FAILED, TOOL_NAME
from bedplate.telemetry.trace import span, trace_id
from bedplate.tools.approval import needs_approval
from bedplate.tools.arguments import read_arguments
from bedplate.tools.protocol import Tool, ToolContext, ToolResult

CUT_OFF: frozenset[FinishReason] = frozenset({"length", "content_filter"})

AT_ONCE = 8
"""Calls of one round that are under way together."""

NO_CALL_LEFT = (
    "Not called: the budget of this request allows no further calls of tools. Answer now."
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What tools answered in one round, for whoever checks the answer against it."""

    messages: tuple[Message, ...]


Fit = Callable[[ChatRequest], Awaitable[ChatRequest]]
"""Makes a request short enough, from a count of its tokens."""


class Rounds:
    def __init__(self, turn: Turn, *, priced: bool = True) -> None:
        """`priced`: where an assistant declares `usd`, no model is asked whose price is not known."""
        self._turn = turn
        self._priced = priced

    async def stream(
        self, work: Work, request: ChatRequest, spending: Spending, fit: Fit
    ) -> AsyncGenerator[ChatEvent | Answered]:
        """Text and thoughts of all rounds, calls of the client's functions, and one Finished.

        Text of a later round begins a new paragraph. Calls of the client's functions end the
        rounds: what the model called of the server's beside them is left for it to call again, as
        the client's next request does not hold what those answered.

        Raises:
            BudgetExceeded: of the assistant, before the call that would exceed it.
            PriceUnknown: the assistant's dollars could not be counted.
        """
        declared = self._priced and "usd" in work.settings.budget.model_fields_set
        if declared and self._turn.model(work.model).bound(request).usd is None:
            raise unpriced(work.model, work.assistant.name)
        own = {each.name for each in request.tools}
        request = replace(
            request, tools=(*request.tools, *(tool.spec for tool in work.tools.values()))
        )
        model, usage, said = work.model, None, False
        while True:
            if work.tools and spending.last_round:
                request = _must_answer(request, own)
            request = await fit(request)
            spending.begin(request)
            heard = Heard(own if work.tools else None)
            async with aclosing(self._turn.stream(model, request)) as events:
                async for event in events:
                    for passed in heard.take(event):
                        if isinstance(passed, TextDelta) and said and not heard.spoke:
                            yield TextDelta("\n\n")
                        heard.spoke |= isinstance(passed, TextDelta)
                        yield passed
            end = heard.finished
            usage = end.usage if usage is None else added(usage, end.usage)
            said |= heard.spoke
            if not heard.calls or heard.passed_on or end.reason in CUT_OFF:
                yield _last(end, heard)
                return
            if work.keep_route and (chosen := routed(end.notes)):
                model = chosen.split(" > ")[-1]
            results = await self._called(work, heard.calls, spending)
            yield Answered(results)
            request = _continued(request, heard, results)

    async def _called(
        self, work: Work, calls: Sequence[ToolCall], spending: Spending
    ) -> tuple[Message, ...]:
        allowed = spending.take(len(calls))
        gate = asyncio.Semaphore(AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(work, call, gate)) for call in calls[:allowed]]
        except ExceptionGroup as failed:
            for error in failed.exceptions:
                if isinstance(error, BedplateError):
                    raise error from failed
            raise
        messages = [task.result() for task in tasks]
        return (
            *messages,
            *(_told(call, ToolResult(NO_CALL_LEFT, failed=True)) for call in calls[allowed:]),
        )

    async def _one(self, work: Work, call: ToolCall, gate: asyncio.Semaphore) -> Message:
        with span("tool") as step:
            step.set(OPERATION, "execute_tool")
            step.set(TOOL_NAME, call.name)
            async with gate:
                result = await self._result(work, call)
            step.set(TOOL_FAILED, result.failed)
            return _told(call, result)

    async def _result(self, work: Work, call: ToolCall) -> ToolResult:
        tool = work.tools.get(call.name)
        if tool is None:
            return ToolResult(
                f"There is no tool {call.name!r}. There are: {', '.join(work.tools)}.", failed=True
            )
        try:
            arguments = read_arguments(call.arguments)
        except InvalidInput as error:
            return ToolResult(f"{tool.spec.name}: {error.message}", failed=True)
        if (reason := refused(tool, arguments)) is not None:
            return ToolResult(reason, failed=True)
        context = ToolContext(
            account=work.account,
            key=_key(call),
            call=call.id,
            deadline=work.request.deadline,
        )
        try:
            return await tool.call(arguments, context)
        except (Unavailable, UpstreamError) as error:
            return ToolResult(
                f"{call.name} could not be called: {error.message}", failed=True, retryable=True
            )


def refused(tool: Tool, arguments: Mapping[str, Any]) -> str | None:
    """Why a tool is not called within a chat, where nobody can approve and nothing is journalled."""
    if needs_approval(tool.spec, tool.policy, arguments):
        why = "needs the approval of a human"
    elif tool.policy.effect == "once":
        why = "must not happen twice"
    else:
        return None
    return (
        f"Not called: {tool.spec.name} {why}, which a chat cannot see to. Tell the user that it takes "
        "a run of this assistant (POST /api/runs)."
    )


def _key(call: ToolCall) -> str:
    """The same for the same call of the same request."""
    text = f"{trace_id()} {call.id} {call.name} {call.arguments}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _told(call: ToolCall, result: ToolResult) -> Message:
    return Message("tool", result.text, tool_call_id=call.id, name=call.name, failed=result.failed)


def _must_answer(request: ChatRequest, own: set[str]) -> ChatRequest:
    """The server's tools are still there, as the conversation has calls of them, but not to be called."""
    names = tuple(each.name for each in request.tools if each.name in own)
    choice = request.tool_choice
    if choice is not None and (choice.mode == "required" or choice.names):
        return request
    return replace(request, tool_choice=ToolChoice("auto", names) if names else ToolChoice("none"))


def _continued(request: ChatRequest, heard: Heard, results: Sequence[Message]) -> ChatRequest:
    choice = request.tool_choice
    turn = Message(
        "assistant",
        heard.text,
        tool_calls=tuple(heard.calls),
        reasoning=heard.finished.reasoning,
    )
    return replace(
        request,
        messages=(*request.messages, turn, *results),
        tool_choice=None if choice is not None and choice.mode == "required" else choice,
    )


def _last(end: Finished, heard: Heard) -> Finished:
    """A reply whose calls the server took for itself does not end for the sake of calls."""
    if end.reason == "tool_calls" and not heard.passed_on and heard.calls:
        return replace(end, reason="stop")
    return end
