# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate hallucination`: the share of answers that their sources do not carry."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.screen import console, one_line, table, write_json
from bedplate.domain.evaluations import EvaluationGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedplate.domain.evaluations import HallucinationRate
    from bedplate.domain.ids import TenantId


def register(app: typer.Typer) -> None:
    @command(app, "hallucination")
    def hallucination(
        invocation: Invocation,
        *,
        by: Annotated[
            EvaluationGroup, typer.Option("--by", help="What the answers are added up by.")
        ] = "day",
        days: Annotated[
            int, typer.Option("--days", min=1, max=36_500, help="Of how many days.")
        ] = 30,
        tenant: Annotated[str | None, typer.Option("--tenant", help="Of one tenant.")] = None,
    ) -> None:
        """The share of judged answers that their sources do not carry, with its interval of 95 %."""
        from bedplate.domain.ids import TenantId

        whose = None if tenant is None else TenantId(tenant)
        run_async(_rates(invocation, by, days, whose))


async def _rates(
    invocation: Invocation, by: EvaluationGroup, days: int, tenant: TenantId | None
) -> None:
    from datetime import UTC, datetime, timedelta

    from bedplate.evaluating import open_evaluations

    config = invocation.load().config
    need_data(config)
    until = datetime.now(UTC)
    since = until - timedelta(days=days)
    async with open_evaluations(config) as kept:
        found = await kept.rates(tenant, by, since=since, until=until)
    if invocation.json:
        rates = [{**asdict(each), "rate": each.rate} for each in found]
        write_json({"by": by, "days": days, "rates": rates})
    else:
        _show(by, found)


def _show(by: EvaluationGroup, found: Sequence[HallucinationRate]) -> None:
    if not found:
        console().print("No answer was judged in that time.")
        return
    rows = table(by, "judged", "unsupported", "failed", "rate", "from", "to")
    for each in found:
        rate = "" if each.rate is None else f"{each.rate:.1%}"
        counts = (f"{n:,}" for n in (each.judged, each.unsupported, each.failed))
        rows.add_row(
            one_line(each.group) or "-", *counts, rate, f"{each.low:.1%}", f"{each.high:.1%}"
        )
    console().print(rows)
