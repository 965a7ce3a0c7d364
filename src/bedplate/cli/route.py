# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate route`: how much prompts need a large model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async

if TYPE_CHECKING:
    from bedplate.cli.batch import Item


def register(app: typer.Typer) -> None:
    @command(app, "route", without=frozenset({"data"}))
    def route(
        invocation: Invocation,
        threshold: Annotated[
            float, typer.Option(min=0, max=1, help="Scores above it are of the large model's tier.")
        ] = 0.6,
    ) -> None:
        """Score prompts on stdin, lines of {"id", "prompt"}: their need for a large model, 0 to 1."""
        run_async(_route(invocation, threshold))


async def _route(invocation: Invocation, threshold: float) -> None:
    from bedplate.cli.batch import STDIN, run_batch
    from bedplate.models.route_head import shipped_head

    head = shipped_head()

    async def answer(item: Item) -> dict[str, Any]:
        score = head.score(item.text)
        tier = "large" if score > threshold else "small"
        return {"id": item.id, "score": score, "tier": tier}

    raise typer.Exit(await run_batch(STDIN, answer, invocation.progress, key="prompt"))
