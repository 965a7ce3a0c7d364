"""Lists as OpenAI's clients page through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from bedplate.objects.protocol import Order, Page

T = TypeVar("T", bound=BaseModel)

MOST, USUAL = 100, 20
Cursor = Annotated[str | None, Query(max_length=2_000)]


class ObjectList(BaseModel, Generic[T]):
    object: Literal["list"] = "list"
    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    limit: Annotated[int, Query(ge=1, le=MOST)] = USUAL
    order: Order = "desc"
    after: Cursor = None
    before: Cursor = None


async def _page(asked: Annotated[_Asked, Depends()]) -> Page:
    return Page(asked.limit, asked.order, asked.after, asked.before)


AskedPage = Annotated[Page, Depends(_page)]


def one_more(page: Page) -> Page:
    """The page with one item more, which tells whether there are any."""
    return Page(page.limit + 1, page.order, page.after, page.before)


def object_list(found: Sequence[T], page: Page, ids: Sequence[str]) -> ObjectList[T]:
    """Of what `one_more` found, the page. `ids` are theirs."""
    more = len(found) > page.limit
    # A page before an id ends there: what is too much is at its beginning.
    backwards = page.before is not None and page.after is None
    shown = slice(-page.limit, None) if backwards and more else slice(page.limit)
    data, kept = list(found[shown]), list(ids[shown])
    return ObjectList(
        data=data,
        first_id=kept[0] if kept else None,
        last_id=kept[-1] if kept else None,
        has_more=more,
    )
