# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate tools`: what models may call, and one call by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, one_line, plain, table, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedplate.toolbox import Offer
    from bedplate.tools.protocol import Tool, ToolResult

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The tool's name.")]
ArgumentsArgument = Annotated[
    str, typer.Argument(metavar="JSON", help="Its arguments, as a JSON object.")
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Confirm a call that a human has to confirm.")
]
KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="The idempotency key; a new one without.")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="What models may call, and one call by hand.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="tools")

    @command(group, "list", without=frozenset({"progress"}))
    def listed(invocation: Invocation) -> None:
        """The tools of every table [tools.NAME]. Servers elsewhere are asked for theirs."""
        run_async(_list(invocation))

    @command(group, "call", without=frozenset({"progress"}))
    def call(
        invocation: Invocation,
        *,
        name: NameArgument,
        arguments: ArgumentsArgument = "{}",
        yes: YesOption = False,
        key: KeyOption = None,
    ) -> None:
        """Call a tool just as a model would."""
        run_async(_call(invocation, name, arguments, key, confirmed=yes))


async def _list(invocation: Invocation) -> None:
    from bedplate.app import open_app

    async with open_app(invocation.load().config) as app:
        offers = await app.toolbox.offers()
    if invocation.json:
        write_json({"tools": [told for each in offers for told in _as_json(each)],
                    "failures": _failures(offers)})  # fmt: skip
    else:
        _show(offers)
    if any(each.error for each in offers):
        raise typer.Exit(Exit.PARTLY)


async def _call(
    invocation: Invocation, name: str, arguments: str, key: str | None, *, confirmed: bool
) -> None:
    from bedplate.app import open_app
    from bedplate.domain.ids import new_id
    from bedplate.errors import Blocked
    from bedplate.tools.approval import needs_approval
    from bedplate.tools.arguments import read_arguments
    from bedplate.tools.protocol import ToolContext

    given = read_arguments(arguments)
    async with open_app(invocation.load().config) as app:
        tool = await app.toolbox.find(name)
        if needs_approval(tool.spec, tool.policy, given) and not confirmed:
            raise Blocked(f"A human has to confirm this call of {name}: add --yes to do so.")
        result = await tool.call(given, ToolContext(key=key or new_id()))
    if invocation.json:
        write_json(_result(name, result))
    else:
        console().print(plain(result.text), soft_wrap=True)
    if result.failed:
        later = result.retryable or result.unknown
        raise typer.Exit(Exit.UPSTREAM if later else Exit.BAD_INPUT)


def _result(name: str, result: ToolResult) -> dict[str, Any]:
    return {
        "tool": name,
        "text": result.text,
        "failed": result.failed,
        "retryable": result.retryable,
        "unknown": result.unknown,
        "missing": result.missing,
        "truncated": result.truncated,
        "flagged": list(result.flagged),
    }


def _as_json(offer: Offer) -> list[dict[str, Any]]:
    return [
        {
            "name": tool.spec.name,
            "table": offer.table,
            "use": offer.use,
            "description": tool.spec.description,
            "parameters": tool.spec.parameters,
            "effect": tool.policy.effect,
            "approve": tool.policy.approve,
            "assistants": list(tool.policy.assistants),
            "simulated": offer.simulated,
        }
        for tool in offer.tools
    ]


def _failures(offers: Sequence[Offer]) -> list[dict[str, Any]]:
    return [
        {"table": offer.table, "code": offer.error.code, "message": offer.error.message}
        for offer in offers
        if offer.error is not None
    ]


def _show(offers: Sequence[Offer]) -> None:
    target = console()
    rows = table("name", "table", "use", "effect", "approval", "what it is for")
    for offer in offers:
        for tool in offer.tools:
            said = one_line(tool.spec.description)
            rows.add_row(
                tool.spec.name,
                offer.table,
                offer.use,
                _effect(tool, offer),
                _approval(tool),
                plain(said),
            )
    if rows.row_count:
        target.print(rows)
    for offer in offers:
        if offer.error is not None:
            target.print(plain(f"{offer.table}: {offer.error.message}"), soft_wrap=True)
    if not offers:
        target.print("There are no tables [tools.NAME] in the configuration.")


def _effect(tool: Tool, offer: Offer) -> str:
    return "simulated" if offer.simulated else tool.policy.effect


def _approval(tool: Tool) -> str:
    match tool.policy.approve:
        case True:
            return "always"
        case False:
            return ""
        case condition:
            return condition
