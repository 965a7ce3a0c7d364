"""`search`: passages of collections. What searches is handed over by the app."""

from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.accounts import Account
from bedplate.domain.retrieval import Hit
from bedplate.domain.tools import ToolSpec
from bedplate.errors import ConfigError, InvalidInput, NotFound
from bedplate.tools.protocol import ToolContext, ToolParts, ToolResult, Toolset
from bedplate.tools.toolsets import FixedToolset, FunctionTool
from bedplate.tools.values import as_text

MOST_QUERY = 4_000


class Search(Protocol):
    """Passages of one collection of the account's tenant, the best first."""

    def __call__(
        self,
        account: Account,
        collection: str,
        text: str,
        *,
        filter: str | None,
        limit: int,
        deadline: float | None,
    ) -> Awaitable[Sequence[Hit]]: ...


class SearchOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    collections: tuple[str, ...] = Field(min_length=1)
    limit: int = Field(default=5, gt=0, le=50)
    """Hits of one call at most."""
    description: str = "Searches documents by meaning and by words, the best passages first."


def spec_of(name: str, settings: SearchOptions) -> ToolSpec:
    several = len(settings.collections) > 1
    collection = {
        "collection": {
            "type": "string",
            "enum": list(settings.collections),
            "description": "Where to look.",
        }
    }
    return ToolSpec(
        name,
        settings.description,
        {
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MOST_QUERY,
                    "description": "What to look for, in plain words.",
                },
                **(collection if several else {}),
                "filter": {
                    "type": "string",
                    "description": "A condition on metadata, such as price < 50 and year >= 2025.",
                },
                "limit": {"type": "integer", "minimum": 1, "maximum": settings.limit},
            },
            "required": ["query", *collection] if several else ["query"],
            "additionalProperties": False,
        },
    )


@asynccontextmanager
async def open_search(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    settings = SearchOptions.model_validate(options)
    search: Search | None = parts.callables.get("search")
    if search is None:
        raise ConfigError(f"tools.{name}: nothing is here that searches collections.")

    async def run(arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        collection = str(arguments.get("collection", settings.collections[0]))
        try:
            hits = await search(
                context.account,
                collection,
                str(arguments["query"]),
                filter=arguments.get("filter"),
                limit=int(arguments.get("limit", settings.limit)),
                deadline=context.deadline,
            )
        except (InvalidInput, NotFound) as error:
            return ToolResult(error.message, failed=True, missing=isinstance(error, NotFound))
        return ToolResult(as_text([_told(hit) for hit in hits]), missing=not hits)

    yield FixedToolset((FunctionTool(spec_of(name, settings), run),))


def _told(hit: Hit) -> Mapping[str, object]:
    told = {
        "title": hit.title,
        "text": hit.text,
        "document": hit.document_id,
        "source": hit.source,
        "page": hit.page,
        "metadata": dict(hit.metadata),
    }
    return {key: value for key, value in told.items() if value not in (None, {}, "")}
