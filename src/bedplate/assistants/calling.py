"""One call of a tool of the server's, with the model's own JSON as its arguments."""

import json
from collections.abc import Mapping
from typing import Any, cast

from bedplate.errors import Unavailable, UpstreamError
from bedplate.tools.protocol import Tool, ToolContext, ToolResult

MOST_CHARACTERS = 1_000_000
"""Of a call's arguments."""


def read(tool: Tool, arguments: str) -> Mapping[str, Any] | ToolResult:
    """The arguments, or what the model is told of them where they are none."""
    if len(arguments) > MOST_CHARACTERS:
        return _wrong(tool, f"they have more than {MOST_CHARACTERS:,} characters")
    try:
        given: Any = json.loads(arguments or "{}")
    except (ValueError, RecursionError) as error:
        return _wrong(tool, f"they are no JSON ({str(error)[:100]})")
    if not isinstance(given, dict):
        return _wrong(tool, "they are no JSON object")
    return cast(Mapping[str, Any], given)


async def call(tool: Tool, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
    """What went wrong on the way is a failed result, too: the model may say so."""
    try:
        return await tool.call(arguments, context)
    except (Unavailable, UpstreamError) as error:
        return ToolResult(
            f"{tool.spec.name} could not be called: {error.message}", failed=True, retryable=True
        )


def _wrong(tool: Tool, why: str) -> ToolResult:
    return ToolResult(
        f"The arguments of {tool.spec.name} cannot be read: {why}. Nothing was done. Call it again "
        f"with one JSON object of this schema: {json.dumps(dict(tool.spec.parameters))[:2_000]}",
        failed=True,
    )
