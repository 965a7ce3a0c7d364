# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate usage`: what model calls used, and what it cost."""

from __future__ import annotations

import csv
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, one_line, table, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from bedplate.domain.budgets import Used

COLUMNS = ("group", "requests", "input_tokens", "output_tokens", "cost_usd", "unpriced")


def register(app: typer.Typer) -> None:
    @command(app, "usage")
    def usage(
        invocation: Invocation,
        *,
        by: Annotated[
            Literal["day", "model", "key", "assistant"],
            typer.Option("--by", help="What the calls are added up by."),
        ] = "day",
        days: Annotated[
            int, typer.Option("--days", min=1, max=36_500, help="Of how many days.")
        ] = 30,
        tenant: Annotated[str | None, typer.Option("--tenant", help="Of one tenant.")] = None,
        csv_: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False,
    ) -> None:
        """What model calls used, and what it cost."""
        if csv_ and invocation.json:
            raise InvalidInput("Give --csv or --json, one of them.")
        run_async(_usage(invocation, by, days, tenant, csv_))


async def _usage(
    invocation: Invocation,
    by: Literal["day", "model", "key", "assistant"],
    days: int,
    tenant: str | None,
    as_csv: bool,
) -> None:
    from datetime import UTC, datetime, timedelta

    from bedplate.domain.ids import TenantId
    from bedplate.limits import open_ledger

    until = datetime.now(UTC)
    since = until - timedelta(days=days)
    async with open_ledger(invocation.load().config) as ledger:
        found = await ledger.usage.summarise(
            None if tenant is None else TenantId(tenant), by, since=since, until=until
        )
    if as_csv:
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows([_cell(asdict(each)[name]) for name in COLUMNS] for each in found)
    elif invocation.json:
        write_json({"by": by, "days": days, "usage": [_as_json(each) for each in found]})
    else:
        _show(by, found)


def _cell(value: Any) -> Any:
    """A spreadsheet takes a text that begins like a formula for one."""
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in tuple("=+-@") else text


def _as_json(used: Used) -> dict[str, Any]:
    return {**asdict(used), "cost_usd": float(used.cost_usd)}


def _show(by: str, found: tuple[Used, ...]) -> None:
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
