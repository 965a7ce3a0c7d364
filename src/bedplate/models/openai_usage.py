"""What a call used, as OpenAI-wire servers report it, rightly or not."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from bedplate.domain.chat import ChatRequest, Usage
from bedplate.models.tokens import MOST_TOKENS

CHARACTERS_PER_TOKEN = 4


def read_usage(raw: Any, *, with_cost: bool) -> Usage | None:
    """The report; None for one without counts that can be. `with_cost`: its `cost` is believed."""
    if raw is None:
        return None
    sent, made = _count(raw, "prompt_tokens"), _count(raw, "completion_tokens")
    if sent is None or made is None:
        return None
    told, thought = _field(raw, "prompt_tokens_details"), _thought(raw)
    if thought and _count(raw, "total_tokens") == sent + made + thought:
        # xAI counts thoughts beside the completion, everyone else within it.
        made += thought
    cached = _count(told, "cached_tokens")
    if cached is None:
        cached = _count(raw, "prompt_cache_hit_tokens")
    cached = min(cached or 0, sent)
    return Usage(
        sent,
        made,
        cost_usd=_cost(raw) if with_cost else None,
        cached_tokens=cached,
        cache_write_tokens=min(_count(told, "cache_write_tokens") or 0, sent - cached),
        reasoning_tokens=min(thought, made),
    )


def estimate_usage(request: ChatRequest, characters: int) -> Usage:
    """For a server that reports nothing: by the characters sent, and the `characters` received."""
    sent = sum(len(message.content) for message in request.messages)
    return Usage(_tokens(sent), _tokens(characters), estimated=True)


def _thought(raw: Any) -> int:
    return _count(_field(raw, "completion_tokens_details"), "reasoning_tokens") or 0


def _cost(raw: Any) -> Decimal | None:
    """OpenRouter's; with the caller's own key at the provider, that one's bill comes on top."""
    cost = _money(_field(raw, "cost"))
    if cost is None or not _field(raw, "is_byok"):
        return cost
    theirs = _money(_field(_field(raw, "cost_details"), "upstream_inference_cost"))
    return cost + (theirs or 0)


def _money(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value)) if math.isfinite(value) and value >= 0 else None


def _count(value: Any, name: str) -> int | None:
    count = cast(Mapping[str, Any], value).get(name) if isinstance(value, dict) else None
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    # No bool.
    if type(count) is not int:
        return None
    return count if 0 <= count <= MOST_TOKENS else None


def _field(value: Any, name: str) -> Any:
    return cast(Mapping[str, Any], value).get(name) if isinstance(value, dict) else None


def _tokens(characters: int) -> int:
    return math.ceil(characters / CHARACTERS_PER_TOKEN)
