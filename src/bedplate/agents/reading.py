"""Calls of one answer that only read, made side by side; their results stand in the order asked for.

What has an effect is never among them: effects happen one after the other, as the model asked, and
what is read after an effect sees it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

from bedplate.agents import entries
from bedplate.agents.acting import MOST_ARGUMENTS, context_of, outcome_of
from bedplate.agents.history import CallState
from bedplate.agents.leg import Leg
from bedplate.domain.runs import RunUsage
from bedplate.errors import InvalidInput
from bedplate.tools.arguments import Arguments, read_arguments
from bedplate.tools.protocol import Tool

AT_ONCE = 8
"""Calls of one run that are under way together."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A call that changes nothing, ready to be made."""

    call: CallState
    tool: Tool
    arguments: Mapping[str, Any]
    key: str


def readings(leg: Leg, tools: Mapping[str, Tool], calls: Sequence[CallState]) -> list[Reading]:
    """The first of these calls that only read and need nobody's approval, up to AT_ONCE in a row.

    One that could not be made ends the row: it is refused by itself.
    """
    found = (_reading(leg, tools, call) for call in calls)
    return [each for each in islice(takewhile(bool, found), AT_ONCE) if each]


async def read_together(leg: Leg, readings: Sequence[Reading]) -> None:
    """All intents are written before, all results after: a crash between has all read again.

    Raises:
        BudgetExceeded: the run may not call so many tools; none was called.
    """
    intents = [
        entries.intent(
            each.call.id,
            each.tool.spec.name,
            each.arguments,
            key=each.key,
            effect=each.tool.policy.effect,
        )
        for each in readings
    ]
    await leg.charge(RunUsage(tool_calls=len(readings)), *intents)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                outcome_of(each.tool, each.arguments, context_of(leg, each.call, each.key))
            )
            for each in readings
        ]
    outcomes = [task.result() for task in tasks]
    told = [
        entries.result(
            each.call.id,
            each.tool.spec.name,
            outcome,
            trusted=each.tool.spec.name in leg.run.setup.trusted,
        )
        for each, outcome in zip(readings, outcomes, strict=True)
    ]
    await leg.settle(RunUsage(failures=sum(outcome.failed for outcome in outcomes)), *told)


def _reading(leg: Leg, tools: Mapping[str, Tool], call: CallState) -> Reading | None:
    tool = tools.get(call.request.name)
    if tool is None or tool.policy.effect != "none" or tool.policy.approve is not False:
        return None
    if call.asked is not None or len(call.request.arguments) > MOST_ARGUMENTS:
        return None
    try:
        arguments = call.arguments or read_arguments(call.request.arguments)
    except InvalidInput:
        return None
    if Arguments(tool.spec.parameters).problems(arguments):
        return None
    return Reading(call, tool, arguments, call.key or f"{leg.run.id}:{call.id}")
