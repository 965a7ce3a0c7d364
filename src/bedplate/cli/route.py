# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate route`: how much prompts need a large model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bedplate.cli.batch import Item
    from bedplate.config import Config
    from bedplate.models.router import RouterOptions

THRESHOLD = 0.7


def register(app: typer.Typer) -> None:
    @command(app, "route", without=frozenset({"data"}))
    def route(
        invocation: Invocation,
        threshold: Annotated[
            float | None,
            typer.Option(min=0, max=1, help="Scores above it are of the large model's tier."),
        ] = None,
        model: Annotated[
            str | None, typer.Option("--model", help="A configured router, for its head and share.")
        ] = None,
        encoder: Annotated[
            bool, typer.Option("--encoder/--no-encoder", help="Whether to read prompts' vectors.")
        ] = True,
    ) -> None:
        """Score prompts on stdin, lines of {"id", "prompt"}: their need for a large model, 0 to 1."""
        run_async(_route(invocation, threshold, model, encoder))


async def _route(
    invocation: Invocation, threshold: float | None, model: str | None, encoder: bool
) -> None:
    from contextlib import AsyncExitStack

    from bedplate.cli.batch import STDIN, run_batch
    from bedplate.embedders import EMBEDDERS
    from bedplate.models.route_file import shipped_head
    from bedplate.models.route_scorer import scorer_of
    from bedplate.models.router import aiming, opened_head
    from bedplate.slots import open_slot

    config = invocation.load().config
    options = None if model is None else _options(config, model)
    head = shipped_head() if options is None else opened_head(options)
    reads = encoder and (options is None or options.encoder)
    bound = threshold
    if bound is None:
        bound = THRESHOLD if options is None else 1 - aiming(options, head).share
    async with AsyncExitStack() as stack:
        embedder = None
        if reads and head.full is not None:
            embedder = await stack.enter_async_context(
                open_slot("embedder", config.embedder, EMBEDDERS.load)
            )
        score = scorer_of(head, embedder)

        async def answer(item: Item) -> dict[str, Any]:
            scored = await score(item.text)
            return {
                "id": item.id,
                "score": round(scored.score, 6),
                "tier": "large" if scored.score > bound else "small",
                "benefit": None if scored.benefit is None else round(scored.benefit, 4),
                "reason": scored.reason,
            }

        raise typer.Exit(await run_batch(STDIN, answer, invocation.progress, key="prompt"))


def _options(config: Config, model: str) -> RouterOptions:
    """Those of the configured router."""
    from pydantic import ValidationError

    from bedplate.errors import ConfigError, NotFound
    from bedplate.models.router import RouterOptions

    slot = config.models.get(model)
    if slot is None or slot.use != "router":
        routers = [name for name, each in config.models.items() if each.use == "router"]
        raise NotFound(
            f"{model!r} is no configured router; there is {', '.join(routers) or 'none'}.",
            param="model",
        )
    try:
        options: Mapping[str, Any] = slot.options
        return RouterOptions.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([f"models.{model}", *map(str, first["loc"])])
        raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}.") from error
