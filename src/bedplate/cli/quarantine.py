# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate quarantine`: documents that were kept out of the index, and the way in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.exits import Exit, exit_of_batch
from bedplate.cli.ingest import as_json, show
from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.screen import console, one_line, plain, table, write_json

if TYPE_CHECKING:
    from bedplate.domain.quarantine import Held

MOST = 1_000

CollectionOption = Annotated[str, typer.Option("--collection", "-c", help="Whose documents.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Documents that were kept out of the index, and the way in.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="quarantine")

    @command(group, "list")
    def listed(invocation: Invocation, *, collection: CollectionOption) -> None:
        """What is held, and what was found in it: types and counts, never the values."""
        run_async(_list(invocation, collection))

    @command(group, "release")
    def release(
        invocation: Invocation,
        *,
        collection: CollectionOption,
        document: Annotated[str, typer.Argument(metavar="ID", help="The document's id.")],
    ) -> None:
        """Let a document in as it is; a file is read again at once, an upload must be sent again.

        What `guards.pii` finds in it is still replaced.
        """
        run_async(_release(invocation, collection, document))


async def _list(invocation: Invocation, collection: str) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        await app.catalog.collections.get(app.scope(collection))
        found = await app.catalog.quarantine.list(app.scope(collection), limit=MOST)
    if invocation.json:
        write_json({"collection": collection, "held": [held_as_json(each) for each in found]})
        return
    out = console()
    if not found:
        out.print(plain(f"Nothing of {collection} is in quarantine."))
        return
    rows = table("document", "found", "since", "state")
    for each in found:
        reasons = ", ".join(f"{name} {count}" for name, count in each.reasons.items())
        state = "released" if each.released else "held"
        rows.add_row(one_line(each.document_id), reasons, f"{each.found_at:%Y-%m-%d %H:%M}", state)
    out.print(rows)


async def _release(invocation: Invocation, collection: str, document: str) -> None:
    from bedplate.app import open_app
    from bedplate.domain.ids import DocumentId
    from bedplate.ingest.files import FileSource

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        scope = app.scope(collection)
        held = await app.catalog.quarantine.release(scope, DocumentId(document))
        file = Path(held.origin)
        if not await asyncio.to_thread(file.is_file):
            if invocation.json:
                write_json({"collection": collection, "released": held_as_json(held)})
            else:
                text = (
                    f"{document} goes in when it is sent again: there is no file {held.origin!r}."
                )
                console().print(plain(text), soft_wrap=True)
            return
        report = await app.ingest.run(scope, [FileSource(file, held.origin)])
    if invocation.json:
        write_json(as_json(report))
    else:
        show(report)
    raise typer.Exit(exit_of_batch(report.kept, report.failed, Exit.BAD_INPUT))


def held_as_json(held: Held) -> dict[str, Any]:
    return {
        "document_id": held.document_id,
        "source": held.source,
        "origin": held.origin,
        "reasons": dict(held.reasons),
        "found_at": held.found_at.isoformat(),
        "released": held.released,
    }
