"""The usage log beside a provider's own figures."""

from decimal import Decimal
from typing import Any

import pytest

from bedplate.domain.ids import TenantId
from bedplate.domain.usage import BilledUsage, UsageLine
from bedplate.errors import InvalidInput
from bedplate.ledger.reconciliation import read_bill, reconciled, whole_days
from bedplate.ledger.spreadsheet import lines_as_csv

DAY, NEXT = "2026-03-30", "2026-03-31"


def line(model: str = "cloud", day: str = DAY, **figures: Any) -> UsageLine:
    known = {"requests": 1, "input_tokens": 100, "output_tokens": 10, "cached_tokens": 0,
             "cost_usd": Decimal("0.5"), "unpriced": 0, "estimated": 0}  # fmt: skip
    return UsageLine(day, TenantId("t"), "k", "", model, **{**known, **figures})


def test_ours_are_added_up_under_the_provider_s_name() -> None:
    bill = [BilledUsage(DAY, "gpt", 400, 20, Decimal("1.25"))]
    lines = [line(), line("other", estimated=1), line("local")]
    [drift] = reconciled(lines, bill, {"cloud": "gpt", "other": "gpt"})
    assert (drift.requests, drift.estimated) == (2, 1)
    assert (drift.input_share, drift.output_share, drift.cost_share) == (-0.5, 0.0, -0.2)
    assert drift.exceeds(0.49)
    assert not drift.exceeds(0.5)


def test_a_day_that_only_one_side_knows_is_a_drift() -> None:
    bill = [BilledUsage(NEXT, "gpt", 7, 0)]
    ours, theirs = reconciled([line("gpt")], bill, {})
    assert (ours.day, ours.theirs.input_tokens, ours.input_share) == (DAY, 0, None)
    assert (theirs.day, theirs.requests, theirs.input_share) == (NEXT, 0, -1.0)
    assert ours.exceeds(1.0)
    assert theirs.exceeds(0.99)


def test_what_the_bill_does_not_say_is_no_drift() -> None:
    [drift] = reconciled([line("gpt")], [BilledUsage(DAY, "gpt", cost_usd=Decimal("0.5"))], {})
    assert (drift.input_share, drift.cost_share) == (None, 0.0)
    assert not drift.exceeds(0.0)


def test_lines_of_one_day_and_model_are_one() -> None:
    bill = read_bill("Date,Model,Input_Tokens,Cost_USD\n2026-03-30T10:00:00Z,gpt,60,0.2\n"
                     "2026-03-30,gpt,40,\n")  # fmt: skip
    [drift] = reconciled([line("gpt")], bill, {})
    assert (drift.theirs.input_tokens, drift.theirs.cost_usd) == (100, Decimal("0.2"))
    assert drift.theirs.output_tokens is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "it has none"),
        ("day,model\n", "at least one of input_tokens"),
        ("model,cost_usd\nm,1\n", "it has model, cost_usd"),
        ("day,model,cost_usd\n30.03.2026,m,1\n", "Line 2 of the bill needs a day"),
        ("day,model,cost_usd\n2026-03-30,,1\n", "Line 2"),
        ("day,model,cost_usd\n2026-03-30,m,1\n2026-03-30,m,one\n", "Line 3 of the bill: cost_usd"),
        ("day,model,cost_usd\n2026-03-30,m,-1\n", "which is no amount"),
        ("day,model,cost_usd\n2026-03-30,m,nan\n", "which is no amount"),
    ],
)
def test_a_bill_that_cannot_be_read_is_refused_by_its_line(text: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        read_bill(text)


def test_the_days_of_a_bill_are_whole() -> None:
    first, last = whole_days([NEXT, DAY])
    assert (first.isoformat(), last.isoformat()) == (
        "2026-03-30T00:00:00+00:00",
        "2026-04-01T00:00:00+00:00",
    )
    with pytest.raises(InvalidInput, match="no day"):
        whole_days(["2026-02-30"])


def test_a_name_that_a_spreadsheet_would_run_is_only_text() -> None:
    _, row = lines_as_csv([line("=cmd()", cost_usd=Decimal("0.000001"))]).splitlines()
    assert row == "2026-03-30,t,k,,'=cmd(),1,100,10,0,0.000001,0,0"
