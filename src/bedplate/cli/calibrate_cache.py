# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate calibrate cache`: the semantic cache's threshold, from the user's own questions."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, table, write_json

if TYPE_CHECKING:
    from bedplate.models.answer_calibration import CacheCalibration

LEAST_WRONG, MOST_WRONG = 0.0001, 0.5


def register(group: typer.Typer) -> None:
    @command(group, "cache", without=frozenset({"data", "progress"}))
    def cache(
        invocation: Invocation,
        file: Annotated[
            Path,
            typer.Argument(
                metavar="FILE.jsonl",
                help='Lines of {"question", "answer"}, or of {"one", "other", "same"}.',
            ),
        ],
        *,
        wrong: Annotated[
            float,
            typer.Option(min=LEAST_WRONG, max=MOST_WRONG, help="Share of hits that may be wrong."),
        ] = 0.05,
    ) -> None:
        """Find a threshold for `cache.semantic` at which few enough hits are wrong."""
        run_async(_cache(invocation, file, wrong))


async def _cache(invocation: Invocation, file: Path, wrong: float) -> None:
    from bedplate.embedders import EMBEDDERS
    from bedplate.models.answer_calibration import calibrate_cache
    from bedplate.models.answer_pairs import read_pairs
    from bedplate.slots import open_slot

    started = time.perf_counter()
    rows = read_pairs(file)
    config = invocation.load().config
    async with open_slot("embedder", config.embedder, EMBEDDERS.load) as embedder:
        found = await calibrate_cache(rows, embedder, wanted=wrong)
        told = _facts(found, embedder.fingerprint)
    told["seconds"] = round(time.perf_counter() - started, 2)
    if invocation.json:
        write_json(told)
    else:
        _show(told)


def _facts(found: CacheCalibration, fingerprint: str) -> dict[str, Any]:
    return {
        "rows": found.questions,
        "embedder": fingerprint,
        "wrong": found.wanted,
        "semantic": found.semantic,
        "hits_needed": found.hits_needed,
        "levels": [
            {
                "semantic": level.semantic,
                "hits": level.hits,
                "wrong": level.wrong,
                "bound": round(level.bound, 4),
            }
            for level in found.levels
        ],
    }


def _show(told: dict[str, Any]) -> None:
    target = console()
    rows = table("semantic", "hits", "wrong", "wrong at most")
    for level in told["levels"]:
        figures = (f"{level['hits']:,}", f"{level['wrong']:,}", f"{level['bound']:.1%}")
        rows.add_row(f"{level['semantic']:g}", *figures)
    target.print(rows)
    if told["semantic"] is None:
        target.print(
            f"No threshold is shown to keep wrong hits within {told['wrong']:.1%}: leave semantic "
            f"unset. {told['hits_needed']:,} hits at one threshold, none wrong, would show it."
        )
    else:
        target.print(f"cache = {{ semantic = {told['semantic']:g} }}")
