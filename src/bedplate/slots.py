"""Opens the adapter that a table of the configuration names."""

import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bedplate.config import Slot
from bedplate.errors import ConfigError, UnknownAdapter
from bedplate.spelling import did_you_mean

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
            factory = load(slot.use)
            try:
                opened = await stack.enter_async_context(factory(slot.options, **given))
            except ValidationError as error:
                known = (*_options(factory, error), *type(slot).model_fields)
                raise ConfigError("\n".join(_complaints(key, slot, error, known))) from error
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


def _options(factory: Callable[..., object], error: ValidationError) -> Iterable[str]:
    """Names of the adapter's options: those of the class in its module that raised the error."""
    found = getattr(sys.modules.get(factory.__module__), error.title, None)
    return found.model_fields if isinstance(found, type) and issubclass(found, BaseModel) else ()


def _complaints(
    key: str, slot: Slot, error: ValidationError, known: Iterable[str]
) -> Iterator[str]:
    for problem in error.errors():
        name = ".".join([key, *map(str, problem["loc"])])
        if problem["type"] == "extra_forbidden":
            near = did_you_mean(str(problem["loc"][0]), known) if len(problem["loc"]) == 1 else ""
            yield f"Unknown setting {name!r}: the adapter {slot.use!r} has no such option.{near}"
        else:
            # What a check of our own says is a sentence without pydantic's heading.
            yield f"{name}: {problem['msg'].removeprefix('Value error, ').rstrip('.')}."
