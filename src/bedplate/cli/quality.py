# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate quality` and `bedplate rescrub`: how well documents came in, and a second look at them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.progress import advancing
from bedplate.cli.screen import console, one_line, plain, table, write_json

if TYPE_CHECKING:
    from bedplate.app import App
    from bedplate.ingest.rescrub import Rescrubbed

CollectionOption = Annotated[str, typer.Option("--collection", "-c", help="Whose documents.")]


def register(app: typer.Typer) -> None:
    @command(app, "quality")
    def quality(
        invocation: Invocation,
        *,
        collection: CollectionOption,
        document: Annotated[
            str | None, typer.Argument(metavar="ID", help="One document; else all, summed.")
        ] = None,
    ) -> None:
        """Show how well documents came in: counts and shares, never values."""
        run_async(_quality(invocation, collection, document))

    @command(app, "rescrub")
    def rescrub(invocation: Invocation, *, collection: CollectionOption) -> None:
        """Run today's PII guard over a collection and its snapshots, and replace what it finds.

        It works on the passages that are kept, and embeds again those that change. Searches and
        ingests go on meanwhile. Run it again after an interruption. Exit code 4: a snapshot of
        another embedder could not be scrubbed.
        """
        run_async(_rescrub(invocation, collection))


async def _quality(invocation: Invocation, collection: str, document: str | None) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        facts = await (
            _summary(app, collection) if document is None else _one(app, collection, document)
        )
    if invocation.json:
        write_json({"collection": collection, **facts})
        return
    rows = table("what", document or collection)
    for name, value in facts.items():
        rows.add_row(name, one_line(_text(value)))
    console().print(rows)


async def _summary(app: App, collection: str) -> dict[str, Any]:
    return asdict(await app.catalog.quality.summary(app.scope(collection)))


async def _one(app: App, collection: str, document: str) -> dict[str, Any]:
    from bedplate.domain.ids import DocumentId
    from bedplate.domain.profiles import Relations
    from bedplate.domain.quality import Quality

    scope = app.scope(collection)
    found = await app.catalog.documents.get(scope, DocumentId(document))
    known = (await app.catalog.quality.of(scope, [found.id])).get(found.id)
    relations = (await app.catalog.profiles.related(scope, [found.id])).get(found.id, Relations())
    return {
        "document": found.id,
        "measured": known is not None,
        "pages": found.pages,
        "chunks": found.chunks,
        **asdict(known or Quality()),
        "duplicate_of": relations.duplicate_of,
        "likeness": relations.likeness,
    }


async def _rescrub(invocation: Invocation, collection: str) -> None:
    from bedplate.app import open_app
    from bedplate.ingest.rescrub_work import as_json

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        with advancing("rescrub", invocation.progress) as advance:
            done = await app.rescrub.run(app.scope(collection), advance=advance)
    if invocation.json:
        write_json(as_json(done))
    else:
        _show(done)
    raise typer.Exit(Exit.PARTLY if done.left else Exit.DONE)


def _show(done: Rescrubbed) -> None:
    out = console()
    found = _text(dict(sorted(done.redactions.items()))) or "nothing"
    out.print(
        plain(
            f"{done.collection}: {found} replaced in {done.changed:,} of {done.documents:,} "
            f"documents, {done.embedded:,} passages embedded again · {done.seconds:g} s"
        ),
        style="bold",
        soft_wrap=True,
    )
    if done.snapshots:
        out.print(plain(f"Snapshots looked at too: {', '.join(done.snapshots)}."), soft_wrap=True)
    for name in done.left:
        out.print(
            plain(
                f"Snapshot {name} is of another embedder and still holds what was found: configure "
                "that embedder as former_embedder and run it again, or delete the snapshot "
                f"(`bedplate snapshots delete -c {done.collection} {name}`)."
            ),
            style="yellow",
            soft_wrap=True,
        )


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case dict():
            counts = cast("dict[str, object]", value)
            return ", ".join(f"{name} {_text(count)}" for name, count in counts.items())
        case tuple():
            return " ".join(map(str, cast("tuple[object, ...]", value)))
        case int():
            return f"{value:,}"
        case _:
            return str(value)
