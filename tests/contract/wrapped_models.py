"""Models as a lineup wraps them: each wrapper alone around a scripted one, and all of them."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

from bedplate.config import ModelSlot
from bedplate.embedders import EMBEDDERS
from bedplate.lineup import open_lineup
from bedplate.models.protocol import MeteredModel

Opener = Callable[[], AbstractAsyncContextManager[MeteredModel]]

WRAPPERS: Mapping[str, Mapping[str, Any]] = {
    "written calls": {"written_calls": True},
    "timeouts": {"timeouts": {"first_token_seconds": 30.0, "idle_seconds": 30.0}},
    "concurrency": {"concurrency": {"calls": 4}},
    "breaker": {"breaker": {"failures": 5}},
    "retry": {"retry": {"attempts": 3}},
    "context": {"context_tokens": 4_000, "overflow": "compact"},
    "hedge": {"hedge": {"seconds": 0.0005}},
    "fallback": {"fallback": ["other"]},
    "cache": {"cache": {"exact": True, "semantic": 0.95}},
}
SETTINGS = {
    **WRAPPERS,
    "all": {key: value for one in WRAPPERS.values() for key, value in one.items()},
}


@asynccontextmanager
async def open_wrapped(
    tested: Mapping[str, Any], other: Mapping[str, Any]
) -> AsyncGenerator[MeteredModel]:
    named = {"tested": tested, "other": other, "second": other}
    slots = {name: ModelSlot.model_validate(slot) for name, slot in named.items()}
    async with (
        EMBEDDERS.load("hashing")({}) as embedder,
        open_lineup(slots, embedder=embedder) as models,
    ):
        yield models["tested"]


def wrapped(options: Mapping[str, Any]) -> dict[str, Opener]:
    """By name, how to open a model with these options inside each wrapper."""
    slots = {f"in {name}": {**options, **settings} for name, settings in SETTINGS.items()}
    slots["fallback"] = {"use": "fallback", "models": ["other"]}
    slots["router"] = {"use": "router", "small": "other", "large": "other", "share": 0.5}
    slots["cascade"] = {"use": "cascade", "small": "other", "large": "second", "samples": 1}
    return {name: partial(open_wrapped, slot, options) for name, slot in slots.items()}
