# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate reindex`: another index for a collection, while the one there is goes on serving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.progress import advancing
from bedplate.cli.screen import console, counted, plain, write_json

if TYPE_CHECKING:
    from bedplate.ingest.reindex import Reindexed
    from bedplate.ingest.verify import Verification


def register(app: typer.Typer) -> None:
    @command(app, "reindex")
    def reindex(
        invocation: Invocation,
        *,
        collection: Annotated[str, typer.Option("--collection", "-c", help="What to reindex.")],
        embed: Annotated[
            bool,
            typer.Option(
                "--embedder-from-config",
                help="Embed again even if the configured embedder is the collection's own.",
            ),
        ] = False,
        drop_old: Annotated[
            bool, typer.Option("--drop-old", help="Keep no snapshot of the former index.")
        ] = False,
    ) -> None:
        """Build a collection's index anew, and switch to it when it is whole.

        With another embedder configured than the collection was made with, every passage is
        embedded again; else the store's index alone is rebuilt. Searches and ingests go on
        meanwhile. Run it again after an interruption. Exit code 4: the new index did not pass its
        verification, and nothing was switched.
        """
        run_async(_reindex(invocation, collection, embed=embed, keep=not drop_old))


async def _reindex(invocation: Invocation, collection: str, *, embed: bool, keep: bool) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        scope = app.scope(collection)
        with advancing("reindex", invocation.progress) as advance:
            done = await app.reindex.run(scope, embed=embed, keep=keep, advance=advance)
    if invocation.json:
        write_json(as_json(done))
    else:
        _show(done)
    raise typer.Exit(Exit.DONE if done.verification.ok else Exit.PARTLY)


def as_json(done: Reindexed) -> dict[str, Any]:
    return {
        "collection": done.collection.name,
        "embedder": done.collection.embedder,
        "way": done.way,
        "documents": done.documents,
        "switched": done.verification.ok,
        "kept": done.kept,
        "verification": verification_as_json(done.verification),
        "seconds": done.seconds,
    }


def verification_as_json(found: Verification) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "catalog": {
            "documents": found.documents,
            "chunks": found.chunks,
            "checksum": found.checksum,
        },
        "store": {
            "documents": found.found_documents,
            "chunks": found.found_chunks,
            "checksum": found.found_checksum,
        },
        "missing": list(found.missing),
        "unknown": found.unknown,
        "vectors": {"compared": found.vectors, "different": found.vectors_different},
        "queries": {"compared": found.queries, "overlap": found.overlap},
    }


def _show(done: Reindexed) -> None:
    from bedplate.ingest.verify import complaint

    out = console()
    name, found = done.collection.name, done.verification
    if not found.ok:
        out.print(plain(complaint(found, name)), style="red", soft_wrap=True)
        out.print("Nothing was switched. Run it again; `bedplate doctor` looks for the cause.")
        return
    out.print(
        plain(
            f"{name}: {counted(found.chunks, 'passage')} of "
            f"{counted(found.documents, 'document')} {done.way}, all found in the new index · "
            f"{counted(done.documents, 'document')} in {done.seconds:g} s"
        ),
        style="bold",
        soft_wrap=True,
    )
    if done.kept:
        out.print(
            plain(
                f"The former index is kept: `bedplate snapshots rollback -c {name} {done.kept}` "
                f"goes back, `bedplate snapshots delete -c {name} {done.kept}` frees its space."
            ),
            style="dim",
            soft_wrap=True,
        )
