"""What was kept in mind of a user, looked up by the server itself and not because a model asked."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

from bedplate.agents import entries
from bedplate.agents.run_work import OfferTools
from bedplate.domain.accounts import Account
from bedplate.domain.runs import NewEntry, Run
from bedplate.errors import ConfigError, StorageError, Unavailable, UpstreamError
from bedplate.telemetry.conventions import OPERATION, TOOL_FAILED, TOOL_NAME
from bedplate.telemetry.trace import span
from bedplate.tools.protocol import Tool, ToolContext, ToolResult

logger = logging.getLogger(__name__)

RECALL = "recall"
"""The tool of a memory table that looks things up, after the table's prefix."""

MOST_QUERY = 4_000
SECONDS = 5.0
"""A run does not wait longer to begin."""


async def recalled(run: Run, offer: OfferTools) -> Sequence[NewEntry]:
    """By the goal, into its log from the beginning: data, as a tool's result is. Nothing where
    the assistant does not have it so, or nothing is found.
    """
    table = run.setup.memory.recall
    if table is None:
        return ()
    tools = await offer(run.assistant, [table])
    account = Account(run.tenant, run.key, run.assistant, run.root, run.setup.user)
    deadline = asyncio.get_running_loop().time() + SECONDS
    context = ToolContext(account, run=run.id, call=RECALL, deadline=deadline)
    found = await look_up(tools.values(), run.assistant, run.goal, context)
    return () if found is None else (entries.posted(RECALL, found.text),)


async def look_up(
    tools: Iterable[Tool], assistant: str, question: str, context: ToolContext
) -> ToolResult | None:
    """By the tool of a memory table, within its limits and guards. None where nothing is found, or the
    memory does not answer: whoever asks goes on without it.

    Raises:
        ConfigError: no tool of the table looks anything up, or the assistant may not use it.
    """
    tool = next((each for each in tools if each.spec.name.endswith(RECALL)), None)
    if tool is None:
        raise ConfigError(
            f"assistants.{assistant}.memory.recall: the table has no tool {RECALL!r} that it may use."
        )
    name = tool.spec.name
    with span("tool") as step:
        step.set(OPERATION, "execute_tool")
        step.set(TOOL_NAME, name)
        try:
            found = await tool.call({"query": question[:MOST_QUERY]}, context)
        except (StorageError, Unavailable, UpstreamError) as error:
            found = ToolResult(error.message, failed=True)
        step.set(TOOL_FAILED, found.failed)
    if found.failed:
        told = {"assistant": assistant, "tool": name, "reason": found.text}
        logger.warning("nothing could be recalled", extra=told)
    return None if found.failed or found.missing else found
