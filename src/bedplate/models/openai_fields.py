"""Which fields of a body may be handed through unread, and which may not."""

from collections.abc import Mapping
from typing import Any

from bedplate.errors import InvalidInput

OURS = frozenset({"model", "messages", "stream", "stream_options"})
PARSED = frozenset({"tools", "logprobs", "top_logprobs"})
"""Fields that have a place of their own in a ChatRequest, by which their answers are read."""
UNSUPPORTED = frozenset({"functions", "audio"})
"""Fields whose answers a ChatEvent cannot carry; asking for them is refused, not ignored."""


def check_fields(fields: Mapping[str, Any]) -> None:
    """Refuse passed-through fields that are the adapter's own, or whose answer would be lost."""
    for name, value in fields.items():
        if name in OURS or (name in PARSED and value):
            raise InvalidInput(
                f"{name}: the model sets this field itself; leave it out.", param=name
            )
        if (name in UNSUPPORTED and value) or (name == "n" and value not in (None, 1)):
            raise InvalidInput(
                f"{name}: not supported by this model yet, got {value!r:.100}; leave it out.",
                param=name,
            )
