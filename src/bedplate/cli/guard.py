# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate guard`: the guards alone, a line of JSON in and a line of JSON out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import typer

from bedplate.cli.exits import Exit, exit_of_batch
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.lines import read_json_line
from bedplate.cli.screen import write_json
from bedplate.errors import BedplateError, InvalidInput

if TYPE_CHECKING:
    from bedplate.domain.guard import TextKind
    from bedplate.guards.report import Report

MAX_LINE_BYTES = 16 * 1024 * 1024
KINDS = ("user", "document", "tool")


def register(app: typer.Typer) -> None:
    @command(app, "guard", without=frozenset({"data", "progress"}))
    def guard(invocation: Invocation) -> None:
        """Look for injections and personal data in texts, a JSON object a line on stdin.

        A line {"id", "text", "kind"} gives {"id", "injection": {"score", "flagged", "decision",
        "reasons"}, "pii": [{"type", "start", "end", "score"}]} in the same order. "kind" says who
        wrote the text: "user" where it is left out, "document" or "tool".
        """
        run_async(_guard(invocation))


async def _guard(invocation: Invocation) -> None:
    from bedplate.cli.guarding import opened_guards

    done, failed = 0, 0
    async with opened_guards(invocation.load().config) as guards:
        for number, raw in enumerate(iter(sys.stdin.buffer.readline, b""), start=1):
            if not raw.strip():
                continue
            try:
                id, text, kind = _read(raw, number)
                (found,) = await guards.reports([text], kind)
                write_json({"id": id, **_line(found)})
                done += 1
            except BedplateError as error:
                write_json(
                    {"line": number, "error": {"code": error.code, "message": error.message}}
                )
                failed += 1
    raise typer.Exit(exit_of_batch(done, failed, Exit.BAD_INPUT))


def _read(raw: bytes, number: int) -> tuple[Any, str, TextKind]:
    found = read_json_line(raw, number, most=MAX_LINE_BYTES)
    if not isinstance(found, dict):
        raise InvalidInput(f"Line {number} is not an object.")
    line = cast("dict[str, Any]", found)
    text, kind = line.get("text"), line.get("kind", "user")
    if not isinstance(text, str):
        raise InvalidInput(f'Line {number} has no "text".', param="text")
    if kind not in KINDS:
        raise InvalidInput(
            f'Line {number}: "kind" is {kind!r}; it must be one of {", ".join(KINDS)}.',
            param="kind",
        )
    return line.get("id", number), text, kind


def _line(found: Report) -> dict[str, Any]:
    verdict = found.injection
    return {
        "injection": {
            "score": verdict.score,
            "flagged": verdict.flagged,
            "decision": verdict.decision,
            "reasons": [
                {"rule": r.rule, "score": r.score, "start": r.start, "end": r.end, "how": r.how}
                for r in verdict.reasons
            ],
        },
        "pii": [
            {"type": f.type, "start": f.start, "end": f.end, "score": f.score} for f in found.pii
        ],
    }
