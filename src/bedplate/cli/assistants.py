# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate assistants`: which there are, their versions, and which of them answers."""

from __future__ import annotations

import json
import tomllib
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, one_line, plain, table, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bedplate.assistants.roster import Roster, Version
    from bedplate.domain.ids import TenantId

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The assistant's name.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="Whose assistants.")]
VersionOption = Annotated[
    int | None, typer.Option("--version", min=0, help="Another than the one that answers.")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Assistants: their versions, and which of them answers.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="assistants")

    @command(group, "list")
    def listed(invocation: Invocation, *, tenant: TenantOption = "default") -> None:
        """All assistants of a tenant, declared ones too."""
        run_async(_list(invocation, tenant))

    @command(group, "show")
    def show(
        invocation: Invocation,
        *,
        name: NameArgument,
        version: VersionOption = None,
        tenant: TenantOption = "default",
    ) -> None:
        """The settings of an assistant, and its versions."""
        run_async(_show(invocation, tenant, name, version))

    @command(group, "create")
    def create(
        invocation: Invocation,
        *,
        name: NameArgument,
        file: Annotated[
            Path, typer.Argument(metavar="FILE", help="Its settings, as TOML or JSON.")
        ],
        note: Annotated[str, typer.Option("--note", help="Why.")] = "",
        tenant: TenantOption = "default",
    ) -> None:
        """Make a version; it answers from now on."""
        run_async(_create(invocation, tenant, name, file, note))

    @command(group, "rollback")
    def rollback(
        invocation: Invocation,
        *,
        name: NameArgument,
        version: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="0 is declared.")],
        tenant: TenantOption = "default",
    ) -> None:
        """Have another version answer from now on."""
        run_async(_rollback(invocation, tenant, name, version))

    @command(group, "diff")
    def diff(
        invocation: Invocation,
        *,
        name: NameArgument,
        before: Annotated[int, typer.Argument(metavar="BEFORE", min=0, help="A version.")],
        after: Annotated[
            int | None,
            typer.Argument(metavar="AFTER", min=0, help="Another; else the one that answers."),
        ] = None,
        tenant: TenantOption = "default",
    ) -> None:
        """What differs between two versions."""
        run_async(_diff(invocation, tenant, name, before, after))


@asynccontextmanager
async def _roster(invocation: Invocation, tenant: str) -> AsyncGenerator[tuple[Roster, TenantId]]:
    from bedplate.app import open_app
    from bedplate.domain.ids import TenantId

    async with open_app(invocation.load().config) as app:
        yield app.assistants.roster, TenantId(tenant)


async def _list(invocation: Invocation, tenant: str) -> None:
    async with _roster(invocation, tenant) as (roster, owner):
        found = await roster.list(owner)
    if invocation.json:
        rows = [
            {"name": e.name, "version": e.version, "newest": e.newest, "declared": e.declared}
            for e in found
        ]
        write_json({"assistants": rows})
    elif not found:
        console().print(plain(f"The tenant {tenant!r} has no assistants."))
    else:
        shown = table("name", "version", "newest", "declared")
        for each in found:
            declared = "yes" if each.declared else ""
            shown.add_row(one_line(each.name), str(each.version), str(each.newest), declared)
        console().print(shown)


async def _show(invocation: Invocation, tenant: str, name: str, version: int | None) -> None:
    async with _roster(invocation, tenant) as (roster, owner):
        chosen = await roster.version(name, owner, version)
        versions = await roster.versions(name, owner)
    if invocation.json:
        write_json({**_as_json(chosen), "versions": [each.version for each in versions]})
        return
    out = console()
    out.print(plain(f"{chosen.name}@{chosen.version}"))
    out.print(plain(json.dumps(chosen.settings.model_dump(mode="json"), indent=2)), soft_wrap=True)
    shown = table("version", "made", "by", "note")
    for each in versions:
        made = f"{each.created_at:%Y-%m-%d %H:%M}" if each.created_at else "declared"
        shown.add_row(str(each.version), made, each.by or "", one_line(each.note))
    out.print(shown)


async def _create(invocation: Invocation, tenant: str, name: str, file: Path, note: str) -> None:
    from pydantic import ValidationError

    from bedplate.assistant_sections import AssistantConfig

    try:
        settings = AssistantConfig.model_validate(_read(file))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{file}: {where}: {first['msg']}", param="file") from error
    async with _roster(invocation, tenant) as (roster, owner):
        made = await roster.create(name, settings, owner, note=note)
    _say(invocation, made, f"{made.name}@{made.version} answers from now on.")


async def _rollback(invocation: Invocation, tenant: str, name: str, version: int) -> None:
    async with _roster(invocation, tenant) as (roster, owner):
        found = await roster.roll_back(name, owner, version)
    _say(invocation, found, f"{found.name}@{found.version} answers from now on.")


async def _diff(
    invocation: Invocation, tenant: str, name: str, before: int, after: int | None
) -> None:
    from bedplate.assistants.differences import differences

    async with _roster(invocation, tenant) as (roster, owner):
        one = await roster.version(name, owner, before)
        other = await roster.version(name, owner, after)
    found = differences(one.settings, other.settings)
    if invocation.json:
        rows = [{"path": d.path, "before": d.before, "after": d.after} for d in found]
        write_json(
            {"name": name, "before": one.version, "after": other.version, "differences": rows}
        )
    elif not found:
        console().print(plain(f"{name}@{one.version} and {name}@{other.version} are the same."))
    else:
        shown = table("setting", f"@{one.version}", f"@{other.version}")
        for each in found:
            values = (json.dumps(value, ensure_ascii=False) for value in (each.before, each.after))
            shown.add_row(each.path, *(one_line(value) for value in values))
        console().print(shown)


def _read(file: Path) -> Any:
    """InvalidInput where it is not there, or neither TOML nor JSON."""
    try:
        text = file.read_text(encoding="utf-8")
        return json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{file}: cannot be read: {error}.", param="file") from error


def _say(invocation: Invocation, version: Version, text: str) -> None:
    if invocation.json:
        write_json(_as_json(version))
    else:
        console().print(plain(text), soft_wrap=True)


def _as_json(version: Version) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "settings": version.settings.model_dump(mode="json"),
        "note": version.note,
        "by": version.by,
        "created_at": version.created_at and version.created_at.isoformat(),
    }
