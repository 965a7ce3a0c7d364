# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate reviews`: what waits for a human, and what was decided."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.screen import console, counted, one_line, plain, table, write_json
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from bedplate.domain.reviews import Decision, Review
    from bedplate.reviews.protocol import ReviewQuery

PAGE = 200

TenantOption = Annotated[str, typer.Option("--tenant", help="Whose reviews.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The review's id.")]
ByOption = Annotated[str, typer.Option("--by", help="The reviewer's name.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="What waits for a human, and what was decided.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="reviews")
    _register_reading(group)
    _register_deciding(group)


def _register_reading(group: typer.Typer) -> None:
    @command(group, "list")
    def listed(
        invocation: Invocation,
        *,
        state: Annotated[
            Literal["pending", "approved", "edited", "rejected", "expired", "all"],
            typer.Option("--state", help="How they stand."),
        ] = "pending",
        kind: Annotated[
            Literal["answer", "tool_call"] | None, typer.Option("--kind", help="Of one kind.")
        ] = None,
        assistant: Annotated[
            str | None, typer.Option("--assistant", help="Of one assistant.")
        ] = None,
        assignee: Annotated[
            str | None, typer.Option("--assignee", help='Of one reviewer; "" is nobody.')
        ] = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=PAGE, help="How many.")] = 50,
        tenant: TenantOption = "default",
    ) -> None:
        """The queue: by priority, then by what is due first."""
        from bedplate.reviews.protocol import ReviewQuery

        query = ReviewQuery(
            states=() if state == "all" else (state,),
            kind=kind,
            assistant=assistant,
            assignee=assignee,
            limit=limit,
        )
        run_async(_list(invocation, tenant, query))

    @command(group, "show")
    def show(invocation: Invocation, *, id: IdArgument, tenant: TenantOption = "default") -> None:
        """All that is known of one."""
        run_async(_show(invocation, tenant, id))

    @command(group, "export")
    def export(
        invocation: Invocation,
        *,
        out: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="Instead of stdout.")
        ] = None,
        days: Annotated[
            float | None, typer.Option("--days", min=0, help="Decided in the last so many days.")
        ] = None,
        tenant: TenantOption = "default",
    ) -> None:
        """Decisions on answers as labelled rows, one JSON object a line."""
        run_async(_export(invocation, tenant, out, days))


def _register_deciding(group: typer.Typer) -> None:
    @command(group, "approve")
    def approve(
        invocation: Invocation,
        *,
        id: IdArgument,
        by: ByOption = "local",
        reason: ReasonOption = "",
        tenant: TenantOption = "default",
    ) -> None:
        """Let it go on as it is."""
        from bedplate.domain.reviews import Decision

        run_async(_decide(invocation, tenant, id, lambda _: Decision("approve", by, reason)))

    @command(group, "edit")
    def edit(
        invocation: Invocation,
        *,
        id: IdArgument,
        value: Annotated[
            str,
            typer.Argument(
                metavar="TEXT", help="The answer, a call's arguments as JSON, or @FILE."
            ),
        ],
        by: ByOption = "local",
        reason: ReasonOption = "",
        tenant: TenantOption = "default",
    ) -> None:
        """Let something else go on in its place, which the guards look at first."""
        from bedplate.domain.reviews import Decision

        text = _text(value)

        def edited(review: Review) -> Decision:
            new = text if review.request.kind == "answer" else _arguments(text)
            return Decision("edit", by, reason, new)

        run_async(_decide(invocation, tenant, id, edited, edits=True))

    @command(group, "reject")
    def reject(
        invocation: Invocation,
        *,
        id: IdArgument,
        reason: Annotated[str, typer.Option("--reason", help="Why.")],
        by: ByOption = "local",
        tenant: TenantOption = "default",
    ) -> None:
        """Let nothing go on."""
        from bedplate.domain.reviews import Decision

        run_async(_decide(invocation, tenant, id, lambda _: Decision("reject", by, reason)))

    @command(group, "assign")
    def assign(
        invocation: Invocation,
        *,
        id: IdArgument,
        assignee: Annotated[str, typer.Argument(metavar="NAME", help='A reviewer; "" is nobody.')],
        was: Annotated[
            str | None, typer.Option("--from", help="The reviewer who has it now.")
        ] = None,
        tenant: TenantOption = "default",
    ) -> None:
        """Hand it to one reviewer, whom it is kept for."""
        run_async(_assign(invocation, tenant, id, assignee or None, was))


