"""Pages of items. Source: OpenAI API reference, "List input items" and "List items"."""

from typing import Annotated, Literal

import msgspec
from fastapi import Depends, Query, Request

from bedplate.api.responses_requests import read_include
from bedplate.responses.items import ItemList
from bedplate.responses.keeping import items_of
from bedplate.responses.shown import Include, shown_item
from bedplate.transcripts.protocol import ItemPage, Page


async def _page(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: Annotated[
        str | None, Query(description="The id of the last item of the page before.")
    ] = None,
) -> Page:
    return Page(limit, after, order)


async def _included(
    request: Request,
    include: Annotated[
        list[str] | None, Query(description="As in a request; `include[]` is read as well.")
    ] = None,
) -> Include:
    """Clients write a list in a query in two ways."""
    return read_include([*(include or ()), *request.query_params.getlist("include[]")])


AskedPage = Annotated[Page, Depends(_page)]
Included = Annotated[Include, Depends(_included)]


def encode_page(page: ItemPage, include: Include) -> bytes:
    items = tuple(shown_item(item, include) for item in items_of(page.items))
    first, last = (items[0].id, items[-1].id) if items else (None, None)
    return msgspec.json.encode(ItemList(items, first, last, page.more))
