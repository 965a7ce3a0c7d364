"""/api/usage: what model calls used, by day, model, key or assistant."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.schemas import Shown
from bedplate.errors import InvalidInput
from bedplate.ledger.protocol import Grouping

DAYS = 30

router = APIRouter(prefix="/api/usage", tags=["usage"])


class Used(Shown):
    """`group` is a day in UTC, or a name, "" for none. `unpriced` calls are not in `cost_usd`."""

    group: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    unpriced: int


class UsageReport(Shown):
    by: Grouping
    since: datetime
    until: datetime
    usage: list[Used]


@router.get("")
async def report_usage(
    app: CurrentApp,
    tenant: Tenant,
    by: Grouping = "day",
    since: Annotated[AwareDatetime | None, Query(description="The last 30 days.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment; now.")] = None,
) -> UsageReport:
    """Days in order; others dearest first."""
    first, last = period(since, until)
    found = await app.ledger.usage.summarise(tenant, by, since=first, until=last)
    return UsageReport(
        by=by, since=first, until=last, usage=[Used.model_validate(each) for each in found]
    )


def period(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """The last 30 days where nothing is said. InvalidInput where it would have no length."""
    last = until or datetime.now(UTC)
    first = since or last - timedelta(days=DAYS)
    if first >= last:
        raise InvalidInput(f"since is {first}, which is not before {last}.", param="since")
    return first, last
