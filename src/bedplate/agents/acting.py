"""A tool step: one call that the model asked for is brought to its result, or to a human.

Before a call its intent is written, after it its result. A call that must not happen twice, and whose
result is not known, is never made blindly again: the tool is asked what became of it, and where it
cannot say, a human is.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from bedplate.agents import entries
from bedplate.agents.asking import Humans, Question, digest
from bedplate.agents.history import CallState
from bedplate.agents.leg import Leg
from bedplate.agents.provenance import foreign
from bedplate.domain.runs import RunUsage
from bedplate.errors import BedplateError, InvalidInput
from bedplate.telemetry.conventions import OPERATION, TOOL_FAILED, TOOL_NAME
from bedplate.telemetry.trace import span
from bedplate.tools.approval import needs_approval
from bedplate.tools.arguments import Arguments, read_arguments
from bedplate.tools.protocol import Tool, ToolContext, ToolResult

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""How long a call with an effect may still answer when its run is stopped."""

SETTLED_SECONDS = GRACE_SECONDS + 3.0
"""How long a call that was cut off may still be under way: until its leg hears that it is stopped, and
its grace.
"""

LOOK_SECONDS = 0.25

MOST_ATTEMPTS = 3
"""How often a call is made that was cut off each time, and had not happened."""

MOST_ARGUMENTS = 200_000
"""Characters of the arguments of one call, as they go into the log more than once."""

Provenance = Literal["approve", "off"]


@dataclass(frozen=True, slots=True)
class Acting:
    """`tools` are those of the run, by name; without `humans` nothing that needs one is done."""

    tools: Mapping[str, Tool]
    humans: Humans | None
    provenance: Provenance = "approve"

    async def act(self, leg: Leg, call: CallState) -> bool:
        """Bring the call forward; whether it has its result, as it may have to wait for a human.

        Raises:
            BudgetExceeded: the run may call no more tools.
        """
        tool = self.tools.get(call.request.name)
        if tool is None:
            known = ", ".join(self.tools) or "none"
            return await _refuse(leg, call, f"There is no tool {call.request.name!r}: {known}.")
        if len(call.request.arguments) > MOST_ARGUMENTS:
            return await _refuse(
                leg, call, f"The arguments are over {MOST_ARGUMENTS:,} characters."
            )
        try:
            arguments = read_arguments(call.request.arguments)
        except InvalidInput as error:
            return await _refuse(leg, call, error.message)
        if call.asked is not None and call.asked["begun"] == call.begun:
            return await self._decided(leg, call, tool, call.asked)
        if call.begun and tool.policy.effect == "once":
            made = call.arguments or arguments
            found = await settled_status(tool, made, context_of(leg, call, call.key))
            return await self._reconcile(leg, call, tool, made, found)
        if call.begun:
            return await self._perform(leg, call, tool, call.arguments or arguments)
        return await self._first(leg, call, tool, arguments)

    async def _first(
        self, leg: Leg, call: CallState, tool: Tool, arguments: Mapping[str, Any]
    ) -> bool:
        name = tool.spec.name
        if wrong := Arguments(tool.spec.parameters).misfit(name, arguments):
            return await _refuse(leg, call, wrong)
        if tool.policy.effect == "once":
            for before in leg.history.made(name, arguments):
                if before.result is not None and not before.result["failed"]:
                    text = f"{name} was called just so before, and is not done twice. It said: "
                    again = ToolResult(text + before.result["text"])
                    await leg.settle(RunUsage(), entries.result(call.id, name, again, by="repeat"))
                    return True
        question = self._question(leg, tool, arguments)
        if question is None:
            return await self._perform(leg, call, tool, arguments)
        return await self._ask(leg, call, question)

    def _question(self, leg: Leg, tool: Tool, arguments: Mapping[str, Any]) -> Question | None:
        """Why a human must confirm the call; None where nobody need."""
        name, policy = tool.spec.name, tool.policy
        if needs_approval(tool.spec, policy, arguments):
            return Question(name, arguments, "policy")
        guarded = policy.effect != "none" or policy.approve is not False
        if self.provenance == "off" or not guarded or not leg.history.read:
            return None
        found = foreign(arguments, tool.spec.parameters, leg.history.said)
        return Question(name, arguments, "provenance", found) if found else None

    async def _ask(self, leg: Leg, call: CallState, question: Question) -> bool:
        if self.humans is None:
            return await _refuse(
                leg, call, f"{question.tool} needs a human's approval here, and none can be asked."
            )
        review = await self.humans.ask(leg, call, question)
        return review.decision is not None and await self.act(leg, call)

    async def _decided(
        self, leg: Leg, call: CallState, tool: Tool, asked: Mapping[str, Any]
    ) -> bool:
        """Go on as a human said, where one has: with the arguments that they saw, or wrote."""
        if self.humans is None or not await self.humans.look(leg, call):
            return False
        decided = cast(Mapping[str, Any], call.decided)
        verdict, value, arguments = decided["verdict"], decided["value"], asked["arguments"]
        name, doubt = tool.spec.name, asked["why"] == "doubt"
        because = f" The reason: {decided['reason']}" if decided["reason"] else ""
        if verdict == "reject":
            what = (
                f"Whether {name} was done is not known, and it is not called again."
                if doubt
                else f"{name} was not done: a human declined it."
                if decided["by"] != "default"
                else f"{name} was not done: nobody approved it in time."
            )
            return await _refuse(leg, call, what + because, by="human")
        if verdict == "edit" and doubt:
            # They looked, and say what came of it.
            text = value if isinstance(value, str) else f"{name} was done.{because}"
            await leg.settle(
                RunUsage(), entries.result(call.id, name, ToolResult(text), by="human")
            )
            return True
        if verdict == "edit":
            problems = (
                Arguments(tool.spec.parameters).problems(cast(Mapping[str, Any], value))
                if isinstance(value, Mapping)
                else ("they are no object",)
            )
            if problems:
                told = (
                    f"{name} was not done: a human changed its arguments so that they do not fit: "
                )
                return await _refuse(leg, call, told + "; ".join(problems), by="human")
            arguments = cast(Mapping[str, Any], value)
        if not doubt and Arguments(tool.spec.parameters).problems(arguments):
            return await _refuse(
                leg,
                call,
                f"{name} was not done: it takes something else than when a human was asked.",
            )
        return await self._perform(leg, call, tool, arguments)

    async def _reconcile(
        self,
        leg: Leg,
        call: CallState,
        tool: Tool,
        arguments: Mapping[str, Any],
        found: ToolResult | None,
    ) -> bool:
        """The intent is written and the result is not: by what the tool says of it, else a human."""
        if found is None:
            return await self._ask(leg, call, Question(tool.spec.name, arguments, "doubt"))
        if found.failed and call.begun < MOST_ATTEMPTS:
            return await self._perform(leg, call, tool, arguments)
        return await self._tell(leg, call, found)

    async def _perform(
        self, leg: Leg, call: CallState, tool: Tool, arguments: Mapping[str, Any]
    ) -> bool:
        name, effect = tool.spec.name, tool.policy.effect
        key = call.key or _key(leg, call, tool, arguments)
        context = context_of(leg, call, key)
        intent = entries.intent(call.id, name, arguments, key=key, effect=effect)
        await leg.charge(RunUsage(tool_calls=1), intent)
        outcome = await _called(leg, call, tool, arguments, context)
        if outcome.unknown and effect == "once":
            found = await status_of(tool, arguments, context_of(leg, call, call.key))
            return await self._reconcile(leg, call, tool, arguments, found)
        return await self._tell(leg, call, outcome)

    async def _tell(self, leg: Leg, call: CallState, outcome: ToolResult) -> bool:
        name = call.request.name
        trusted = name in leg.run.setup.trusted
        told = entries.result(call.id, name, outcome, trusted=trusted)
        await leg.settle(RunUsage(failures=int(outcome.failed)), told)
        return True


