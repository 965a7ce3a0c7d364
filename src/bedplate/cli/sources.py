# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate sources`: places that collections are kept in step with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.screen import console, counted, one_line, plain, table, write_error, write_json
from bedplate.cli.sources_screen import show_source, show_sync, syncing
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from bedplate.app import App
    from bedplate.domain.sources import FailedItem, Sync

SHOWN_FAILURES = 50

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The source's name.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Places that collections are kept in step with.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="sources")

    @command(group, "add")
    def add(
        invocation: Invocation,
        *,
        name: NameArgument,
        kind: Annotated[str, typer.Argument(metavar="KIND", help="folder, sql, ...")],
        collection: Annotated[
            str, typer.Option("--collection", "-c", help="Where its documents go; made if new.")
        ],
        option: Annotated[
            list[str] | None,
            typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the kind."),
        ] = None,
        schedule: Annotated[
            str | None, typer.Option("--schedule", help="15m, 2h, 1d, or five fields of cron.")
        ] = None,
        no_check: Annotated[
            bool, typer.Option("--no-check", help="Do not look whether it can be reached.")
        ] = False,
    ) -> None:
        """Set a source up. Secrets are given by reference: -o 'database={ env = "SHOP_DB" }'."""
        run_async(_add(invocation, name, kind, collection, option or [], schedule, not no_check))

    @command(group, "list")
    def listed(invocation: Invocation) -> None:
        """All sources, with what their last sync came to."""
        run_async(_list(invocation))

    @command(group, "show")
    def show(invocation: Invocation, *, name: NameArgument) -> None:
        """A source, its last syncs and what failed."""
        run_async(_show(invocation, name))

    @command(group, "sync")
    def sync(
        invocation: Invocation,
        *,
        names: Annotated[
            list[str] | None, typer.Argument(metavar="[NAME...]", help="Which; else all.")
        ] = None,
        allow_shrink: Annotated[
            bool, typer.Option("--allow-shrink", help="Believe that so much is gone.")
        ] = False,
        complete: Annotated[
            bool, typer.Option("--complete", help="List an incremental source whole.")
        ] = False,
        afresh: Annotated[
            bool, typer.Option("--afresh", help="Read unchanged items, too.")
        ] = False,
    ) -> None:
        """Ingest what is new or changed, delete what is gone.

        Exit code 4 when items failed or deletions were held back; running it again takes up a sync
        that was cut off.
        """
        flags = {"allow_shrink": allow_shrink, "complete": complete, "afresh": afresh}
        run_async(_sync(invocation, names or [], flags))

    @command(group, "retry")
    def retry(invocation: Invocation, *, name: NameArgument) -> None:
        """Let the next sync try failed and dead items again."""
        run_async(_retry(invocation, name))

    @command(group, "schedule")
    def schedule_(
        invocation: Invocation,
        *,
        name: NameArgument,
        when: Annotated[
            str, typer.Argument(metavar="WHEN", help="15m, 2h, 1d, five fields of cron, or off.")
        ],
    ) -> None:
        """Say when `bedplate serve` syncs a source."""
        run_async(_schedule(invocation, name, when))

    @command(group, "remove")
    def remove(
        invocation: Invocation,
        *,
        name: NameArgument,
        keep: Annotated[bool, typer.Option("--keep", help="Keep its documents.")] = False,
    ) -> None:
        """Forget a source and delete its documents."""
        run_async(_remove(invocation, name, keep))


async def _add(
    invocation: Invocation,
    name: str,
    kind: str,
    collection: str,
    given: Sequence[str],
    schedule: str | None,
    check: bool,
) -> None:
    from bedplate.api.source_schemas import Source
    from bedplate.app import open_app
    from bedplate.domain.ids import DEFAULT_TENANT
    from bedplate.domain.sources import SourceSpec
    from bedplate.ingest.own_files import without_own

    loaded = invocation.load()
    folder = loaded.file.parent if loaded.file else Path()
    options = _fixed(_options(given), folder)
    if kind == "folder":
        own = [Path(loaded.config.data.dir), *([loaded.file] if loaded.file else [])]
        options = without_own(options, own)
    async with open_app(loaded.config) as app:
        spec = SourceSpec(DEFAULT_TENANT, name, collection, kind, options, schedule)
        state = await app.sources.add(spec, check=check)
    if invocation.json:
        write_json({"source": Source.of(state).model_dump(mode="json")})
    else:
        console().print(
            plain(f"{name} is set up. Next: bedplate sources sync {name}"), soft_wrap=True
        )


def _options(given: Sequence[str]) -> dict[str, Any]:
    from bedplate.trees import read_value

    options: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(f"The option {each!r} is not of the form KEY=VALUE.", param="option")
        options[key.strip()] = read_value(value.strip())
    return options


