"""Pushed documents as /api/sources shows them."""

from bedplate.api.schemas import Shown
from bedplate.domain.pushes import PushState


class Receipt(Shown):
    """`sequence` counts what the source was told; `changed` is false where that was known already."""

    key: str
    sequence: int
    changed: bool


class Pushed(Shown):
    """`version` is equal as long as content, media type and metadata are."""

    key: str
    sequence: int
    version: str
    size: int
    state: PushState
    code: str | None
    error: str | None


class Stated(Shown):
    """`unknown` are keys, up to a hundred of `unknown_count`, of which no content is here."""

    sequence: int
    listed: int
    absent: int
    unknown_count: int
    unknown: list[str]
