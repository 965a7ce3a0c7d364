"""`time`: what day and time it is, in any time zone."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict

from bedplate.domain.tools import ToolSpec
from bedplate.errors import ConfigError
from bedplate.tools.protocol import ToolContext, ToolParts, ToolResult, Toolset
from bedplate.tools.toolsets import FixedToolset, FunctionTool


class TimeOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    timezone: str = "UTC"
    """Where none is asked for."""


def spec_of(name: str, default: str) -> ToolSpec:
    return ToolSpec(
        name,
        f"The current date, time and day of the week, in {default} unless a time zone is given.",
        {
            "type": "object",
            "properties": {
                "timezone": {
                    "type": "string",
                    "maxLength": 64,
                    "description": "An IANA name such as Europe/Oslo.",
                    "default": default,
                }
            },
            "additionalProperties": False,
        },
    )


@asynccontextmanager
async def open_time(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    """ConfigError for a time zone that does not exist."""
    settings = TimeOptions.model_validate(options)
    if _zone(settings.timezone) is None:
        raise ConfigError(f"tools.{name}.timezone: there is no time zone {settings.timezone!r}.")
    now: Callable[[], datetime] = parts.callables.get("now", lambda: datetime.now(UTC))

    async def run(arguments: Mapping[str, Any], _: ToolContext) -> ToolResult:
        wanted = str(arguments.get("timezone", settings.timezone))
        zone = _zone(wanted)
        if zone is None:
            return ToolResult(
                f"There is no time zone {wanted!r}. Give an IANA name such as Europe/Oslo.",
                failed=True,
            )
        local = now().astimezone(zone)
        return ToolResult(f"{local:%A}, {local.isoformat(timespec='seconds')} ({wanted})")

    yield FixedToolset((FunctionTool(spec_of(name, settings.timezone), run),))


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
