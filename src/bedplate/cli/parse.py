# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate parse`: what the parser sees in one file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bedplate.cli.exits import Exit, exit_of_batch
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, counted, plain, value_text, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from bedplate.config import Config
    from bedplate.domain.documents import Parsed


def register(app: typer.Typer) -> None:
    @command(app, "parse", without=frozenset({"data"}))
    def parse(
        invocation: Invocation, file: Annotated[Path, typer.Argument(metavar="FILE")]
    ) -> None:
        """Show what is read of one file.

        Nothing is kept and nothing is scrubbed.
        """
        if not file.is_file():
            raise InvalidInput(f"There is no file {str(file)!r}.", param="file")
        run_async(_parse(invocation, file))


async def _parse(invocation: Invocation, file: Path) -> None:
    parsed = await read(file, invocation.load().config)
    if invocation.json:
        write_json(as_json(parsed))
    else:
        _show(parsed)
    raise typer.Exit(exit_of_batch(len(parsed.documents), len(parsed.failures), Exit.BAD_INPUT))


async def read(file: Path, config: Config) -> Parsed:
    from bedplate.ingest.files import FileSource, source_name
    from bedplate.options import parse_limits
    from bedplate.parsers.isolated import open_parser

    blob = FileSource(file, source_name(file)).read(config.ingest.max_file_bytes)
    async with open_parser(parse_limits(config), slots=1) as parser:
        return await parser.parse(blob)


def as_json(parsed: Parsed) -> dict[str, object]:
    """A file of rows has a document a row; `document` says which one a block belongs to."""
    from bedplate.quality.soundness import soundness

    first = parsed.documents[0] if parsed.documents else None
    return {
        "media_type": first.media_type if first else None,
        "pages": first.pages if first else None,
        "blocks": [
            {
                "page": block.page,
                "heading": block.heading,
                "text": block.text,
                "kind": block.kind,
                "document": number,
            }
            for number, document in enumerate(parsed.documents)
            for block in document.blocks
        ],
        "warnings": list(parsed.warnings),
        "documents": [
            {
                "id": document.id,
                "title": document.title,
                "metadata": dict(document.metadata),
                "quality": {**asdict(soundness(document)), "left_out": document.left_out},
            }
            for document in parsed.documents
        ],
        "failures": [
            {"source": failure.source, "code": failure.code, "message": failure.message}
            for failure in parsed.failures
        ],
    }


def _show(parsed: Parsed) -> None:
    out = console()
    for document in parsed.documents:
        pages = f", {counted(document.pages, 'page')}" if document.pages else ""
        out.print(plain(document.title), style="bold", soft_wrap=True)
        out.print(f"{document.media_type}{pages}", style="dim", soft_wrap=True)
        for name, value in document.metadata.items():
            out.print(plain(f"  {name}: {value_text(value)}"), style="dim", soft_wrap=True)
        page = None
        for block in document.blocks:
            if block.page != page:
                page = block.page
                out.print(f"\n[page {page}]", style="cyan")
            style = "bold" if block.kind == "heading" else None
            out.print("\n" + plain(block.text), style=style, soft_wrap=True)
        out.print()
    errors = console(stderr=True)
    for warning in parsed.warnings:
        errors.print(plain(f"warning: {warning}"), style="yellow", soft_wrap=True)
    for failure in parsed.failures:
        errors.print(plain(f"failed: {failure.message}"), style="red", soft_wrap=True)
