# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""The guards alone, for commands that need nothing else of the application."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedplate.config import Config
    from bedplate.safeguards import Safeguards


@asynccontextmanager
async def opened_guards(config: Config) -> AsyncGenerator[Safeguards]:
    """Models are opened only where one of them is a judge."""
    from bedplate.safeguards import open_safeguards

    async with AsyncExitStack() as stack:
        models = None
        if config.guards.injection.judge is not None:
            from bedplate.embedders import EMBEDDERS
            from bedplate.lineup import open_lineup
            from bedplate.slots import open_slot

            embedder = await stack.enter_async_context(
                open_slot("embedder", config.embedder, EMBEDDERS.load)
            )
            models = await stack.enter_async_context(open_lineup(config.models, embedder=embedder))
        yield await stack.enter_async_context(open_safeguards(config, models))
