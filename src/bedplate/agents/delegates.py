"""Other assistants as tools of a run: each call starts a run of its own, in the same budget."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bedplate.agents import entries
from bedplate.agents.history import CallState
from bedplate.agents.leg import Leg
from bedplate.domain.runs import Run, RunStatus, RunUsage
from bedplate.domain.tools import ToolSpec
from bedplate.errors import BedplateError, InvalidInput
from bedplate.tools.arguments import Arguments, read_arguments
from bedplate.tools.protocol import ToolResult

DEEPEST = 3
"""Runs that each were started by the one before."""

PARAMETERS = {
    "type": "object",
    "properties": {"goal": {"type": "string", "minLength": 1}},
    "required": ["goal"],
    "additionalProperties": False,
}

StartChild = Callable[[Run, str, str, str], Awaitable[Run]]
"""Start, for a run, another of that id, of that assistant, with that goal; once for an id."""

Look = Callable[[Run, str], Awaitable[Run]]
"""The run that a run started, by its id."""


@dataclass(frozen=True, slots=True)
class Delegates:
    """`assistants` are by the names of their tools."""

    assistants: dict[str, str]
    start: StartChild
    look: Look

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(
            ToolSpec(
                name, f"Have the assistant {assistant!r} pursue a goal of its own.", PARAMETERS
            )
            for name, assistant in self.assistants.items()
        )

    async def act(self, leg: Leg, call: CallState) -> bool:
        """Whether the run that was started for the call has ended, and its result is in the log."""
        name = call.request.name
        if call.child is None:
            wrong = _wrong(leg, call)
            if wrong:
                refused = ToolResult(wrong, failed=True)
                told = entries.result(call.id, name, refused, by="server")
                await leg.settle(RunUsage(failures=1), told)
                return True
            child = f"{leg.run.id}-{call.id}"
            await leg.charge(RunUsage(tool_calls=1), entries.child(call.id, child))
        return await self._child(leg, call)

    async def _child(self, leg: Leg, call: CallState) -> bool:
        goal = str(read_arguments(call.request.arguments)["goal"])
        id, name = str(call.child), call.request.name
        try:
            # Again after a crash: an id starts once.
            await self.start(leg.run, id, self.assistants[name], goal)
            run = await self.look(leg.run, id)
        except BedplateError as error:
            if error.retryable:
                raise
            failed = entries.result(call.id, name, ToolResult(error.message, failed=True))
            await leg.settle(RunUsage(failures=1), failed)
            return True
        if not run.status.ended:
            return False
        failed = run.status is not RunStatus.SUCCEEDED
        text = f"The run ended as {run.status}. {run.summary}" if failed else run.summary
        told = entries.result(call.id, name, ToolResult(text, failed=failed), by="run")
        await leg.settle(RunUsage(failures=int(failed)), told)
        return True


def _wrong(leg: Leg, call: CallState) -> str:
    """Why no run is started for the call; empty where one may be."""
    if leg.run.setup.depth >= DEEPEST:
        return f"Runs start each other only {DEEPEST} deep."
    try:
        return "; ".join(Arguments(PARAMETERS).problems(read_arguments(call.request.arguments)))
    except InvalidInput as error:
        return error.message


def tool_name(assistant: str) -> str:
    """As models may be told it."""
    return "ask_" + "".join(
        c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in assistant
    )
