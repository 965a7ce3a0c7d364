"""/api/usage/lines and /api/usage/reconciliation: each line of the ledger, and a provider's beside it."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, Field

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.schemas import Body, Shown, Text
from bedplate.api.usage import period
from bedplate.domain.usage import BilledUsage, Drift
from bedplate.ledger.reconciliation import MOST_ROWS, reconciled, whole_days
from bedplate.ledger.spreadsheet import lines_as_csv
from bedplate.lineup import provider_models

CSV = "text/csv"

router = APIRouter(prefix="/api/usage", tags=["usage"])


class Line(Shown):
    """`unpriced` calls are not in `cost_usd`; of `estimated` ones the provider reported no tokens."""

    day: str
    tenant: str
    key: str
    assistant: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float
    unpriced: int
    estimated: int


class LineList(Shown):
    since: datetime
    until: datetime
    lines: list[Line]


class BilledLine(Body):
    """What the provider says of one day, in UTC, and one of its models."""

    day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    model: Annotated[Text, Field(min_length=1)]
    input_tokens: Annotated[int | None, Field(ge=0)] = None
    output_tokens: Annotated[int | None, Field(ge=0)] = None
    cost_usd: Annotated[Decimal | None, Field(ge=0, max_digits=24, decimal_places=9)] = None


class Bill(Body):
    lines: Annotated[list[BilledLine], Field(min_length=1, max_length=MOST_ROWS)]
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.01


class DriftLine(Shown):
    """`ours` beside the provider's. A share is what ours is above it; null where it says nothing."""

    day: str
    model: str
    requests: int
    estimated: int
    unpriced: int
    input_tokens: int
    billed_input_tokens: int | None
    input_share: float | None
    output_tokens: int
    billed_output_tokens: int | None
    output_share: float | None
    cost_usd: float
    billed_cost_usd: float | None
    cost_share: float | None
    exceeds: bool


class Reconciliation(Shown):
    """`within` says that no line is further off than `tolerance`."""

    tolerance: float
    within: bool
    lines: list[DriftLine]


@router.get("/lines", response_model=LineList)
async def usage_lines(
    app: CurrentApp,
    tenant: Tenant,
    since: Annotated[AwareDatetime | None, Query(description="The last 30 days.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment; now.")] = None,
    format: Annotated[Literal["json", "csv"], Query()] = "json",
) -> Response | LineList:
    """What calls used by day, key, assistant and model at once; as JSON, or as a file of CSV."""
    first, last = period(since, until)
    found = await app.ledger.usage.lines(tenant, since=first, until=last)
    if format == "json":
        return LineList(since=first, until=last, lines=[Line.model_validate(x) for x in found])
    named = {"Content-Disposition": 'attachment; filename="usage.csv"'}
    return Response(lines_as_csv(found), media_type=CSV, headers=named)


@router.post("/reconciliation")
async def reconcile(bill: Bill, app: CurrentApp, tenant: Tenant) -> Reconciliation:
    """Compare a provider's figures with ours, by day and by its model's name."""
    first, last = whole_days([each.day for each in bill.lines])
    lines = await app.ledger.usage.lines(tenant, since=first, until=last)
    billed = [BilledUsage(**each.model_dump()) for each in bill.lines]
    drifts = reconciled(lines, billed, provider_models(app.config.models))
    shown = [drift_line(each, bill.tolerance) for each in drifts]
    return Reconciliation(
        tolerance=bill.tolerance, within=not any(each.exceeds for each in shown), lines=shown
    )


def drift_line(drift: Drift, tolerance: float) -> DriftLine:
    ours, theirs = drift.ours, drift.theirs
    billed = theirs.cost_usd
    return DriftLine(
        day=drift.day,
        model=drift.model,
        requests=drift.requests,
        estimated=drift.estimated,
        unpriced=drift.unpriced,
        input_tokens=ours.input_tokens or 0,
        billed_input_tokens=theirs.input_tokens,
        input_share=drift.input_share,
        output_tokens=ours.output_tokens or 0,
        billed_output_tokens=theirs.output_tokens,
        output_share=drift.output_share,
        cost_usd=float(ours.cost_usd or 0),
        billed_cost_usd=None if billed is None else float(billed),
        cost_share=drift.cost_share,
        exceeds=drift.exceeds(tolerance),
    )
