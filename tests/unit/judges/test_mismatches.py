"""What of a claim its sources state otherwise, told by words and amounts alone."""

import pytest
from tests.fixtures.judging import case

from bedplate.judges.drafts import draft
from bedplate.judges.protocol import Statement
from bedplate.judges.sources import Sources

TERMS = (
    "Refunds are paid within 30 days of the return. A parcel is kept at the counter for 14 days. "
    "Deliveries weigh at most 20 kg, and express deliveries at most 5 kg."
)


def found(claim: str, text: str = TERMS) -> tuple[str, ...]:
    sources = Sources(case(text).passages)
    return draft((Statement(claim, 0, len(claim)), sources.numbers), "", sources).mismatches


@pytest.mark.parametrize(
    "claim",
    [
        "Refunds are paid within 30 days.",
        "A refund is paid within 30 days after the return.",
        "The counter keeps a parcel for two weeks.",
        "Refunds are paid within 30 days, and the counter keeps a parcel for 14 days.",
        "Express deliveries weigh at most 5 kg.",
        "Deliveries weigh at most 20 kg.",
    ],
)
def test_an_amount_that_its_own_matter_has_is_no_mismatch(claim: str) -> None:
    assert found(claim) == ()


@pytest.mark.parametrize(
    "claim",
    [
        "Refunds are paid within 14 days of the return.",
        "Refunds are paid within two weeks.",
        "The counter keeps a parcel for 30 days.",
    ],
)
def test_an_amount_of_another_matter_is_a_mismatch(claim: str) -> None:
    assert found(claim) == ("number",)


def test_an_amount_that_nothing_about_the_matter_speaks_against_is_none() -> None:
    text = "You may send things back for 14 days. Parcels wait at the counter."
    assert found("Purchases are returnable for 14 days.", text) == ()
