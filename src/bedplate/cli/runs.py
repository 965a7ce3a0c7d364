# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate runs`: what runs there are, how they stand, and what is done with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, one_line, plain, table, write_json

if TYPE_CHECKING:
    from bedplate.api.run_schemas import Budget
    from bedplate.domain.runs import Entry, Run

MOST_SHOWN = 300
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The run's id.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose runs.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Goals that assistants pursue: how they stand, and what is done with them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="runs")

    @command(group, "list")
    def listed(
        invocation: Invocation,
        *,
        status: Annotated[
            list[str] | None, typer.Option("--status", help="Those that stand so.")
        ] = None,
        assistant: Annotated[str | None, typer.Option("--assistant", help="Of one.")] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many.")] = 20,
        tenant: TenantOption = "default",
    ) -> None:
        """The newest first."""
        run_async(_list(invocation, tenant, status or [], assistant, limit))

    @command(group, "show")
    def show(invocation: Invocation, *, id: IdArgument, tenant: TenantOption = "default") -> None:
        """How a run stands, and everything that was done in it."""
        run_async(_show(invocation, tenant, id))

    @command(group, "tail")
    def tail(
        invocation: Invocation,
        *,
        id: IdArgument,
        after: Annotated[int, typer.Option("--after", min=-1, help="Entries after this.")] = -1,
        tenant: TenantOption = "default",
    ) -> None:
        """Follow a run that `bedplate serve` goes on with, a line an entry, until it ends."""
        run_async(_tail(invocation, tenant, id, after))

    @command(group, "resume")
    def resume(
        invocation: Invocation,
        *,
        id: IdArgument,
        message: Annotated[
            str | None, typer.Option("--message", help="Something more to say to it.")
        ] = None,
        budget: Annotated[
            list[str] | None,
            typer.Option("--budget", metavar="MEASURE=AMOUNT", help="A new limit, e.g. steps=40."),
        ] = None,
        tenant: TenantOption = "default",
    ) -> None:
        """Go on with one that is paused, out of its budget, went round in circles, or failed, or whose
        question was decided.
        """
        run_async(_resume(invocation, tenant, id, message, budget or []))

    @command(group, "pause")
    def pause(invocation: Invocation, *, id: IdArgument, tenant: TenantOption = "default") -> None:
        """Stop a run before its next step, until it is resumed."""
        run_async(_pause(invocation, tenant, id))

    @command(group, "fork")
    def fork(
        invocation: Invocation,
        *,
        id: IdArgument,
        at: Annotated[
            int, typer.Option("--at", min=0, help="The model's entry that is made anew; 0: all.")
        ] = 0,
        goal: Annotated[str | None, typer.Option("--goal", help="In place of its goal.")] = None,
        message: Annotated[str | None, typer.Option("--message", help="Said besides.")] = None,
        tenant: TenantOption = "default",
    ) -> None:
        """A new run that has done what one had before an answer, and goes on otherwise."""
        run_async(_fork(invocation, tenant, id, at, goal, message))

    @command(group, "cancel")
    def cancel(
        invocation: Invocation,
        *,
        id: IdArgument,
        undo: Annotated[
            bool, typer.Option("--undo/--no-undo", help="Take back what can be taken back.")
        ] = True,
        tenant: TenantOption = "default",
    ) -> None:
        """Stop a run for good."""
        run_async(_cancel(invocation, tenant, id, undo))


PLAIN = {"compacted": "earlier rounds are told in short from here on"}


