# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate calibrate injection`: thresholds from texts that are known to be harmless."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, plain, table, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from bedplate.domain.guard import TextKind
    from bedplate.guards.injection_levels import Level

AT_ONCE = 64
KINDS = ("user", "document", "tool")


def register(group: typer.Typer) -> None:
    @command(group, "injection", without=frozenset({"data", "progress"}))
    def injection(
        invocation: Invocation,
        file: Annotated[
            Path,
            typer.Argument(
                metavar="FILE", help='Harmless texts: one a line, or .jsonl with {"text", "kind"}.'
            ),
        ],
        *,
        out: Annotated[
            Path, typer.Option("--out", metavar="FILE", help="Where the thresholds are written.")
        ] = Path("injection-levels.json"),
        rate: Annotated[
            float, typer.Option(min=0.0001, max=0.5, help="Share of them that may be flagged.")
        ] = 0.01,
        kind: Annotated[
            str, typer.Option(help="What texts are that do not say it: user, document or tool.")
        ] = "user",
    ) -> None:
        """Set the injection guard's thresholds by texts that it should let pass."""
        run_async(_injection(invocation, file, out, rate, kind))


async def _injection(invocation: Invocation, file: Path, out: Path, rate: float, kind: str) -> None:
    from bedplate.cli.guarding import opened_guards
    from bedplate.guards.injection_levels import level, write_levels

    started = time.perf_counter()
    texts = _texts(file, _kind(kind, "--kind"))
    levels: dict[str, Level] = {}
    async with opened_guards(invocation.load().config) as guards:
        for each, given in texts.items():
            scores: list[float] = []
            for start in range(0, len(given), AT_ONCE):
                found = await guards.injection.check(given[start : start + AT_ONCE], each)
                scores += [verdict.score for verdict in found]
            levels[each] = level(scores, rate, each)
    write_levels(out, levels, rate)
    told: dict[str, Any] = {
        "file": str(out),
        "rate": rate,
        "kinds": {
            each: {
                "threshold": found.threshold,
                "texts": found.texts,
                "flagged": found.flagged,
                "share": round(found.rate, 5),
                "interval": [round(found.low, 5), round(found.high, 5)],
            }
            for each, found in levels.items()
        },
        "seconds": round(time.perf_counter() - started, 2),
    }
    if invocation.json:
        write_json(told)
    else:
        _show(told)


def _texts(file: Path, kind: TextKind) -> dict[TextKind, list[str]]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise InvalidInput(f"{str(file)!r} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{str(file)!r} is not UTF-8: {error.reason}.") from error
    found: dict[TextKind, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        is_row = file.suffix in {".jsonl", ".ndjson"}
        text, each = _row(line, number, kind) if is_row else (line.rstrip("\r"), kind)
        found.setdefault(each, []).append(text)
    if not found:
        raise InvalidInput(f"{str(file)!r} holds no texts.")
    return found


def _row(line: str, number: int, kind: TextKind) -> tuple[str, TextKind]:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"Line {number} is not JSON: {error}.") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise InvalidInput(f'Line {number} is no object with a "text".')
    known = cast("dict[str, Any]", row)
    return known["text"], _kind(known.get("kind", kind), f"Line {number}")


def _kind(given: Any, where: str) -> TextKind:
    if given not in KINDS:
        raise InvalidInput(f"{where}: the kind is {given!r}; it must be one of {', '.join(KINDS)}.")
    return given


def _show(told: dict[str, Any]) -> None:
    target = console()
    rows = table("kind", "texts", "threshold", "flagged", "95 % of rates")
    for kind, found in told["kinds"].items():
        low, high = found["interval"]
        rows.add_row(
            kind, f"{found['texts']:,}", f"{found['threshold']:.4f}", f"{found['share']:.2%}",
            f"{low:.2%} to {high:.2%}",
        )  # fmt: skip
    target.print(rows)
    missed = [kind for kind, found in told["kinds"].items() if found["share"] > told["rate"]]
    if missed:
        target.print(
            f"Of {', '.join(missed)} more are flagged by any threshold: they score 1. Look at them "
            "with `bedplate guard`."
        )
    target.print(f'Written: guards.injection.levels = "{plain(told["file"])}"')
