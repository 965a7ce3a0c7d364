# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate snapshots`: frozen copies of a collection, and the way back to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.progress import advancing
from bedplate.cli.screen import console, counted, one_line, plain, table, write_json

if TYPE_CHECKING:
    from bedplate.domain.retrieval import Collection
    from bedplate.state.protocol import Version

MEBIBYTE = 1024**2

CollectionOption = Annotated[str, typer.Option("--collection", "-c", help="Whose snapshots.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The snapshot's name.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Frozen copies of a collection, and the way back to one.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="snapshots")

    @command(group, "create")
    def create(invocation: Invocation, *, collection: CollectionOption, name: NameArgument) -> None:
        """Copy a collection as it is, inside the catalog."""
        run_async(_create(invocation, collection, name))

    @command(group, "list")
    def listed(invocation: Invocation, *, collection: CollectionOption) -> None:
        """What snapshots there are, oldest first, and how much room each takes."""
        run_async(_list(invocation, collection))

    @command(group, "rollback")
    def rollback(
        invocation: Invocation, *, collection: CollectionOption, name: NameArgument
    ) -> None:
        """Put a snapshot in the collection's place; its state until then becomes a snapshot."""
        run_async(_rollback(invocation, collection, name))

    @command(group, "delete")
    def delete(invocation: Invocation, *, collection: CollectionOption, name: NameArgument) -> None:
        """Delete a snapshot."""
        run_async(_delete(invocation, collection, name))


async def _create(invocation: Invocation, collection: str, name: str) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        with advancing("copy", invocation.progress) as advance:
            made = await app.snapshots.create(app.scope(collection), name, advance=advance)
    if invocation.json:
        write_json({"collection": collection, "snapshot": _facts(name, made)})
    else:
        counts = f"{counted(made.documents, 'document')}, {counted(made.chunks, 'passage')}"
        console().print(plain(f"{collection}: snapshot {name} has {counts}."), soft_wrap=True)


async def _list(invocation: Invocation, collection: str) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        found = await app.snapshots.list(app.scope(collection))
    if invocation.json:
        write_json(
            {"collection": collection, "snapshots": [_version_as_json(each) for each in found]}
        )
        return
    out = console()
    if not found:
        out.print(plain(f"{collection} has no snapshots."))
        return
    rows = table("snapshot", "documents", "passages", "MiB", "made", "embedder")
    for each in found:
        rows.add_row(
            one_line(each.name),
            f"{each.collection.documents:,}",
            f"{each.collection.chunks:,}",
            f"{each.bytes / MEBIBYTE:,.1f}",
            f"{each.collection.created_at:%Y-%m-%d %H:%M}",
            one_line(each.collection.embedder),
        )
    out.print(rows)


async def _rollback(invocation: Invocation, collection: str, name: str) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        with advancing("rollback", invocation.progress) as advance:
            now, kept = await app.snapshots.rollback(app.scope(collection), name, advance=advance)
        fits = now.embedder == app.embedder.fingerprint
    if invocation.json:
        write_json({"collection": collection, "now": _facts(name, now), "kept": kept})
        return
    out = console()
    out.print(
        plain(f"{collection} is as it was in {name}; its state until now is kept as {kept}."),
        soft_wrap=True,
    )
    if not fits:
        out.print(
            plain(f"It belongs to the embedder {now.embedder}: configure that one."),
            style="yellow",
            soft_wrap=True,
        )


async def _delete(invocation: Invocation, collection: str, name: str) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        await app.snapshots.delete(app.scope(collection), name)
    if invocation.json:
        write_json({"collection": collection, "deleted": name})
    else:
        console().print(plain(f"{collection}: snapshot {name} was deleted."), soft_wrap=True)


def _facts(name: str, collection: Collection) -> dict[str, Any]:
    return {
        "name": name,
        "embedder": collection.embedder,
        "documents": collection.documents,
        "chunks": collection.chunks,
    }


def _version_as_json(version: Version) -> dict[str, Any]:
    return {
        **_facts(version.name, version.collection),
        "bytes": version.bytes,
        "created_at": version.collection.created_at.isoformat(),
    }
