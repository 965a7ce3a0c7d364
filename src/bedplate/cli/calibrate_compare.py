# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate calibrate compare`: labels for a router, by running both models on recorded prompts."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bedplate.chat.turn import Turn
    from bedplate.cli.batch import Item
    from bedplate.domain.chat import ChatEvent, ChatRequest
    from bedplate.models.protocol import Bound

MOST_CHARACTERS = 200_000
"""Of an answer that is graded."""


def register(group: typer.Typer) -> None:
    @command(group, "compare")
    def compare(
        invocation: Invocation,
        file: Annotated[
            str, typer.Argument(metavar="FILE.jsonl", help='Lines of {"prompt"}; "-" is stdin.')
        ],
        *,
        small: Annotated[str, typer.Option("--small", help="The cheaper model.")],
        large: Annotated[str, typer.Option("--large", help="The dearer one.")],
        judge: Annotated[str, typer.Option("--judge", help="The model that grades both.")],
    ) -> None:
        """Ask both models each prompt and have their answers graded: lines for `calibrate route`.

        Makes four calls a prompt, which count against budgets like any other.
        """
        run_async(_compare(invocation, file, small, large, judge))


async def _compare(invocation: Invocation, file: str, small: str, large: str, judge: str) -> None:
    from bedplate.app import open_app
    from bedplate.cli.batch import run_batch

    async with open_app(invocation.load().config) as app:
        models = {name: _Model(app.turn, name) for name in (small, large, judge)}

        async def work(item: Item) -> dict[str, Any]:
            grades = {
                tier: await _grade(item.text, models[name], models[judge])
                for tier, name in (("small", small), ("large", large))
            }
            return {"id": item.id, "prompt": item.text, **grades}

        raise typer.Exit(await run_batch(file, work, invocation.progress, key="prompt"))


async def _grade(prompt: str, model: _Model, judge: _Model) -> float:
    """0 to 1. UpstreamError where a model fails, its own or the judge."""
    from bedplate.domain.chat import ChatRequest, Message
    from bedplate.models.cascade_answer import hold
    from bedplate.models.cascade_judge import grade

    request = ChatRequest((Message("user", prompt),))
    found = await grade(judge, request, await hold(model, request, MOST_CHARACTERS))
    if found.grade is None:
        raise UpstreamError(
            f"The answer of {model.name!r} has no grade of {judge.name!r}: {found.fault}.",
            provider=judge.name,
        )
    return found.grade / 10


class _Model:
    """A configured model, called as every other caller calls it: guarded, and held to budgets."""

    def __init__(self, turn: Turn, name: str) -> None:
        """NotFound where there is no such model."""
        self.inner = turn.model(name)
        self._turn = turn
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def bound(self, request: ChatRequest) -> Bound:
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        async with aclosing(self._turn.stream(self._name, request)) as events:
            async for event in events:
                yield event
