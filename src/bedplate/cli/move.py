# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate move`: a collection into another store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.progress import advancing
from bedplate.cli.reindex import verification_as_json
from bedplate.cli.screen import console, counted, plain, write_json

if TYPE_CHECKING:
    from bedplate.ingest.move import Moved


def register(app: typer.Typer) -> None:
    @command(app, "move")
    def move(
        invocation: Invocation,
        *,
        collection: Annotated[str, typer.Option("--collection", "-c", help="What to move.")],
        to: Annotated[
            str, typer.Option("--to", metavar="NAME", help="The store of [stores.NAME].")
        ],
        afresh: Annotated[
            bool, typer.Option("--afresh", help="Empty the collection there first.")
        ] = False,
    ) -> None:
        """Fill another store with a collection from the catalog, and verify it.

        Searches go on in the store that is in use; the last line says what to change in the
        configuration. Run it again after an interruption, or to bring the other store up to date.
        Exit code 4: the other store did not pass the verification.
        """
        run_async(_move(invocation, collection, to, afresh=afresh))


async def _move(invocation: Invocation, collection: str, to: str, *, afresh: bool) -> None:
    from bedplate.app import open_app
    from bedplate.ingest.move import Move
    from bedplate.storage import open_other_store

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app, open_other_store(config, to) as other:
        with advancing("move", invocation.progress) as advance:
            done = await Move(app.catalog, app.store, other, name=to).run(
                app.scope(collection), afresh=afresh, advance=advance
            )
    if invocation.json:
        write_json(
            {
                "collection": collection,
                "from": config.store.use,
                "to": to,
                "documents": done.documents,
                "verification": verification_as_json(done.verification),
                "seconds": done.seconds,
            }
        )
    else:
        _show(done, to, config.stores[to].use)
    raise typer.Exit(Exit.DONE if done.verification.ok else Exit.PARTLY)


def _show(done: Moved, to: str, use: str) -> None:
    from bedplate.ingest.verify import complaint

    out = console()
    found = done.verification
    if not found.ok:
        out.print(plain(complaint(found, to)), style="red", soft_wrap=True)
        out.print(
            "Keep the store in use as it is. Run it again, with --afresh if it fails again.",
            soft_wrap=True,
        )
        return
    overlap = "" if found.overlap is None else f", {found.overlap:.0%} of the best hits agree"
    out.print(
        plain(
            f"{done.collection.name}: all {counted(found.chunks, 'passage')} of "
            f"{counted(found.documents, 'document')} are in {to}{overlap} · {done.documents:,} sent in {done.seconds:g} s"
        ),
        style="bold",
        soft_wrap=True,
    )
    out.print(
        plain(
            f'When all collections are there: [store] use = "{use}", with the other keys of '
            f"[stores.{to}], and start the server again."
        ),
        soft_wrap=True,
    )
