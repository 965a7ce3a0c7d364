"""Opens the adapter that a table of the configuration names."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from pydantic import ValidationError

from bedplate.config import Slot
from bedplate.errors import ConfigError, UnknownAdapter

T = TypeVar("T")


@asynccontextmanager
async def open_slot(
    key: str,
    slot: Slot,
    load: Callable[[str], Callable[..., AbstractAsyncContextManager[T]]],
    **given: Any,
) -> AsyncGenerator[T]:
    """The adapter that a slot names; its complaints about options name the setting."""
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(load(slot.use)(slot.options, **given))
        except ValidationError as error:
            raise ConfigError("\n".join(_complaints(key, slot, error))) from error
        except UnknownAdapter as error:
            raise UnknownAdapter(f"{key}.use: {error.message}") from error
        yield opened


@asynccontextmanager
async def open_optional(
    key: str,
    slot: Slot | None,
    load: Callable[[str], Callable[..., AbstractAsyncContextManager[T]]],
) -> AsyncGenerator[T | None]:
    """The same, where a slot is set."""
    if slot is None:
        yield None
    else:
        async with open_slot(key, slot, load) as opened:
            yield opened


def _complaints(key: str, slot: Slot, error: ValidationError) -> Iterator[str]:
    for problem in error.errors():
        name = ".".join([key, *map(str, problem["loc"])])
        if problem["type"] == "extra_forbidden":
            yield f"Unknown setting {name!r}: the adapter {slot.use!r} has no such option."
        else:
            # What a check of our own says is a sentence without pydantic's heading.
            yield f"{name}: {problem['msg'].removeprefix('Value error, ').rstrip('.')}."
