"""/api/budgets: what a tenant, a key, an assistant, a run and a model may use, and have used.

A tenant sees limits of its own, and sets those of its keys, runs, assistants and models, never
beyond what holds over all tenants. What limits a tenant, and what is limited over all of them, is
shown to the default tenant, which is whoever works on this machine, and set on the command line.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import Field

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.schemas import Body, Shown
from bedplate.app import App
from bedplate.domain.budgets import (
    EACH,
    EVERYONE,
    MEASURES,
    Kind,
    Measure,
    Standing,
    Subject,
    Unit,
    shown_amount,
)
from bedplate.domain.ids import DEFAULT_TENANT, TenantId
from bedplate.domain.money import from_micro, to_micro
from bedplate.errors import Conflict, NotFound
from bedplate.limits import check_known

router = APIRouter(prefix="/api/budgets", tags=["budgets"])

Usd = Annotated[Decimal, Field(decimal_places=6, max_digits=24)]
Count = Annotated[int, Field(le=10**18)]


class Amounts(Body):
    """What may be used; null takes a limit away, what is left out stays."""

    usd_day: Usd | None = None
    usd_month: Usd | None = None
    usd_total: Usd | None = None
    tokens_day: Count | None = None
    tokens_month: Count | None = None
    tokens_total: Count | None = None
    requests_minute: Count | None = None
    tokens_minute: Count | None = None


class Budget(Shown):
    """One limit. Of dollars `limit`, `spent`, `reserved` and `left` are US dollars.

    `shared` limits are over all tenants, `declared` ones stand in the configuration. Of a rate only
    `left` is known: what may be used at once.
    """

    kind: Kind
    name: str
    measure: str
    limit: float
    spent: float | None
    reserved: float | None
    left: float | None
    renews_at: datetime | None
    shared: bool
    declared: bool

    @classmethod
    def of(cls, standing: Standing) -> Self:
        limit = standing.limit
        unit = limit.measure.unit
        return cls(
            kind=limit.subject.kind,
            name=limit.subject.name,
            measure=limit.measure.name,
            limit=_number(unit, limit.amount),
            spent=None if standing.spent is None else _number(unit, standing.spent),
            reserved=None if standing.reserved is None else _number(unit, standing.reserved),
            left=None if standing.left is None else _number(unit, standing.left),
            renews_at=standing.renews_at,
            shared=limit.subject.tenant == EVERYONE,
            declared=limit.declared,
        )


class BudgetList(Shown):
    budgets: list[Budget]


@router.get("")
async def list_budgets(app: CurrentApp, tenant: Tenant) -> BudgetList:
    found = list(await app.ledger.budgets.list(tenant))
    if tenant == DEFAULT_TENANT:
        found += await app.ledger.budgets.list(EVERYONE)
    return BudgetList(budgets=[Budget.of(each) for each in found])


@router.get("/{kind}/{name}")
async def show_budget(kind: Kind, name: str, app: CurrentApp, tenant: Tenant) -> BudgetList:
    """Those that a call of that one is held to, with what each still allows."""
    _own(kind, name, tenant)
    found = await app.ledger.budgets.show(tenant, kind, name)
    return BudgetList(
        budgets=[
            Budget.of(each)
            for each in found
            if each.limit.subject.tenant == tenant or tenant == DEFAULT_TENANT
        ]
    )


@router.patch("/{kind}/{name}")
async def set_budget(
    kind: Kind, name: str, body: Amounts, app: CurrentApp, tenant: Tenant
) -> BudgetList:
    """Set some of its limits. `name` "*" is each of that kind, with an amount of its own."""
    _own(kind, name, tenant)
    check_known(kind, name, app.config)
    given: dict[str, Any] = body.model_dump(exclude_unset=True)
    amounts = {
        MEASURES[measure]: _amount(MEASURES[measure].unit, value)
        for measure, value in given.items()
    }
    await _check_widening(app, kind, tenant, amounts)
    await app.ledger.budgets.set(Subject(kind, name, tenant), amounts)
    return await show_budget(kind, name, app, tenant)


@router.delete("/{kind}/{name}", status_code=204)
async def remove_budget(kind: Kind, name: str, app: CurrentApp, tenant: Tenant) -> None:
    """Take all of its limits away."""
    _own(kind, name, tenant)
    await _check_widening(app, kind, tenant, {})
    if not await app.ledger.budgets.remove(Subject(kind, name, tenant)):
        raise NotFound(f"There is no budget of {Subject(kind, name, tenant)}.")


def _own(kind: Kind, name: str, tenant: TenantId) -> None:
    """NotFound for another tenant."""
    if kind == "tenant" and name not in (tenant, EACH):
        raise NotFound(f"There is no tenant {name!r}.")


async def _check_widening(
    app: App, kind: Kind, tenant: TenantId, amounts: Mapping[Measure, int | None]
) -> None:
    """Conflict where a tenant would allow itself more than is meant for it."""
    if tenant == DEFAULT_TENANT:
        return
    if kind == "tenant":
        raise Conflict("What a tenant may use is set by `bedplate budgets set tenant NAME`.")
    for standing in await app.ledger.budgets.list(EVERYONE):
        limit = standing.limit
        wanted = amounts.get(limit.measure)
        over_all = (limit.subject.kind, limit.subject.name) == (kind, EACH)
        if over_all and wanted is not None and wanted > limit.amount:
            most = shown_amount(limit.measure.unit, limit.amount)
            raise Conflict(
                f"{limit.measure.name} of {limit.subject} is {most} over all tenants: a tenant may "
                "set less."
            )


def _amount(unit: Unit, value: Decimal | int | None) -> int | None:
    if value is None:
        return None
    return to_micro(Decimal(value)) if unit == "usd" else int(value)


def _number(unit: Unit, amount: int) -> float:
    return float(from_micro(amount)) if unit == "usd" else amount