def _fixed(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Options whose secrets' files are found from any working folder."""
    fixed: dict[str, Any] = {}
    for key, value in options.items():
        match value:
            case {"file": str(name)} if len(cast(dict[str, Any], value)) == 1:
                fixed[key] = {"file": str((folder / name).absolute())}
            case _:
                fixed[key] = value
    return fixed


async def _list(invocation: Invocation) -> None:
    from bedplate.api.source_schemas import Source
    from bedplate.app import open_app
    from bedplate.domain.ids import DEFAULT_TENANT

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        states = await app.sources.list(DEFAULT_TENANT)
    if invocation.json:
        write_json({"sources": [Source.of(state).model_dump(mode="json") for state in states]})
        return
    out = console()
    if not states:
        out.print("There are no sources: see bedplate sources add --help.")
        return
    rows = table("source", "kind", "collection", "schedule", "last sync", "outcome")
    for state in states:
        last = state.last
        rows.add_row(
            one_line(state.spec.name),
            one_line(state.spec.kind),
            one_line(state.spec.collection),
            one_line(state.spec.schedule or ""),
            f"{last.started_at:%Y-%m-%d %H:%M}" if last else "never",
            "" if last is None else one_line(f"{last.status} {last.error or ''}"),
        )
    out.print(rows)


async def _show(invocation: Invocation, name: str) -> None:
    from bedplate.api.source_schemas import FailedItem as Failed
    from bedplate.api.source_schemas import Source
    from bedplate.api.source_schemas import Sync as Shown
    from bedplate.app import open_app
    from bedplate.domain.ids import DEFAULT_TENANT

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        state = await app.sources.get(DEFAULT_TENANT, name)
        syncs = await app.sources.syncs(DEFAULT_TENANT, name, 10)
        failures = await app.sources.failures(DEFAULT_TENANT, name, limit=SHOWN_FAILURES)
    if invocation.json:
        write_json(
            {
                "source": Source.of(state).model_dump(mode="json"),
                "syncs": [Shown.of(each).model_dump(mode="json") for each in syncs],
                "failures": [Failed.model_validate(e).model_dump(mode="json") for e in failures],
            }
        )
    else:
        show_source(state, syncs, failures)


async def _sync(invocation: Invocation, names: Sequence[str], flags: Mapping[str, bool]) -> None:
    from bedplate.app import open_app
    from bedplate.domain.ids import DEFAULT_TENANT

    config = invocation.load().config
    need_data(config)
    results: list[dict[str, Any]] = []
    ends: list[Exit] = []
    async with open_app(config) as app:
        known = await app.sources.list(DEFAULT_TENANT)
        chosen = names or [state.spec.name for state in known]
        if not chosen:
            raise InvalidInput("There are no sources: see bedplate sources add --help.")
        for name in chosen:
            result, end = await _sync_one(app, name, flags, invocation, alone=len(chosen) == 1)
            results.append(result)
            ends.append(end)
    if invocation.json:
        write_json(results[0] if len(chosen) == 1 else {"syncs": results})
    worst = max(ends)
    raise typer.Exit(Exit.PARTLY if worst and Exit.DONE in ends else worst)


async def _sync_one(
    app: App, name: str, flags: Mapping[str, bool], invocation: Invocation, *, alone: bool
) -> tuple[dict[str, Any], Exit]:
    """One sync; of several, one that fails does not keep the others from theirs."""
    from bedplate.cli.exits import exit_of
    from bedplate.domain.ids import DEFAULT_TENANT
    from bedplate.errors import BedplateError
    from bedplate.ingest.sync import SyncRequest

    try:
        with syncing(name, invocation.progress) as progress:
            request = replace(SyncRequest(DEFAULT_TENANT, name), **flags)
            sync = await app.sources.sync(request, progress=progress)
    except BedplateError as error:
        if alone:
            raise
        write_error(error.code, f"{name}: {error.message}", as_json=False)
        failed = {"code": error.code, "message": error.message}
        return {"source": name, "error": failed}, exit_of(error)
    failures = await app.sources.failures(DEFAULT_TENANT, name, limit=SHOWN_FAILURES)
    if not invocation.json:
        show_sync(name, sync, failures)
    return _as_json(name, sync, failures), Exit.DONE if sync.status == "done" else Exit.PARTLY


def _as_json(name: str, sync: Sync, failures: Sequence[FailedItem]) -> dict[str, Any]:
    from bedplate.api.source_schemas import FailedItem as Failed
    from bedplate.api.source_schemas import Sync as Shown

    return {
        "source": name,
        **Shown.of(sync).model_dump(mode="json"),
        "failures": [Failed.model_validate(each).model_dump(mode="json") for each in failures],
    }


async def _retry(invocation: Invocation, name: str) -> None:
    from bedplate.app import open_app
    from bedplate.domain.ids import DEFAULT_TENANT

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        count = await app.sources.retry(DEFAULT_TENANT, name)
    if invocation.json:
        write_json({"source": name, "items": count})
    else:
        items = counted(count, "item")
        console().print(plain(f"{name}: {items} will be tried again at the next sync."))


async def _schedule(invocation: Invocation, name: str, when: str) -> None:
    from bedplate.app import open_app
    from bedplate.domain.ids import DEFAULT_TENANT

    config = invocation.load().config
    need_data(config)
    chosen = None if when == "off" else when
    async with open_app(config) as app:
        await app.sources.schedule(DEFAULT_TENANT, name, chosen)
    if invocation.json:
        write_json({"source": name, "schedule": chosen})
    else:
        console().print(plain(f"{name}: {chosen or 'not scheduled'}."), soft_wrap=True)


async def _remove(invocation: Invocation, name: str, keep: bool) -> None:
    from bedplate.app import open_app
    from bedplate.domain.ids import DEFAULT_TENANT

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        deleted = await app.sources.remove(DEFAULT_TENANT, name, keep=keep)
    if invocation.json:
        write_json({"source": name, "deleted": deleted})
    else:
        console().print(
            plain(f"{name} is removed, and {counted(deleted, 'document')} of it."), soft_wrap=True
        )
