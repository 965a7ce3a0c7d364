"""/api/evaluations: the share of answers that their sources do not carry."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.schemas import Shown
from bedplate.api.usage import period
from bedplate.domain.evaluations import EvaluationGroup

router = APIRouter(prefix="/api/evaluations", tags=["evaluations"])


class Rate(Shown):
    """`rate` is `unsupported` / `judged`, null where nothing was judged, and lies from `low` to `high`
    with 95 %. `failed` answers could not be judged. `group` is a day in UTC, or a name, "" for none.
    """

    group: str
    judged: int
    unsupported: int
    failed: int
    rate: float | None
    low: float
    high: float


class RateReport(Shown):
    by: EvaluationGroup
    since: datetime
    until: datetime
    rates: list[Rate]


@router.get("/hallucination")
async def hallucination_rates(
    app: CurrentApp,
    tenant: Tenant,
    by: EvaluationGroup = "day",
    since: Annotated[AwareDatetime | None, Query(description="The last 30 days.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment; now.")] = None,
) -> RateReport:
    """Days in order; others by how many answers were judged."""
    first, last = period(since, until)
    found = await app.evaluation.rates(tenant, by, since=first, until=last)
    return RateReport(
        by=by, since=first, until=last, rates=[Rate.model_validate(each) for each in found]
    )
