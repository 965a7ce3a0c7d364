# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate traces`: what requests, ingests and jobs did, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.screen import console, one_line, table, write_json

if TYPE_CHECKING:
    from bedplate.domain.traces import EndedSpan, TraceSummary
    from bedplate.traces.protocol import TraceQuery

MOST_SHOWN = 300
"""Characters of a value."""

TenantOption = Annotated[str, typer.Option("--tenant", help="Whose traces.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="What requests, ingests and jobs did, step by step.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="traces")

    @command(group, "list")
    def listed(
        invocation: Invocation,
        *,
        text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Words to look for.")] = "",
        hours: Annotated[
            float | None, typer.Option("--hours", min=0, help="Begun in the last so many hours.")
        ] = None,
        model: Annotated[str | None, typer.Option("--model", help="Of one model.")] = None,
        assistant: Annotated[
            str | None, typer.Option("--assistant", help="Of one assistant.")
        ] = None,
        status: Annotated[
            Literal["ok", "error"] | None, typer.Option("--status", help="How they ended.")
        ] = None,
        min_ms: Annotated[
            float | None, typer.Option("--min-ms", min=0, help="As slow as that.")
        ] = None,
        min_cost: Annotated[
            float | None, typer.Option("--min-cost", min=0, help="As dear, in US dollars.")
        ] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many.")] = 20,
        tenant: TenantOption = "default",
    ) -> None:
        """The newest first."""
        from datetime import UTC, datetime, timedelta
        from decimal import Decimal

        from bedplate.traces.protocol import TraceQuery

        since = None if hours is None else datetime.now(UTC) - timedelta(hours=hours)
        query = TraceQuery(
            text=text,
            since=since,
            model=model,
            assistant=assistant,
            state=status,
            min_ms=min_ms,
            min_cost_usd=None if min_cost is None else Decimal(str(min_cost)),
            limit=limit,
        )
        run_async(_list(invocation, tenant, query))

    @command(group, "show")
    def show(
        invocation: Invocation,
        *,
        id: Annotated[str, typer.Argument(metavar="ID", help="32 hexadecimal digits.")],
        tenant: TenantOption = "default",
    ) -> None:
        """All steps of one trace, with what is known of each."""
        run_async(_show(invocation, tenant, id))


async def _list(invocation: Invocation, tenant: str, query: TraceQuery) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.tracing import TRACES_FILE, open_sqlite_traces

    config = invocation.load().config
    need_data(config)
    async with open_sqlite_traces(config.data.dir / TRACES_FILE) as traces:
        found = await traces.list(TenantId(tenant), query)
    if invocation.json:
        write_json({"traces": [_as_json(each) for each in found]})
        return
    out = console()
    if not found:
        out.print("No trace is kept that fits.")
        return
    rows = table("id", "began", "took ms", "first ms", "cost", "ended", "model", "what")
    for each in found:
        rows.add_row(
            each.id,
            f"{each.started:%m-%d %H:%M:%S}",
            f"{each.took_ms:,.0f}",
            "" if each.ttft_ms is None else f"{each.ttft_ms:,.0f}",
            "" if each.cost_usd is None else f"{each.cost_usd:.6f}",
            one_line(each.error or "ok"),
            one_line(each.assistant or each.model or ""),
            one_line(each.name),
        )
    out.print(rows)


async def _show(invocation: Invocation, tenant: str, id: str) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.tracing import TRACES_FILE, open_sqlite_traces

    config = invocation.load().config
    need_data(config)
    async with open_sqlite_traces(config.data.dir / TRACES_FILE) as traces:
        spans = await traces.spans(TenantId(tenant), id)
    if invocation.json:
        write_json({"id": id, "spans": [asdict(span) for span in spans]})
        return
    out = console()
    begun = spans[0].started
    for depth, span in nested(spans):
        indent = "  " * depth
        at, took = (span.started - begun) / 1e6, span.took / 1e6
        ended = f" [{span.error}]" if span.error else ""
        out.print(f"{indent}{one_line(span.name)}  +{at:,.1f} ms, {took:,.1f} ms{one_line(ended)}")
        for name, value in [*span.attributes.items(), *span.content.items()]:
            shown = one_line(str(value))[:MOST_SHOWN]
            out.print(f"{indent}    {name} = {shown}", soft_wrap=True)


def nested(spans: Sequence[EndedSpan]) -> Iterator[tuple[int, EndedSpan]]:
    """Each with how many enclose it, after the one that does."""
    known = {span.id for span in spans}
    below: dict[str, list[EndedSpan]] = {}
    for span in spans:
        inner = span.parent is not None and span.parent in known and span.parent != span.id
        below.setdefault(span.parent or "" if inner else "", []).append(span)
    waiting = [(0, span) for span in reversed(below.get("", []))]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        waiting += [(depth + 1, each) for each in reversed(below.pop(span.id, []))]


def _as_json(summary: TraceSummary) -> dict[str, Any]:
    cost = summary.cost_usd
    return {
        **asdict(summary),
        "started": summary.started.isoformat(),
        "cost_usd": None if cost is None else float(cost),
    }
