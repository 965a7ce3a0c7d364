"""`memory`: what an assistant keeps in mind of a user, in a collection. What keeps it is handed over
by the app.
"""

from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.accounts import Account
from bedplate.domain.retrieval import Hit
from bedplate.domain.tools import ToolSpec
from bedplate.errors import ConfigError, InvalidInput, Unreadable
from bedplate.tools.protocol import ToolContext, ToolParts, ToolPolicy, ToolResult, Toolset
from bedplate.tools.toolsets import FixedToolset, FunctionTool
from bedplate.tools.values import as_text

CHANGES = ToolPolicy(effect="idempotent")
READS = ToolPolicy()


class Memories(Protocol):
    """Of the account's user alone, in a collection of its tenant."""

    def keep(self, account: Account, collection: str, text: str) -> Awaitable[str]: ...

    def find(
        self,
        account: Account,
        collection: str,
        text: str,
        *,
        limit: int,
        deadline: float | None = None,
    ) -> Awaitable[Sequence[Hit]]: ...

    def drop(self, account: Account, collection: str, id: str) -> Awaitable[bool]: ...


class MemoryOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    collection: str = Field(min_length=1)
    limit: int = Field(default=5, gt=0, le=50)
    """Of one look-up."""
    most: int = Field(default=50, gt=0, le=50)
    """Of one user."""
    characters: int = Field(default=1_000, gt=0, le=10_000)
    """Of one."""


@asynccontextmanager
async def open_memory(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    settings = MemoryOptions.model_validate(options)
    memories: Memories | None = parts.callables.get("memories")
    if memories is None:
        raise ConfigError(f"tools.{name}: nothing is here that keeps anything in mind.")
    place = settings.collection

    async def remember(arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        text = str(arguments["text"]).strip()
        known = await memories.find(context.account, place, "", limit=settings.most)
        if len(known) >= settings.most:
            return ToolResult(
                f"{settings.most} things are remembered of this user, as many as may be: forget one "
                "first.",
                failed=True,
            )
        try:
            return ToolResult(as_text({"id": await memories.keep(context.account, place, text)}))
        except (InvalidInput, Unreadable) as error:
            return ToolResult(error.message, failed=True)

    async def recall(arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        hits = await memories.find(
            context.account,
            place,
            str(arguments["query"]),
            limit=settings.limit,
            deadline=context.deadline,
        )
        return ToolResult(as_text([_told(hit) for hit in hits]), missing=not hits)

    async def forget(arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        id = str(arguments["id"])
        if await memories.drop(context.account, place, id):
            return ToolResult("It is forgotten.")
        return ToolResult(f"Nothing is remembered as {id!r}.", failed=True, missing=True)

    yield FixedToolset(
        (
            FunctionTool(
                _spec(
                    "remember",
                    "Keeps a fact about this user in mind, for later conversations. One sentence that "
                    "stands by itself; nothing secret.",
                    text={"type": "string", "minLength": 1, "maxLength": settings.characters},
                ),
                remember,
                CHANGES,
            ),
            FunctionTool(
                _spec(
                    "recall",
                    "Looks up what was kept in mind of this user in earlier conversations.",
                    query={"type": "string", "minLength": 1, "maxLength": 4_000},
                ),
                recall,
                READS,
            ),
            FunctionTool(
                _spec(
                    "forget",
                    "Forgets something for good that was kept in mind, by its id from recall.",
                    id={"type": "string", "minLength": 1, "maxLength": 200},
                ),
                forget,
                CHANGES,
            ),
        )
    )


def _spec(name: str, description: str, **properties: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(
        name,
        description,
        {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    )


def _told(hit: Hit) -> Mapping[str, object]:
    return {"id": hit.document_id, "text": hit.text, "at": hit.metadata.get("remembered_at")}