def told(entry: Entry) -> str:
    """An entry in a line; empty where it tells nothing new."""
    data = entry.data
    match entry.kind:
        case "model":
            wanted = ", ".join(f"{c['tool']}({c['arguments']})" for c in data["calls"])
            return _cut(f"model: {data['text']}{' -> ' if data['text'] and wanted else ''}{wanted}")
        case "result":
            return _cut(f"{data['tool']}{' failed' if data['failed'] else ''}: {data['text']}")
        case "asked":
            arguments = json.dumps(data["arguments"], ensure_ascii=False)
            paths = ", ".join(filter(None, data["details"]))
            why = f"{data['why']}: {paths}" if paths else data["why"]
            return _cut(f"asks a human ({why}), review {data['review']}: {arguments}")
        case "decided":
            return _cut(f"decided: {data['verdict']} by {data['by']} {data['reason']}")
        case "child":
            return f"starts the run {data['run']}"
        case "status":
            return stands(data["status"], data["reason"])
        case "undone":
            return _cut(f"undo by {data['tool']}: {data['text']}")
        case kind:
            return PLAIN.get(kind, "")


def stands(status: str, reason: str) -> str:
    """With the reason, where it says more."""
    return status if not reason or reason in status else f"{status} ({reason})"


def _cut(text: str) -> str:
    return one_line(text)[:MOST_SHOWN]


async def _list(
    invocation: Invocation, tenant: str, statuses: list[str], assistant: str | None, limit: int
) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.domain.runs import RunPage, RunStatus
    from bedplate.errors import InvalidInput
    from bedplate.running import open_journal

    if unknown := [each for each in statuses if each not in set(RunStatus)]:
        known = ", ".join(RunStatus)
        raise InvalidInput(f"--status: {unknown[0]!r} is none of {known}.", param="status")
    config = invocation.load().config
    page = RunPage(tuple(map(RunStatus, statuses)), assistant, limit)
    async with open_journal(config) as journal:
        found = await journal.list(TenantId(tenant), page)
    if invocation.json:
        write_json({"runs": [_facts(run) for run in found]})
        return
    out = console()
    if not found:
        out.print("There is no run that fits.")
        return
    rows = table("id", "began", "assistant", "stands", "steps", "goal")
    rows.columns[0].no_wrap = True
    for run in found:
        rows.add_row(
            run.id,
            f"{run.created_at:%m-%d %H:%M}",
            one_line(run.assistant),
            stands(run.status, run.reason),
            f"{run.used.steps}",
            one_line(run.goal),
        )
    out.print(rows)


async def _show(invocation: Invocation, tenant: str, id: str) -> None:
    from bedplate.cli.pursue import next_of
    from bedplate.domain.ids import TenantId
    from bedplate.running import open_journal

    config = invocation.load().config
    entries: list[Entry] = []
    async with open_journal(config) as journal:
        run = await journal.get(TenantId(tenant), id)
        while some := await journal.entries(
            run.tenant, id, after=entries[-1].number if entries else -1
        ):
            entries += some
    if invocation.json:
        write_json({"run": _facts(run), "entries": [_entry(entry) for entry in entries]})
        return
    out = console()
    out.print(plain(f"{run.id}: {stands(run.status, run.reason)}"), soft_wrap=True)
    out.print(plain(f"goal: {one_line(run.goal)}"), soft_wrap=True)
    for entry in entries:
        if line := told(entry):
            out.print(plain(f"{entry.number:>4} {entry.at:%H:%M:%S} {line}"), soft_wrap=True)
    if run.summary:
        out.print(plain(run.summary), soft_wrap=True)
    for line in next_of(run):
        out.print(plain(line), soft_wrap=True)


async def _tail(invocation: Invocation, tenant: str, id: str, after: int) -> None:
    import asyncio

    from bedplate.agents.runs import TAIL_SECONDS
    from bedplate.domain.ids import TenantId
    from bedplate.domain.runs import RunStatus
    from bedplate.running import open_journal

    config = invocation.load().config
    async with open_journal(config) as journal:
        while True:
            run = await journal.get(TenantId(tenant), id)
            for entry in await journal.entries(run.tenant, id, after=after):
                after = entry.number
                line = json.dumps(_entry(entry)) if invocation.json else told(entry)
                if line:
                    console().print(plain(line), soft_wrap=True)
            if run.status.ended or run.status is RunStatus.PAUSED:
                return
            await asyncio.sleep(TAIL_SECONDS)


