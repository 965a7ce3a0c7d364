# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate run`: have an assistant pursue a goal, and follow it until it ends or waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import write_json
from bedplate.errors import ConfigError

if TYPE_CHECKING:
    from bedplate.app import App
    from bedplate.domain.ids import TenantId
    from bedplate.domain.runs import Run
    from bedplate.running import RunsAtWork

ALIKE = {
    "succeeded": Exit.DONE,
    "out_of_budget": Exit.BLOCKED,
    "looping": Exit.BLOCKED,
    "waiting_approval": Exit.BLOCKED,
    "cancelled": Exit.BLOCKED,
    "paused": Exit.PARTLY,
}


def register(app: typer.Typer) -> None:
    @command(app, "run")
    def run(
        invocation: Invocation,
        *,
        assistant: Annotated[str, typer.Argument(metavar="ASSISTANT", help="Who pursues it.")],
        goal: Annotated[str, typer.Argument(metavar="GOAL", help="What is to be reached.")],
        id: Annotated[
            str | None, typer.Option("--id", help="Starts it once: given again, it is followed.")
        ] = None,
    ) -> None:
        """Have an assistant pursue a goal with its tools, within its budget.

        The run is durable: where it is interrupted, `bedplate serve` or `bedplate runs resume` goes on
        with it. It ends with 3 where a budget is used up or a human is waited for.
        """
        run_async(_run(invocation, assistant, goal, id))


async def _run(invocation: Invocation, assistant: str, goal: str, id: str | None) -> None:
    from bedplate.agents.runs import NewRun
    from bedplate.app import open_app
    from bedplate.domain.accounts import LOCAL

    config = invocation.load().config
    async with open_app(config, work=True) as app:
        started = await at_work(app).runs.start(LOCAL, NewRun(assistant, goal, id))
        ended = await followed(app, started.tenant, started.id, quiet=invocation.json)
    finish(invocation, ended)


def at_work(app: App) -> RunsAtWork:
    """Runs, of an app that was opened for work."""
    if app.runs is None:
        raise ConfigError("Runs need an app that was opened for work.")
    return app.runs


async def followed(app: App, tenant: TenantId, id: str, *, quiet: bool, after: int = -1) -> Run:
    """Tell its entries on stderr as they come, until it ends or waits for a human."""
    import asyncio
    from contextlib import aclosing

    from bedplate.cli.runs import told
    from bedplate.cli.screen import console
    from bedplate.domain.runs import RunStatus

    runs, out = at_work(app).runs, console(stderr=True)
    async with asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(at_work(app).upkeep.run())
        async with aclosing(runs.tail(tenant, id, after=after)) as entries:
            async for entry in entries:
                line = told(entry)
                if line and not quiet:
                    out.print(line, soft_wrap=True, markup=False, highlight=False)
                parked = entry.data.get("status") == RunStatus.WAITING_APPROVAL
                # The log of one that went on, or of a fork, tells of earlier times.
                if parked and (await runs.get(tenant, id)).status is RunStatus.WAITING_APPROVAL:
                    break
        upkeep.cancel()
    return await runs.get(tenant, id)


def next_of(run: Run) -> list[str]:
    """The commands that a run which waits for a human waits for."""
    if run.status != "waiting_approval":
        return []
    tenant = "" if run.tenant == "default" else f" --tenant {run.tenant}"
    reviews = [f"Next: bedplate reviews approve {id}{tenant}" for id in run.waits_for]
    return [*reviews, f"then: bedplate runs resume {run.id}{tenant}, unless a server is at work"]


def finish(invocation: Invocation, run: Run) -> None:
    """Print how it stands, and leave with the code for that."""
    from bedplate.api.run_schemas import Run as Shown
    from bedplate.cli.runs import stands
    from bedplate.cli.screen import console, plain

    if invocation.json:
        write_json({"run": Shown.of(run).model_dump(mode="json")})
    else:
        out = console()
        if run.status == "succeeded":
            out.print(plain(run.summary), soft_wrap=True)
        else:
            out.print(plain(f"{run.id}: {stands(run.status, run.reason)}"), soft_wrap=True)
            if run.summary:
                out.print(plain(run.summary), soft_wrap=True)
        for line in next_of(run):
            out.print(plain(line), soft_wrap=True)
    code = ALIKE.get(run.status, Exit.UNEXPECTED)
    if run.status == "failed" and run.reason.startswith("upstream"):
        code = Exit.UPSTREAM
    if code:
        raise typer.Exit(code)
