# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate ingest` of a database's table: a source of that table's name, set up and synced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation
from bedplate.cli.screen import write_json
from bedplate.cli.sources_screen import show_sync, syncing
from bedplate.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from bedplate.domain.sources import FailedItem, Sync

SCHEMES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")
LISTS = ("key", "text", "metadata")
SINGLE = ("table", "title", "incremental")
SHOWN_FAILURES = 50
EXAMPLE = "sqlite:///shop.db?table=product&key=id&text=name,description&metadata=price"


def is_table(path: str) -> bool:
    return path.partition("://")[0].lower() in SCHEMES


def read_address(address: str) -> dict[str, Any]:
    """Options of the `sql` source; what is none of them stays in the address."""
    parts = urlsplit(address)
    options: dict[str, Any] = {}
    left: list[tuple[str, str]] = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in LISTS:
            options[name] = [column.strip() for column in value.split(",") if column.strip()]
        elif name in SINGLE:
            options[name] = value
        else:
            left.append((name, value))
    if missing := [name for name in ("table", "key", "text") if not options.get(name)]:
        raise InvalidInput(
            f"The address lacks {', '.join(missing)}: write it as '{EXAMPLE}', or set the table up "
            "with `bedplate sources add NAME sql`.",
            param="path",
        )
    kept = parts._replace(query=urlencode(left))
    return {"database": urlunsplit(kept), **options}


async def ingest_table(invocation: Invocation, address: str, collection: str) -> None:
    from bedplate.app import open_app
    from bedplate.domain.ids import DEFAULT_TENANT
    from bedplate.domain.sources import SourceSpec
    from bedplate.ingest.sync import SyncRequest

    options = read_address(address)
    name = str(options["table"])
    async with open_app(invocation.load().config) as app:
        spec = SourceSpec(DEFAULT_TENANT, name, collection, "sql", options)
        try:
            known = (await app.sources.get(DEFAULT_TENANT, name)).spec
        except NotFound:
            known = (await app.sources.add(spec)).spec
        if (known.collection, known.kind, dict(known.options)) != (collection, "sql", options):
            raise Conflict(
                f"There is a source {name!r} that is set up otherwise: see `bedplate sources show "
                f"{name}`, and remove it or set this one up under another name with `bedplate "
                "sources add`."
            )
        with syncing(name, invocation.progress) as progress:
            sync = await app.sources.sync(SyncRequest(DEFAULT_TENANT, name), progress=progress)
        failures = await app.sources.failures(DEFAULT_TENANT, name, limit=SHOWN_FAILURES)
    if invocation.json:
        write_json(_as_json(collection, name, sync, failures))
    else:
        show_sync(name, sync, failures)
    raise typer.Exit(Exit.DONE if sync.status == "done" else Exit.PARTLY)


def _as_json(
    collection: str, name: str, sync: Sync, failures: tuple[FailedItem, ...]
) -> dict[str, Any]:
    counts = sync.counts
    ended = sync.ended_at or sync.started_at
    return {
        "collection": collection,
        "source": name,
        "documents": {
            "added": counts.added,
            "updated": counts.updated,
            # One document a row.
            "unchanged": counts.unchanged + counts.same,
            "deleted": counts.deleted,
            "failed": counts.failed,
        },
        "chunks": counts.chunks,
        "failures": [
            {"source": f"{name}/{each.key}", "code": each.code, "message": each.error}
            for each in failures
        ],
        "seconds": round((ended - sync.started_at).total_seconds(), 3),
    }
