# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate usage`: what model calls used, what it cost, and what their providers say of it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, one_line, table, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedplate.domain.budgets import Used
    from bedplate.domain.ids import TenantId
    from bedplate.domain.usage import Drift, UsageLine

By = Literal["day", "tenant", "model", "key", "assistant"]

COLUMNS = ("group", "requests", "input_tokens", "output_tokens", "cost_usd", "unpriced")


def register(app: typer.Typer) -> None:
    @command(app, "usage")
    def usage(
        invocation: Invocation,
        *,
        by: Annotated[By, typer.Option("--by", help="What the calls are added up by.")] = "day",
        lines: Annotated[
            bool, typer.Option("--lines", help="By day, tenant, key, assistant and model at once.")
        ] = False,
        bill: Annotated[
            Path | None,
            typer.Option(
                "--bill", metavar="FILE.csv", help="A provider's figures to compare with."
            ),
        ] = None,
        tolerance: Annotated[
            float, typer.Option("--tolerance", min=0, max=1, help="The drift that is no fault.")
        ] = 0.01,
        days: Annotated[
            int, typer.Option("--days", min=1, max=36_500, help="Of how many days.")
        ] = 30,
        tenant: Annotated[str | None, typer.Option("--tenant", help="Of one tenant.")] = None,
        csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False,
    ) -> None:
        """What model calls used, and what it cost.

        With --bill the exit code is 4 where a line is further off than the tolerance.
        """
        from bedplate.domain.ids import TenantId

        if csv and invocation.json:
            raise InvalidInput("Give --csv or --json, one of them.")
        whose = None if tenant is None else TenantId(tenant)
        if bill is not None:
            if lines or csv:
                raise InvalidInput("--bill is told as a table or with --json.")
            run_async(_reconcile(invocation, _read(bill), tolerance, whose))
        elif lines:
            run_async(_lines(invocation, days, whose, as_csv=csv))
        else:
            run_async(_usage(invocation, by, days, whose, as_csv=csv))


async def _usage(
    invocation: Invocation, by: By, days: int, tenant: TenantId | None, *, as_csv: bool
) -> None:
    from datetime import UTC, datetime, timedelta

    from bedplate.ledger.spreadsheet import as_csv as written
    from bedplate.limits import open_ledger

    until = datetime.now(UTC)
    since = until - timedelta(days=days)
    async with open_ledger(invocation.load().config) as ledger:
        found = await ledger.usage.summarise(tenant, by, since=since, until=until)
    if as_csv:
        sys.stdout.write(written(COLUMNS, found))
    elif invocation.json:
        write_json({"by": by, "days": days, "usage": [_as_json(each) for each in found]})
    else:
        _show(by, found)


async def _lines(
    invocation: Invocation, days: int, tenant: TenantId | None, *, as_csv: bool
) -> None:
    from datetime import UTC, datetime, timedelta

    from bedplate.ledger.spreadsheet import lines_as_csv
    from bedplate.limits import open_ledger

    until = datetime.now(UTC)
    since = until - timedelta(days=days)
    async with open_ledger(invocation.load().config) as ledger:
        found = await ledger.usage.lines(tenant, since=since, until=until)
    if as_csv:
        sys.stdout.write(lines_as_csv(found))
    elif invocation.json:
        write_json({"days": days, "lines": [_as_json(each) for each in found]})
    else:
        _show_lines(found)


async def _reconcile(
    invocation: Invocation, text: str, tolerance: float, tenant: TenantId | None
) -> None:
    from bedplate.ledger.reconciliation import read_bill, reconciled, whole_days
    from bedplate.limits import open_ledger
    from bedplate.lineup import provider_models

    bill = read_bill(text)
    if not bill:
        raise InvalidInput("The bill has no lines.")
    config = invocation.load().config
    first, last = whole_days([each.day for each in bill])
    async with open_ledger(config) as ledger:
        lines = await ledger.usage.lines(tenant, since=first, until=last)
    drifts = reconciled(lines, bill, provider_models(config.models))
    over = [each.exceeds(tolerance) for each in drifts]
    if invocation.json:
        write_json(
            {
                "tolerance": tolerance,
                "within": not any(over),
                "lines": [
                    {**_drift_json(each), "exceeds": is_over}
                    for each, is_over in zip(drifts, over, strict=True)
                ],
            }
        )
    else:
        _show_drifts(drifts, over)
    if any(over):
        raise typer.Exit(Exit.PARTLY)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{str(file)!r} cannot be read as UTF-8 text.") from error


def _as_json(used: Used | UsageLine) -> dict[str, Any]:
    return {**asdict(used), "cost_usd": float(used.cost_usd)}


def _drift_json(drift: Drift) -> dict[str, Any]:
    ours, theirs = drift.ours, drift.theirs
    billed = theirs.cost_usd
    return {
        "day": drift.day,
        "model": drift.model,
        "requests": drift.requests,
        "estimated": drift.estimated,
        "unpriced": drift.unpriced,
        "input_tokens": ours.input_tokens,
        "billed_input_tokens": theirs.input_tokens,
        "input_share": drift.input_share,
        "output_tokens": ours.output_tokens,
        "billed_output_tokens": theirs.output_tokens,
        "output_share": drift.output_share,
        "cost_usd": float(ours.cost_usd or 0),
        "billed_cost_usd": None if billed is None else float(billed),
        "cost_share": drift.cost_share,
    }


def _show(by: str, found: Sequence[Used]) -> None:
    out = console()
    if not found:
        out.print("No model was called in that time.")
        return
    rows = table(by, "requests", "tokens in", "tokens out", "cost in USD", "without a price")
    for each in found:
        rows.add_row(
            one_line(each.group) or "none",
            f"{each.requests:,}",
            f"{each.input_tokens:,}",
            f"{each.output_tokens:,}",
            f"{each.cost_usd:.6f}",
            f"{each.unpriced:,}",
        )
    out.print(rows)


def _show_lines(found: Sequence[UsageLine]) -> None:
    out = console()
    if not found:
        out.print("No model was called in that time.")
        return
    rows = table("day", "tenant", "key", "assistant", "model", "requests", "in", "out", "USD")
    for each in found:
        rows.add_row(
            each.day,
            *(one_line(name) for name in (each.tenant, each.key, each.assistant, each.model)),
            f"{each.requests:,}",
            f"{each.input_tokens:,}",
            f"{each.output_tokens:,}",
            f"{each.cost_usd:.6f}",
        )
    out.print(rows)


def _show_drifts(drifts: Sequence[Drift], over: Sequence[bool]) -> None:
    rows = table("day", "model", "requests", "in", "out", "USD", "theirs", "drift in / out / USD")
    for each, is_over in zip(drifts, over, strict=True):
        shares = (each.input_share, each.output_share, each.cost_share)
        shown = " / ".join("-" if share is None else f"{share:+.1%}" for share in shares)
        theirs = each.theirs.cost_usd
        rows.add_row(
            each.day,
            one_line(each.model),
            f"{each.requests:,}",
            f"{each.ours.input_tokens:,}",
            f"{each.ours.output_tokens:,}",
            f"{each.ours.cost_usd:.6f}",
            "" if theirs is None else f"{theirs:.6f}",
            f"{shown}  over" if is_over else shown,
        )
    console().print(rows)
