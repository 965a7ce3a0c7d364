"""`bedplate hallucination`: the share of answers that their sources do not carry, in the terminal."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fixtures.command_line import Call

from bedplate.config import load_config
from bedplate.domain.evaluations import Evaluation
from bedplate.domain.ids import TenantId
from bedplate.evaluating import open_evaluations


@pytest.fixture
def judged(tmp_path: Path) -> None:
    """Four answers of the shop, one of them unsupported; one of another tenant; one of long ago."""
    data = tmp_path / "bedplate-data"
    data.mkdir()
    (data / "catalog.db").touch()
    now, ours = datetime.now(UTC), TenantId("default")
    rows = [
        Evaluation(str(n), now, ours, "m", "supported" if n else "unsupported", 0.5, "own", "shop")
        for n in range(4)
    ]
    rows.append(Evaluation("other", now, TenantId("other"), "m", "failed", 0.0, "own"))
    old = now - timedelta(days=60)
    rows.append(Evaluation("old", old, ours, "m", "unsupported", 0.0, "own", "shop"))

    async def keep() -> None:
        config = load_config(arguments={"data.dir": data}, environment={}).config
        async with open_evaluations(config) as kept:
            await kept.add(rows)

    asyncio.run(keep())


@pytest.mark.usefixtures("judged")
def test_rates_are_told_with_their_interval_by_group_and_time(call: Call) -> None:
    [rate] = call("hallucination", "--by", "assistant", "--tenant", "default", "--json").json[
        "rates"
    ]
    assert (rate["group"], rate["judged"], rate["unsupported"]) == ("shop", 4, 1)
    assert 0 < rate["low"] < rate["rate"] == 0.25 < rate["high"] < 1
    longer = call("hallucination", "--by", "assistant", "--days", "90", "--json").json["rates"]
    assert {each["group"]: each["judged"] for each in longer} == {"shop": 5, "": 0}
    shown = call("hallucination", "--by", "assistant").out
    assert "25.0%" in shown
    assert "shop" in shown
    assert "No answer was judged" in call("hallucination", "--tenant", "nobody").out


def test_it_needs_data(call: Call) -> None:
    assert "There is no data" in call("hallucination").err
