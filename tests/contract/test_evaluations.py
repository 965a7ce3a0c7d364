"""What every place that keeps verdicts of online evaluation promises (evaluations/protocol.py)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.fixtures.postgres import catalog_database

from bedplate.domain.answers import Support
from bedplate.domain.evaluations import Evaluation, EvaluationGroup, HallucinationRate
from bedplate.domain.ids import TenantId
from bedplate.evaluations import EVALUATIONS
from bedplate.evaluations.protocol import Evaluations
from bedplate.state import CATALOGS

T1, T2 = TenantId("t1"), TenantId("t2")
NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgres"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Evaluations]:
    if request.param == "sqlite":
        async with EVALUATIONS.load("sqlite")(tmp_path / "evaluations.db") as opened:
            yield opened
        return
    with catalog_database() as address:
        async with CATALOGS.load("postgres")(address):
            pass
        async with EVALUATIONS.load("postgres")(address) as opened:
            yield opened
        with psycopg.connect(address, autocommit=True) as db:
            db.execute("DELETE FROM bedplate.evaluation")
            db.execute("DELETE FROM bedplate.evaluation_collection")


def verdict(id: str, verdict: Support = "supported", **facts: Any) -> Evaluation:
    return replace(Evaluation(id, NOON, T1, "m", verdict, 0.5, "check", trace_id="t"), **facts)


async def rates(
    kept: Evaluations, by: EvaluationGroup, tenant: TenantId | None = T1, days: int = 1
) -> dict[str, tuple[int, int, int]]:
    found = await kept.rates(tenant, by, since=NOON - days * DAY, until=NOON + days * DAY)
    return {each.group: (each.judged, each.unsupported, each.failed) for each in found}


async def test_rates_are_added_up_by_each_group(kept: Evaluations) -> None:
    await kept.add(
        [
            verdict("a", assistant="shop", collections=("terms", "faq", "faq")),
            verdict("b", "unsupported", assistant="shop", collections=("terms",)),
            verdict("c", "failed", model="n"),
            verdict("d", "unchecked"),
            verdict("e", "unsupported", model="n", at=NOON - DAY / 2),
        ]
    )
    assert await rates(kept, "assistant") == {"": (1, 1, 1), "shop": (2, 1, 0)}
    assert await rates(kept, "model") == {"m": (2, 1, 0), "n": (1, 1, 1)}
    assert await rates(kept, "collection") == {"terms": (2, 1, 0), "faq": (1, 0, 0)}
    assert await rates(kept, "day") == {"2026-03-30": (3, 2, 1)}


async def test_the_groups_come_in_order_with_their_intervals(kept: Evaluations) -> None:
    await kept.add([verdict(f"a{n}", model="much") for n in range(9)])
    await kept.add([verdict("b", model="little"), verdict("c", "unsupported", model="much")])
    found = await kept.rates(T1, "model", since=NOON, until=NOON + DAY)
    assert found == (
        HallucinationRate.of("much", 10, 1, 0),
        HallucinationRate.of("little", 1, 0, 0),
    )
    await kept.add([verdict("d", at=NOON - 3 * DAY), verdict("e", at=NOON - 2 * DAY)])
    days = await kept.rates(T1, "day", since=NOON - 4 * DAY, until=NOON)
    assert [each.group for each in days] == ["2026-03-27", "2026-03-28"]


async def test_each_tenant_has_its_own_and_all_are_added_up_without_one(kept: Evaluations) -> None:
    await kept.add([verdict("a", collections=("c",)), verdict("a", tenant=T2, collections=("c",))])
    assert await rates(kept, "collection", T2) == {"c": (1, 0, 0)}
    assert await rates(kept, "collection", None) == {"c": (2, 0, 0)}
    assert await rates(kept, "model", TenantId("t3")) == {}


async def test_a_verdict_is_kept_once_until_it_is_old(kept: Evaluations) -> None:
    old = verdict("a", at=NOON - DAY, collections=("c",))
    await kept.add([old, verdict("b", collections=("c",))])
    await kept.add([replace(old, verdict="unsupported")])
    assert await rates(kept, "collection", days=2) == {"c": (2, 0, 0)}
    assert await kept.forget(NOON) == 1
    assert await rates(kept, "collection", days=2) == {"c": (1, 0, 0)}
    assert await kept.forget(NOON) == 0
