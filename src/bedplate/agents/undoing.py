"""What a cancelled run did is taken back, the latest first, by the tools that are declared for it."""

import json
from collections.abc import Mapping
from typing import Any, cast

from bedplate.agents import entries
from bedplate.agents.acting import outcome_of, settled_status
from bedplate.agents.history import CallState
from bedplate.agents.leg import Leg
from bedplate.domain.runs import RunUsage
from bedplate.tools.arguments import Arguments
from bedplate.tools.protocol import Tool, ToolContext, ToolResult


async def undo_all(leg: Leg, tools: Mapping[str, Tool]) -> str:
    """What became of each effect, as a summary; one that is not known to have happened is named."""
    told = [
        line
        for call in reversed(leg.history.calls.values())
        for line in await _one(leg, tools, call)
    ]
    return "\n".join(["It was cancelled.", *(told or ["There was nothing to take back."])])


async def _one(leg: Leg, tools: Mapping[str, Tool], call: CallState) -> list[str]:
    name = call.request.name
    if not call.begun or call.effect == "none":
        return []
    if call.result is None:
        found = await _found(leg, tools.get(name), call)
        if found is None:
            return [f"Whether {name} ({call.id}) was done is not known: look there."]
        await leg.settle(RunUsage(), entries.result(call.id, name, found))
    if cast(Mapping[str, Any], call.result)["failed"]:
        return []
    undo = leg.run.setup.undo.get(name)
    if undo is None:
        return [f"{name} ({call.id}) stays done: no tool is declared that takes it back."]
    if call.undone is None:
        await _undo(leg, call, undo, tools.get(undo))
    undone = cast(Mapping[str, Any], call.undone)
    if undone["unknown"]:
        return [f"Whether {undo} took {name} ({call.id}) back is not known: look there."]
    if undone["failed"]:
        return [f"{undo} did not take {name} ({call.id}) back: {undone['text'][:300]}"]
    return [f"{undo} took {name} ({call.id}) back."]


async def _found(leg: Leg, tool: Tool | None, call: CallState) -> ToolResult | None:
    if tool is None:
        return None
    return await settled_status(tool, call.arguments or {}, _context(leg, call, call.key))


async def _undo(leg: Leg, call: CallState, name: str, tool: Tool | None) -> None:
    if tool is None:
        outcome = ToolResult(f"There is no tool {name!r}.", failed=True)
        await leg.settle(RunUsage(), entries.undone(call.id, name, outcome))
        return
    arguments = _arguments(tool, call)
    key = f"{leg.run.id}:undo:{call.id}"
    context = _context(leg, call, key)
    if problems := Arguments(tool.spec.parameters).problems(arguments):
        outcome = ToolResult("; ".join(problems), failed=True)
    elif call.undo is not None and tool.policy.effect == "once":
        # Cut off in the middle: asked, never made blindly again.
        found = await settled_status(tool, arguments, context)
        outcome = found or ToolResult("", failed=True, unknown=True)
        if found is not None and found.failed:
            outcome = await outcome_of(tool, arguments, context)
    else:
        await leg.settle(RunUsage(tool_calls=1), entries.undo(call.id, name, arguments, key=key))
        outcome = await outcome_of(tool, arguments, context)
    await leg.settle(RunUsage(), entries.undone(call.id, name, outcome))


def _arguments(tool: Tool, call: CallState) -> dict[str, Any]:
    """Those of its parameters that the call had, or that its result names."""
    known = tool.spec.parameters.get("properties", {})
    given = {**_fields(cast(Mapping[str, Any], call.result)["text"]), **(call.arguments or {})}
    return {name: value for name, value in given.items() if name in known}


def _fields(text: str) -> dict[str, Any]:
    try:
        read: object = json.loads(text)
    except ValueError:
        return {}
    return cast(dict[str, Any], read) if isinstance(read, dict) else {}


def _context(leg: Leg, call: CallState, key: str) -> ToolContext:
    return ToolContext(leg.account, key, leg.run.id, call.id, leg.deadline)