async def _resume(
    invocation: Invocation, tenant: str, id: str, message: str | None, budget: list[str]
) -> None:
    from bedplate.app import open_app
    from bedplate.cli.pursue import at_work, finish, followed
    from bedplate.domain.ids import TenantId
    from bedplate.domain.runs import RunStatus

    given = _budget(budget)
    async with open_app(invocation.load().config, work=True) as app:
        runs, whose = at_work(app).runs, TenantId(tenant)
        before = await runs.get(whose, id)
        if before.status is RunStatus.WAITING_APPROVAL and not budget and message is None:
            await at_work(app).upkeep.look_at(before)
        else:
            limits = given.over(before.setup.limits) if budget else None
            await runs.resume(whose, id, limits=limits, message=message)
        ended = await runs.get(whose, id)
        if ended.status is not RunStatus.WAITING_APPROVAL:
            ended = await followed(app, whose, id, quiet=invocation.json, after=before.entries)
    finish(invocation, ended)


def _budget(given: list[str]) -> Budget:
    from pydantic import ValidationError

    from bedplate.api.run_schemas import Budget
    from bedplate.errors import InvalidInput

    measures: dict[str, str] = {}
    for each in given:
        name, equals, amount = each.partition("=")
        if not equals or name not in Budget.model_fields:
            known = ", ".join(Budget.model_fields)
            raise InvalidInput(
                f"--budget: {each!r} is not MEASURE=AMOUNT, such as steps=40. Measures: {known}.",
                param="--budget",
            )
        measures[name] = amount
    try:
        return Budget.model_validate(measures)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = wrong["loc"][0]
        raise InvalidInput(
            f"--budget: {name}={measures[str(name)]}: {wrong['msg']}.", param="--budget"
        ) from error


async def _pause(invocation: Invocation, tenant: str, id: str) -> None:
    from bedplate.app import open_app
    from bedplate.cli.pursue import at_work
    from bedplate.domain.ids import TenantId

    async with open_app(invocation.load().config, work=True) as app:
        run = await at_work(app).runs.pause(TenantId(tenant), id)
    if invocation.json:
        write_json({"run": _facts(run)})
    else:
        soon = "" if run.status == "paused" else ": it stops before its next step"
        console().print(plain(f"{run.id}: {run.status}{soon}"), soft_wrap=True)


async def _fork(
    invocation: Invocation, tenant: str, id: str, at: int, goal: str | None, message: str | None
) -> None:
    from bedplate.app import open_app
    from bedplate.cli.pursue import at_work, finish, followed
    from bedplate.domain.accounts import Account
    from bedplate.domain.ids import TenantId

    async with open_app(invocation.load().config, work=True) as app:
        account = Account(TenantId(tenant))
        made = await at_work(app).runs.fork(account, id, at=at, goal=goal, message=message)
        ended = await followed(app, made.tenant, made.id, quiet=invocation.json)
    finish(invocation, ended)


async def _cancel(invocation: Invocation, tenant: str, id: str, undo: bool) -> None:
    from bedplate.app import open_app
    from bedplate.cli.pursue import at_work, followed
    from bedplate.domain.ids import TenantId

    async with open_app(invocation.load().config, work=True) as app:
        whose = TenantId(tenant)
        await at_work(app).runs.cancel(whose, id, undo=undo)
        run = await followed(app, whose, id, quiet=True)
    if invocation.json:
        write_json({"run": _facts(run)})
    else:
        console().print(plain(f"{run.id}: {run.status}\n{run.summary}".strip()), soft_wrap=True)


def _facts(run: Run) -> dict[str, Any]:
    from bedplate.api.run_schemas import Run as Shown

    return Shown.of(run).model_dump(mode="json")


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "kind": entry.kind,
        "at": entry.at.isoformat(),
        "data": entry.data,
    }
