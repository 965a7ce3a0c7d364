"""Bodies of /v1/conversations. Source: OpenAI API reference, "Conversations"."""

from typing import Any

from msgspec import Struct


class ConversationBody(Struct):
    items: list[dict[str, Any]] | None = None
    metadata: dict[str, Any] | None = None


class MetadataBody(Struct):
    metadata: dict[str, Any] | None


class ItemsBody(Struct):
    items: list[dict[str, Any]]
