"""What a call used, as Anthropic's API counts it: input beside what was read from, or written to,
its prompt cache, and output with the thoughts in it.
"""

import math
from typing import Any, cast

from bedplate.domain.chat import ChatRequest, Usage
from bedplate.models.tokens import MOST_TOKENS

CHARACTERS_PER_TOKEN = 4
COUNTED = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)


class Counts:
    """The latest report of each count: those of a stream are sums so far."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def add(self, report: Any) -> None:
        if not isinstance(report, dict):
            return
        told = cast(dict[str, Any], report)
        for name in COUNTED:
            count = told.get(name)
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MOST_TOKENS:
                self._of[name] = count

    def get(self, name: str) -> int | None:
        return self._of.get(name)


def read_usage(counts: Counts, request: ChatRequest, characters: int) -> Usage:
    """Estimated by the characters sent and received where the API gave no counts."""
    told = reported(counts)
    if told is not None:
        return told
    sent = sum(len(message.content) for message in request.messages)
    return Usage(_tokens(sent), _tokens(characters), estimated=True)


def reported(counts: Counts) -> Usage | None:
    """None where the API gave no counts."""
    plain, made, read, written = map(counts.get, COUNTED)
    if plain is None or made is None:
        return None
    read, written = read or 0, written or 0
    return Usage(plain + read + written, made, cached_tokens=read, cache_write_tokens=written)


def _tokens(characters: int) -> int:
    return math.ceil(characters / CHARACTERS_PER_TOKEN)
