# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate ingest`: files into a collection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bedplate.cli.exits import Exit, exit_of_batch
from bedplate.cli.ingest_table import ingest_table, is_table
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.progress import PART, Form, State, telling
from bedplate.cli.screen import console, counted, one_line, plain, table, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from bedplate.app import App
    from bedplate.ingest.files import FileSource
    from bedplate.ingest.report import Progress, Report

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
SHOWN_FAILURES = 50
SHOWN_WARNINGS = 20


def register(app: typer.Typer) -> None:
    @command(app, "ingest")
    def ingest(
        invocation: Invocation,
        *,
        paths: Annotated[
            list[str], typer.Argument(metavar="PATH...", help="Files, folders or quoted globs.")
        ],
        collection: Annotated[
            str, typer.Option("--collection", "-c", help="Where the documents go; made if new.")
        ],
        prune: Annotated[
            bool, typer.Option("--prune", help="Delete documents of PATH that are gone from it.")
        ] = False,
    ) -> None:
        """Read documents and keep what changed.

        Text, Markdown, HTML, PDF, DOCX, JSONL and CSV; or the address of a database's table, which
        becomes a source (see `bedplate sources`):
        "sqlite:///shop.db?table=product&key=id&text=name,description&metadata=price". Files that cannot be read are listed and
        stop nothing: exit code 4 when others were kept, 2 when none was.
        """
        if len(paths) == 1 and is_table(paths[0]):
            run_async(ingest_table(invocation, paths[0], collection))
        run_async(_ingest(invocation, paths, collection, prune=prune))


async def _ingest(
    invocation: Invocation, paths: Sequence[str], collection: str, *, prune: bool
) -> None:
    loaded = invocation.load()
    config = loaded.config
    check_paths(paths, prune=prune)
    from bedplate.app import open_app
    from bedplate.ingest.files import find_files

    # Before the app is opened: a wrong path should not leave an empty data folder behind.
    # The configuration may hold keys.
    own = [path for path in (Path(config.data.dir), loaded.file) if path is not None]
    sources = find_files(paths, max_files=config.ingest.max_files, exclude=own)
    if not sources and not prune:
        raise InvalidInput(f"There is no file to read in {', '.join(map(repr, paths))}.")
    async with open_app(config) as app:
        roots = prune_roots(paths) if prune else ()
        report = await _run(app, collection, sources, roots, invocation.progress)
    if invocation.json:
        write_json(as_json(report))
    else:
        show(report)
    raise typer.Exit(exit_of_batch(report.kept + report.deleted, report.failed, Exit.BAD_INPUT))


def check_paths(paths: Sequence[str], *, prune: bool) -> None:
    for path in paths:
        if (scheme := _SCHEME.match(path)) and not Path(path).exists():
            raise InvalidInput(
                f"{scheme.group(1)}:// is no file: give a table's address alone, or set it up with "
                "`bedplate sources add`.",
                param="path",
            )
        if not path.strip():
            raise InvalidInput("A path is empty.", param="path")
        if prune and not Path(path).exists():
            raise InvalidInput(
                f"--prune needs folders or files that exist; {path!r} is none. Name the folder "
                "instead of a pattern.",
                param="path",
            )


def prune_roots(paths: Sequence[str]) -> list[str]:
    from bedplate.ingest.files import source_name

    return [source_name(Path(path)) for path in paths]


async def _run(
    app: App,
    collection: str,
    sources: Sequence[FileSource],
    prune: Sequence[str],
    form: Form | None,
) -> Report:
    with telling("ingest", form) as tell:

        def advance(now: Progress) -> None:
            weight, weights = now.weight
            facts = ("documents", "chunks", "failures", "bytes", "total_bytes")
            tell(
                State(
                    now.done,
                    now.total,
                    "files",
                    now.chunks,
                    "chunks",
                    weight,
                    weights,
                    note=now.source[-PART:],
                    facts={name: getattr(now, name) for name in facts},
                )
            )

        return await app.ingest.run(app.scope(collection), sources, prune=prune, progress=advance)


def as_json(report: Report) -> dict[str, object]:
    return {
        "collection": report.collection,
        "documents": {
            "added": report.added,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "deleted": report.deleted,
            "skipped": report.skipped,
            "failed": report.failed,
        },
        "chunks": report.chunks,
        "redactions": dict(sorted(report.redactions.items())),
        "failures": [
            {"source": failure.source, "code": failure.code, "message": failure.message}
            for failure in report.failures
        ],
        "duplicates": [
            {"id": each.id, "duplicate_of": each.duplicate_of} for each in report.duplicates
        ],
        "seconds": report.seconds,
        "warnings": list(report.warnings),
    }


def show(report: Report) -> None:
    from bedplate.ingest.gate import QUARANTINED

    out = console()
    counts = ", ".join(
        f"{number:,} {name}"
        for name, number in (
            ("added", report.added),
            ("updated", report.updated),
            ("unchanged", report.unchanged),
            ("deleted", report.deleted),
            ("skipped", report.skipped),
            ("failed", report.failed),
        )
        if number or name == "added"
    )
    out.print(
        plain(
            f"{report.collection}: {counts} · {counted(report.chunks, 'passage')} in "
            f"{report.seconds:g} s"
        ),
        style="bold",
        soft_wrap=True,
    )
    if report.redactions:
        kinds = ", ".join(f"{name} {count:,}" for name, count in report.redactions.most_common())
        out.print(f"Personal data replaced: {kinds}", soft_wrap=True)
    if report.duplicates:
        first = report.duplicates[0]
        count = len(report.duplicates)
        example = f"{first.id} has the text of {first.duplicate_of}"
        more = f", and {count - 1:,} more" if count > 1 else ""
        out.print(plain(f"Copies: {example}{more}"), soft_wrap=True)
    for warning in report.warnings[:SHOWN_WARNINGS]:
        out.print(plain(f"warning: {warning}"), style="yellow", soft_wrap=True)
    if len(report.warnings) > SHOWN_WARNINGS:
        more = counted(len(report.warnings) - SHOWN_WARNINGS, "more warning")
        out.print(f"… and {more}", style="yellow")
    if report.failures:
        failures = table("not read", "code", "reason")
        for failure in report.failures[:SHOWN_FAILURES]:
            failures.add_row(
                one_line(failure.source), failure.code, one_line(failure.message), style="red"
            )
        out.print(failures)
        if report.failed > SHOWN_FAILURES:
            out.print(f"… and {report.failed - SHOWN_FAILURES:,} more; --json lists all.")
    if any(failure.code == QUARANTINED for failure in report.failures):
        out.print(
            f"What is held: bedplate quarantine list -c {plain(report.collection)}",
            style="dim",
            soft_wrap=True,
        )
    if report.kept:
        out.print(
            f'Next: bedplate ask -c {plain(report.collection)} "your question"',
            style="dim",
            soft_wrap=True,
        )
