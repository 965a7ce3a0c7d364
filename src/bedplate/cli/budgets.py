# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate budgets`: what may be used, by whom, and what is left of it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, one_line, plain, table, write_json
from bedplate.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bedplate.domain.budgets import Measure, Standing, Subject

KindName = Literal["tenant", "key", "assistant", "run", "model"]

KindArgument = Annotated[
    KindName, typer.Argument(metavar="KIND", help="tenant, key, assistant, run or model.")
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help='Which one; "*" is each, with an amount of its own.')
]
MOST_DIGITS = 18

TenantOption = Annotated[
    str | None,
    typer.Option("--tenant", help="Only in this tenant; else over all tenants together."),
]
Amount = Annotated[str | None, typer.Option(metavar="N", help='A number, or "none".')]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="What may be used, by whom, and what is left of it.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.add_typer(group, name="budgets")

    @command(group, "set")
    def set_(
        invocation: Invocation,
        *,
        kind: KindArgument,
        name: NameArgument,
        tenant: TenantOption = None,
        usd_day: Amount = None,
        usd_month: Amount = None,
        usd_total: Amount = None,
        tokens_day: Amount = None,
        tokens_month: Amount = None,
        tokens_total: Amount = None,
        requests_minute: Amount = None,
        tokens_minute: Amount = None,
    ) -> None:
        """Limit what one may use; limits that are not named stay as they are.

        A running server follows within a second.
        """
        given = {
            "usd_day": usd_day,
            "usd_month": usd_month,
            "usd_total": usd_total,
            "tokens_day": tokens_day,
            "tokens_month": tokens_month,
            "tokens_total": tokens_total,
            "requests_minute": requests_minute,
            "tokens_minute": tokens_minute,
        }
        run_async(_set(invocation, kind, name, tenant, given))

    @command(group, "list")
    def listed(invocation: Invocation, *, tenant: TenantOption = None) -> None:
        """All limits, and how far they are used."""
        run_async(_list(invocation, tenant))

    @command(group, "show")
    def show(
        invocation: Invocation,
        *,
        kind: KindArgument,
        name: NameArgument,
        tenant: TenantOption = None,
    ) -> None:
        """The limits that one is held to, those of each included."""
        run_async(_show(invocation, kind, name, tenant))

    @command(group, "remove")
    def remove(
        invocation: Invocation,
        *,
        kind: KindArgument,
        name: NameArgument,
        tenant: TenantOption = None,
    ) -> None:
        """Take all limits of one away."""
        run_async(_remove(invocation, kind, name, tenant))


async def _set(
    invocation: Invocation,
    kind: KindName,
    name: str,
    tenant: str | None,
    given: Mapping[str, str | None],
) -> None:
    from bedplate.domain.budgets import MEASURES
    from bedplate.limits import check_known, open_ledger

    amounts = {
        MEASURES[measure]: _amount(MEASURES[measure], value)
        for measure, value in given.items()
        if value is not None
    }
    if not amounts:
        options = ", ".join(f"--{measure.replace('_', '-')}" for measure in given)
        raise InvalidInput(f"Say what is limited: {options}.")
    subject = _subject(kind, name, tenant)
    config = invocation.load().config
    check_known(kind, name, config)
    async with open_ledger(config) as ledger:
        await ledger.budgets.set(subject, amounts)
        found = await ledger.budgets.show(_tenant(subject), kind, name)
    _print(invocation, found)


async def _list(invocation: Invocation, tenant: str | None) -> None:
    from bedplate.domain.ids import TenantId
    from bedplate.limits import open_ledger

    async with open_ledger(invocation.load().config) as ledger:
        found = await ledger.budgets.list(None if tenant is None else TenantId(tenant))
    _print(invocation, found)


async def _show(invocation: Invocation, kind: KindName, name: str, tenant: str | None) -> None:
    from bedplate.limits import open_ledger

    async with open_ledger(invocation.load().config) as ledger:
        found = await ledger.budgets.show(_tenant(_subject(kind, name, tenant)), kind, name)
    _print(invocation, found)


async def _remove(invocation: Invocation, kind: KindName, name: str, tenant: str | None) -> None:
    from bedplate.limits import open_ledger

    subject = _subject(kind, name, tenant)
    async with open_ledger(invocation.load().config) as ledger:
        removed = await ledger.budgets.remove(subject)
    if not removed:
        raise NotFound(f"There is no budget of {subject}: see `bedplate budgets list`.")
    if invocation.json:
        write_json({"removed": removed})
    else:
        console().print(plain(f"{subject} has {removed} limits less."), soft_wrap=True)


def _subject(kind: KindName, name: str, tenant: str | None) -> Subject:
    from bedplate.domain.budgets import Subject
    from bedplate.domain.ids import TenantId
    from bedplate.limits import subject_of

    if tenant is None:
        return subject_of(kind, name)
    if kind == "tenant":
        raise InvalidInput("A tenant is named by NAME: leave --tenant out.")
    return Subject(kind, name, TenantId(tenant))


def _tenant(subject: Subject) -> Any:
    """In which tenant to look; that of this machine for what is over all."""
    from bedplate.domain.ids import DEFAULT_TENANT

    return subject.tenant or DEFAULT_TENANT


def _amount(measure: Measure, text: str) -> int | None:
    from bedplate.domain.money import to_micro

    if text == "none":
        return None
    option = f"--{measure.name.replace('_', '-')}"
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value.adjusted() > MOST_DIGITS:
        raise InvalidInput(f'{option} is {text!r}; give a number, or "none".', param=measure.name)
    if measure.unit == "usd":
        if value != value.quantize(Decimal("0.000001")):
            raise InvalidInput(f"{option} is {text}; a millionth of a dollar is the least part.")
        return to_micro(value)
    if value != value.to_integral_value():
        raise InvalidInput(f"{option} is {text}; {measure.unit} are whole.", param=measure.name)
    return int(value)


def _print(invocation: Invocation, found: Sequence[Standing]) -> None:
    from bedplate.domain.budgets import EVERYONE, shown_amount

    if invocation.json:
        write_json({"budgets": [_as_json(each) for each in found]})
        return
    out = console()
    if not found:
        out.print("There are no budgets.")
        return
    rows = table("who", "tenant", "limit", "allows", "spent", "held", "left", "renews")
    for each in found:
        limit = each.limit
        unit, tenant = limit.measure.unit, limit.subject.tenant
        rows.add_row(
            one_line(str(limit.subject)),
            "all" if tenant == EVERYONE else one_line(tenant),
            limit.measure.name + (" (declared)" if limit.declared else ""),
            shown_amount(unit, limit.amount),
            *(
                "" if value is None else shown_amount(unit, value)
                for value in (each.spent, each.reserved, each.left)
            ),
            "" if each.renews_at is None else f"{each.renews_at:%Y-%m-%d}",
        )
    out.print(rows)


def _as_json(standing: Standing) -> dict[str, Any]:
    from bedplate.domain.money import from_micro

    limit = standing.limit

    def number(value: int | None) -> float | None:
        if value is None or limit.measure.unit != "usd":
            return value
        return float(from_micro(value))

    renews = standing.renews_at
    return {
        "kind": limit.subject.kind,
        "name": limit.subject.name,
        "tenant": limit.subject.tenant or None,
        "measure": limit.measure.name,
        "limit": number(limit.amount),
        "spent": number(standing.spent),
        "reserved": number(standing.reserved),
        "left": number(standing.left),
        "renews_at": None if renews is None else renews.isoformat(),
        "declared": limit.declared,
    }
