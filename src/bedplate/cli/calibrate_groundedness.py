# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate calibrate groundedness`: the judge's threshold, from answers that people looked at."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, plain, table, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from bedplate.config import Config
    from bedplate.judges.calibration import GroundednessCalibration

FORM = '{"context": "...", "answer": "...", "supported": true}'


def register(group: typer.Typer) -> None:
    @command(group, "groundedness", without=frozenset({"data", "progress"}))
    def groundedness(
        invocation: Invocation,
        file: Annotated[
            Path,
            typer.Argument(
                metavar="FILE.jsonl",
                help='Lines of {"context", "answer", "supported", "question"?}, as `bedplate judge` '
                "reads them.",
            ),
        ],
        *,
        rate: Annotated[
            float,
            typer.Option(
                min=0.001, max=0.5, help="Share of supported answers that may be flagged."
            ),
        ] = 0.1,
    ) -> None:
        """Set the judge's threshold by answers of which you know whether their sources carry them."""
        run_async(_groundedness(invocation, file, rate))


async def _groundedness(invocation: Invocation, file: Path, rate: float) -> None:
    from bedplate.judges.calibration import calibrate_groundedness

    started = time.perf_counter()
    config = invocation.load().config
    scores, supported, skipped = await _scored(config, file)
    found = calibrate_groundedness(scores, supported, rate=rate)
    told = {
        "judge": config.guards.groundedness.use,
        "rate": rate,
        **_facts(found),
        "skipped": skipped,
        "seconds": round(time.perf_counter() - started, 2),
    }
    if invocation.json:
        write_json(told)
    else:
        _show(told)


async def _scored(config: Config, file: Path) -> tuple[list[float], list[bool], int]:
    """Scores and labels; an answer that claims nothing, or could not be judged, is skipped."""
    from bedplate.cli.guarding import opened_judge
    from bedplate.cli.judge import read_line
    from bedplate.models.labelled_lines import labelled_lines

    scores: list[float] = []
    labels: list[bool] = []
    skipped = 0
    async with opened_judge(config) as judge:
        for number, row in labelled_lines(file, FORM):
            label = row.get("supported")
            if not isinstance(label, bool):
                raise InvalidInput(
                    f'Line {number}: "supported" must be true or false, not {label!r}.',
                    param="supported",
                )
            _, case, answer = read_line(row, number)
            checked = await judge.check(case, answer)
            if checked.verdict in ("supported", "unsupported"):
                scores.append(checked.score)
                labels.append(label)
            else:
                skipped += 1
    return scores, labels, skipped


def _facts(found: GroundednessCalibration) -> dict[str, Any]:
    return {
        "supported": found.supported,
        "unsupported": found.unsupported,
        "auroc": round(found.auroc, 4),
        "calibration_error": round(found.error, 4),
        **_rounded(asdict(found.point)),
        "curve": [_rounded(asdict(point)) for point in found.curve],
    }


def _rounded(point: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in point.items()}


def _show(told: dict[str, Any]) -> None:
    target = console()
    rows = table("threshold", "supported flagged", "unsupported caught")
    for point in told["curve"]:
        rows.add_row(
            f"{point['threshold']:.4f}", f"{point['flagged']:.1%}", f"{point['caught']:.1%}"
        )
    target.print(rows)
    target.print(
        f"{told['supported']:,} supported and {told['unsupported']:,} unsupported answers: AUROC "
        f"{told['auroc']:.3f}, calibration error {told['calibration_error']:.3f}."
    )
    if told["skipped"]:
        target.print(f"{told['skipped']:,} claim nothing or could not be judged, and are left out.")
    target.print(
        f'groundedness = {{ use = "{plain(told["judge"])}", threshold = {told["threshold"]:g} }}'
    )
