# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate calibrate`: what is decided by scores, fitted to the user's own rows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli import (
    calibrate_cache,
    calibrate_compare,
    calibrate_groundedness,
    calibrate_injection,
)
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, plain, table, write_json

if TYPE_CHECKING:
    from bedplate.models.route_calibration import Calibration

POINTS = 11


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Fit what is decided by scores to your own texts.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="calibrate")
    calibrate_injection.register(group)
    calibrate_groundedness.register(group)
    calibrate_cache.register(group)
    calibrate_compare.register(group)

    @command(group, "route", without=frozenset({"data", "progress"}))
    def route(
        invocation: Invocation,
        file: Annotated[
            Path,
            typer.Argument(metavar="FILE.jsonl", help='Lines of {"prompt", "small", "large"}.'),
        ],
        *,
        out: Annotated[
            Path, typer.Option("--out", metavar="FILE", help="Where the head is written.")
        ] = Path("route-head.npz"),
        share: Annotated[
            float, typer.Option(min=0, max=1, help="Wanted share of calls to the large model.")
        ] = 0.3,
        encoder: Annotated[
            bool, typer.Option("--encoder/--no-encoder", help="Whether to read prompts' vectors.")
        ] = True,
    ) -> None:
        """Fit a router's head to prompts of which you know how well both models did."""
        run_async(_route(invocation, file, out, share, encoder=encoder))


async def _route(
    invocation: Invocation, file: Path, out: Path, share: float, *, encoder: bool
) -> None:
    import hashlib
    from contextlib import AsyncExitStack

    from bedplate.embedders import EMBEDDERS
    from bedplate.models.route_calibration import calibrate_route
    from bedplate.models.route_file import pack
    from bedplate.models.route_labels import read_labels
    from bedplate.slots import open_slot

    started = time.perf_counter()
    labels = read_labels(file)
    config = invocation.load().config
    async with AsyncExitStack() as stack:
        embedder = None
        if encoder:
            embedder = await stack.enter_async_context(
                open_slot("embedder", config.embedder, EMBEDDERS.load)
            )
        found = await calibrate_route(labels, embedder)
    content = pack(found.head)
    _write(out, content)
    told = {
        "file": str(out),
        "sha256": hashlib.sha256(content).hexdigest(),
        **_facts(found, share),
        "seconds": round(time.perf_counter() - started, 2),
    }
    if invocation.json:
        write_json(told)
    else:
        _show(told)


def _write(out: Path, content: bytes) -> None:
    from bedplate.errors import InvalidInput

    try:
        out.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{str(out)!r} cannot be written: {error.strerror}.") from error


def _facts(found: Calibration, share: float) -> dict[str, Any]:
    import numpy as np

    chosen = "fitted" if found.trusted else "length"
    shares = np.linspace(0, 1, POINTS)
    best = found.curves[chosen]
    return {
        "prompts": found.head.prompts,
        "embedder": found.head.fingerprint or None,
        "chosen": chosen,
        "ahead": round(found.ahead, 3),
        "share": share,
        "threshold": round(1 - share, 4),
        "recovered": round(float(best.at(np.array([share]))[0]), 3),
        "scorers": {
            name: {"apgr": round(c.apgr, 3), "cpt50": round(c.cpt(0.5), 3), "cpt80": round(c.cpt(0.8), 3)}
            for name, c in found.curves.items()
        },
        "curve": [
            {"share": round(float(s), 2), "recovered": round(float(r), 3)}
            for s, r in zip(shares, best.at(shares), strict=True)
        ],
    }  # fmt: skip


def _show(told: dict[str, Any]) -> None:
    target = console()
    rows = table("scorer", "APGR", "calls for 50 %", "calls for 80 %")
    for name, figures in told["scorers"].items():
        rows.add_row(name, *(f"{figures[key]:.3f}" for key in ("apgr", "cpt50", "cpt80")))
    target.print(rows)
    if told["chosen"] == "length":
        target.print(
            f"On {told['prompts']:,} prompts the heads are not surely ahead of the prompt's length "
            f"({told['ahead']:.0%} of draws), so the file ranks by length. Label more prompts."
        )
    target.print(
        f"{told['share']:.0%} of calls to the large model recover {told['recovered']:.0%} of its lead."
    )
    target.print(f'Written: head = "{plain(told["file"])}", head_sha256 = "{told["sha256"]}"')