def context_of(leg: Leg, call: CallState, key: str) -> ToolContext:
    """Of a call of the run, until the run's time is over."""
    return ToolContext(leg.account, key, leg.run.id, call.id, leg.deadline)


async def _called(
    leg: Leg, call: CallState, tool: Tool, arguments: Mapping[str, Any], context: ToolContext
) -> ToolResult:
    """What came of it. One with an effect is not cut off at once where the run is stopped."""
    if tool.policy.effect == "none":
        return await outcome_of(tool, arguments, context)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(outcome_of(tool, arguments, context))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            done, _ = await asyncio.wait({task}, timeout=GRACE_SECONDS)
            if done:
                told = entries.result(call.id, tool.spec.name, task.result())
                await leg.settle(RunUsage(), told)
            raise


async def outcome_of(tool: Tool, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
    """What a call came to; an error is a failed result, and leaves it in doubt what must not be twice."""
    with span("tool") as step:
        step.set(OPERATION, "execute_tool")
        step.set(TOOL_NAME, tool.spec.name)
        outcome = await _outcome(tool, arguments, context)
        step.set(TOOL_FAILED, outcome.failed)
        return outcome


async def _outcome(tool: Tool, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
    name, in_doubt = tool.spec.name, tool.policy.effect == "once"
    try:
        return await tool.call(arguments, context)
    except BedplateError as error:
        text = f"{name} failed: {error.message}"
        return ToolResult(text, failed=True, retryable=error.retryable, unknown=in_doubt)
    except Exception as error:
        logger.exception("tool failed", extra={"tool": name, "run": context.run})
        return ToolResult(f"{name} failed: {type(error).__name__}.", failed=True, unknown=in_doubt)


async def status_of(
    tool: Tool, arguments: Mapping[str, Any], context: ToolContext
) -> ToolResult | None:
    """See Tool; None also where the tool does not answer."""
    try:
        return await tool.status(arguments, context)
    except BedplateError as error:
        logger.warning(
            "a tool does not say what became of a call",
            extra={"tool": tool.spec.name, "run": context.run, "error": error.message},
        )
        return None


async def settled_status(
    tool: Tool, arguments: Mapping[str, Any], context: ToolContext
) -> ToolResult | None:
    """As `status_of`, of a call that another leg made: that it has not happened is believed once it
    cannot be under way any more.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + SETTLED_SECONDS
    while True:
        found = await status_of(tool, arguments, context)
        if found is None or not found.failed or clock() >= until:
            return found
        await asyncio.sleep(LOOK_SECONDS)


def _key(leg: Leg, call: CallState, tool: Tool, arguments: Mapping[str, Any]) -> str:
    """Of what must not happen twice, the same for the same arguments, until it failed for sure."""
    if tool.policy.effect != "once":
        return f"{leg.run.id}:{call.id}"
    failed = len(leg.history.made(tool.spec.name, arguments))
    return f"{leg.run.id}:{tool.spec.name}:{digest(arguments)}:{failed}"


async def _refuse(leg: Leg, call: CallState, text: str, *, by: str = "server") -> bool:
    outcome = ToolResult(text, failed=True)
    told = entries.result(call.id, call.request.name, outcome, by=by)
    await leg.settle(RunUsage(failures=1), told)
    return True