async def _list(invocation: Invocation, tenant: str, query: ReviewQuery) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.reviewing import open_queue

    config = invocation.load().config
    need_data(config)
    async with open_queue(config) as queue:
        found = await queue.list(TenantId(tenant), query)
    if invocation.json:
        write_json({"reviews": [as_json(each) for each in found]})
        return
    out = console()
    if not found:
        out.print("Nothing waits for a decision." if query.states == ("pending",) else "None.")
        return
    rows = table("id", "prio", "state", "due", "assignee", "kind", "about")
    rows.columns[0].no_wrap = True
    for each in found:
        subject = each.request.subject
        about = subject.get("question") or subject.get("tool") or ""
        rows.add_row(
            each.id,
            str(each.request.priority),
            each.state,
            f"{each.due_at:%m-%d %H:%M}",
            one_line(each.assignee or ""),
            each.request.kind,
            one_line(str(about))[:80],
        )
    out.print(rows)


async def _show(invocation: Invocation, tenant: str, id: str) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.reviewing import open_queue

    config = invocation.load().config
    need_data(config)
    async with open_queue(config) as queue:
        found = await queue.get(id, tenant=TenantId(tenant))
    _tell(invocation, found)


async def _export(
    invocation: Invocation, tenant: str, out: Path | None, days: float | None
) -> None:
    from dataclasses import replace
    from datetime import UTC, datetime, timedelta

    from bedplate.domain.ids import TenantId
    from bedplate.review.labels import labelled_rows
    from bedplate.reviewing import open_queue
    from bedplate.reviews.protocol import ReviewQuery

    config = invocation.load().config
    need_data(config)
    query = ReviewQuery(
        states=("approved", "edited", "rejected"),
        kind="answer",
        since=None if days is None else datetime.now(UTC) - timedelta(days=days),
        order="newest",
        limit=PAGE,
    )
    lines: list[str] = []
    async with open_queue(config) as queue:
        while found := await queue.list(TenantId(tenant), query):
            rows = (row for review in found for row in labelled_rows(review))
            lines += [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            query = replace(query, after=found[-1].id)
    if out is None:
        sys.stdout.writelines(lines)
        return
    _write(out, lines)
    if invocation.json:
        write_json({"file": str(out), "rows": len(lines)})
    else:
        console().print(plain(f"{counted(len(lines), 'row')} written to {out}."))


async def _decide(
    invocation: Invocation,
    tenant: str,
    id: str,
    decision: Callable[[Review], Decision],
    *,
    edits: bool = False,
) -> None:
    from contextlib import AsyncExitStack

    from bedplate.cli.guarding import opened_guards
    from bedplate.domain.ids import TenantId
    from bedplate.reviewing import open_queue

    config = invocation.load().config
    need_data(config)
    whose = TenantId(tenant)
    async with AsyncExitStack() as stack:
        guards = await stack.enter_async_context(opened_guards(config)) if edits else None
        queue = await stack.enter_async_context(open_queue(config, guards))
        found = await queue.get(id, tenant=whose)
        decided = await queue.decide(id, decision(found), tenant=whose)
    _tell(invocation, decided)


async def _assign(
    invocation: Invocation, tenant: str, id: str, assignee: str | None, was: str | None
) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.reviewing import open_queue

    config = invocation.load().config
    need_data(config)
    async with open_queue(config) as queue:
        found = await queue.assign(id, assignee, was=was, tenant=TenantId(tenant))
    _tell(invocation, found)


def _write(out: Path, lines: Sequence[str]) -> None:
    try:
        out.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{str(out)!r} cannot be written: {error.strerror}.") from error


def _text(value: str) -> str:
    """What an argument says, or the file that it names after "@"."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{value[1:]!r} cannot be read as UTF-8 text.") from error


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"The arguments are no JSON: {error}.") from error


def as_json(review: Review) -> dict[str, Any]:
    from dataclasses import asdict

    request, decision = review.request, review.decision
    decided = review.decided_at
    return {
        "id": review.id,
        "state": review.state,
        "kind": request.kind,
        "assistant": request.assistant,
        "priority": request.priority,
        "created_at": review.created_at.isoformat(),
        "due_at": review.due_at.isoformat(),
        "assignee": review.assignee,
        "decided_at": None if decided is None else decided.isoformat(),
        "decision": None if decision is None else asdict(decision),
        "default": request.default,
        "trace_id": request.trace,
        "labels": dict(review.labels),
        "delivery": review.delivery,
        "subject": dict(request.subject),
    }


def _tell(invocation: Invocation, review: Review) -> None:
    from bedplate.cli.review_page import page

    if invocation.json:
        write_json(as_json(review))
        return
    console().print(page(review), soft_wrap=True)
