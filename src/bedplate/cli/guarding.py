# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""The guards alone, for commands that need nothing else of the application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedplate.config import Config
    from bedplate.embedders.protocol import Embedder
    from bedplate.judges.protocol import Judge
    from bedplate.models.protocol import MeteredModel
    from bedplate.safeguards import Safeguards

ASKS_A_MODEL = "llm"


@asynccontextmanager
async def opened_guards(config: Config) -> AsyncGenerator[Safeguards]:
    """Models are opened only where one of them is a judge."""
    from bedplate.safeguards import open_safeguards

    async with AsyncExitStack() as stack:
        models = embedder = None
        if config.guards.injection.judge is not None or _asks_a_model(config):
            embedder, models = await _models(config, stack)
        yield await stack.enter_async_context(open_safeguards(config, models, embedder))


@asynccontextmanager
async def opened_judge(config: Config) -> AsyncGenerator[Judge]:
    """The judge of answers; models are opened only where one of them is it."""
    from bedplate.judging import open_judge

    async with AsyncExitStack() as stack:
        models: Mapping[str, MeteredModel] = {}
        embedder = None
        if _asks_a_model(config):
            embedder, models = await _models(config, stack)
        yield await stack.enter_async_context(open_judge(config, models, embedder))


def _asks_a_model(config: Config) -> bool:
    return config.guards.groundedness.use == ASKS_A_MODEL


async def _models(
    config: Config, stack: AsyncExitStack
) -> tuple[Embedder, Mapping[str, MeteredModel]]:
    from bedplate.embedders import EMBEDDERS
    from bedplate.lineup import open_lineup
    from bedplate.slots import open_slot

    embedder = await stack.enter_async_context(
        open_slot("embedder", config.embedder, EMBEDDERS.load)
    )
    return embedder, await stack.enter_async_context(open_lineup(config.models, embedder=embedder))
