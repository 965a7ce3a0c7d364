"""A model's reading of a question, taken only where it can do no more than narrow the search.

Whatever the reply says, what comes out is a filter that the collection's schema accepts, an order
by one of its fields, and words of the question itself; or InvalidInput.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bedplate.conditions.filters import load_json, parse_filter
from bedplate.domain.filters import FieldKind
from bedplate.domain.retrieval import SelfQuery, Sort
from bedplate.errors import BadFilter, InvalidInput
from bedplate.rag.quoted import is_printable
from bedplate.terms import analyse

MOST_CHARACTERS = 4_000
"""Fewer than the 4,300 digits of a number at which `int` gives up with a ValueError."""
_FENCE = "```"


class Reply(BaseModel):
    """What the model must say. `sort` is a field, with "-" before it descending."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    filter: dict[str, Any] | None
    text: str
    sort: str | None


def parse_reply(
    reply: str, question: str, fields: Mapping[str, frozenset[FieldKind]], *, reader: str
) -> SelfQuery:
    """The reading of `question` that the model called `reader` replied with.

    Raises:
        InvalidInput: not one JSON object of the three keys, a filter or an order that does not fit
            the schema, or a text with words that the question does not have.
    """
    read = _read(reply)
    if read.filter:
        parse_filter(read.filter, fields)
    sort = _sort(read.sort, fields) if read.sort else None
    if not read.filter and sort is None:
        return SelfQuery(question, reader=reader)
    return SelfQuery(_text(read.text, question), read.filter or None, sort, reader=reader)


def _read(reply: str) -> Reply:
    body = reply.strip()
    if body.startswith(_FENCE) and body.endswith(_FENCE):
        # The frame in which models like to put code.
        body = body.strip("`").removeprefix("json").strip()
    if len(body) > MOST_CHARACTERS:
        raise InvalidInput(f"The reply has more than {MOST_CHARACTERS:,} characters.")
    try:
        loaded = load_json(body)
    except BadFilter as error:
        problem = error.message.removeprefix("filter: ")
        raise InvalidInput(f"The reply is not one JSON object: {problem}.") from error
    try:
        return Reply.model_validate(loaded)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "".join(f" at {part!r:.60}" for part in first["loc"])
        raise InvalidInput(f"The reply is wrong{where}: {first['msg']}.") from error


def _sort(written: str, fields: Mapping[str, frozenset[FieldKind]]) -> Sort:
    sort = Sort(written.removeprefix("-"), descending=written.startswith("-"))
    if sort.field not in fields:
        raise InvalidInput(f"sort: no field {sort.field!r:.60}.")
    return sort


def _text(text: str, question: str) -> str:
    text = " ".join(text.split())
    if not is_printable(text):
        raise InvalidInput("text: holds control characters or half of a surrogate pair.")
    words = set(analyse(text))
    if added := words - set(analyse(question)):
        raise InvalidInput(
            f"text: {min(added)!r:.60} is not in the question; leave words out, add none."
        )
    if len(text) > len(question):
        raise InvalidInput("text: longer than the question; leave words out, add none.")
    return text if words else ""
