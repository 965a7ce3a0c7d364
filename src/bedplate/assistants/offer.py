"""`tools`: which of the server's tools the model may call for this request."""

from dataclasses import replace

from bedplate.assistants.protocol import StageParts, Toolbox, Work
from bedplate.errors import InvalidInput
from bedplate.telemetry.conventions import TOOLS_OFFERED
from bedplate.telemetry.trace import current_span


class Offer:
    """A client that wants no tools called gets none of the server's either."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    async def run(self, work: Work) -> Work:
        choice = work.request.tool_choice
        unwanted = choice is not None and choice.mode == "none"
        named = work.settings.tools
        if not named or unwanted:
            return work
        name = work.assistant.name
        listed = await self._toolbox.list(named, assistant=name)
        tools = {tool.spec.name: tool for tool in listed}
        taken = sorted({each.name for each in work.request.tools} & tools.keys())
        if taken:
            raise InvalidInput(
                f"tools: the assistant {name!r} has a tool {taken[0]!r} of its own: "
                "give yours another name.",
                param="tools",
            )
        step = current_span()
        if step is not None:
            step.set(TOOLS_OFFERED, sorted(tools))
        return replace(work, tools=tools)

    def holds(self, work: Work) -> bool:
        return False


def open_offer(parts: StageParts) -> Offer:
    return Offer(parts.callables["toolbox"])
