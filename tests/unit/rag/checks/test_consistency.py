"""Whether an answer says one thing and its opposite."""

import pytest

from bedplate.domain.answers import Claim
from bedplate.rag.checks.consistency import inconsistent


def found(text: str, *claims: Claim) -> list[str]:
    return [failure.claim for failure in inconsistent(text, claims)]


def claim(text: str, score: float = 0.9, cited: tuple[int, ...] = (1,)) -> Claim:
    return Claim(text, supported=True, score=score, cited=cited)


def test_the_claim_that_its_sources_carry_less_is_named_with_the_other_one() -> None:
    one, other = (
        claim("You have 60 days from delivery to return it.", 0.7),
        claim("You have 30 days from delivery to return it."),
    )
    [failure] = inconsistent(f"{other.text} {one.text}", [other, one])
    assert (failure.claim, failure.rule) == (one.text, "consistency")
    assert failure.message == (
        "The answer also says this with another number: 'You have 30 days from delivery to return it.'"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A pitched tent is refunded in full.", "A pitched tent is not refunded in full."),
        ("The shop in Leeds opens in March.", "The shop in Leeds opens in June."),
    ],
)
def test_a_negation_and_a_date_contradict_too(one: str, other: str) -> None:
    assert found(f"{one} {other}", claim(one), claim(other)) == [other]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "You have 60 days from delivery to return it.",
            "Members of the club have 90 days from delivery to return it.",
        ),
        ("Standard delivery takes 3 days.", "Express delivery takes 2 days."),
        (
            "In 2024 you had 30 days from delivery to return it.",
            "In 2026 you had 60 days from delivery to return it.",
        ),
        ("It takes 3 days to ship a parcel.", "It takes 5 days to ship a parcel."),
        ("The tent has 2 poles and 4 pegs.", "The tent has 3 poles and 6 pegs."),
        ("Step 1 is to wait 5 minutes.", "Step 2 is to wait 7 minutes."),
        (
            "You have 60 days from delivery to return it.",
            "You have 60 days from delivery to return it.",
        ),
    ],
)
def test_what_is_said_of_different_things_is_no_contradiction(one: str, other: str) -> None:
    assert found(f"{one} {other}", claim(one), claim(other)) == []


def test_other_paragraphs_and_other_sources_are_not_compared() -> None:
    one, other = "Returns are free for 60 days.", "Returns are free for 30 days."
    assert found(f"In the UK:\n{one}\n\nIn Norway:\n{other}", claim(one), claim(other)) == []
    assert found(f"{one} {other}", claim(one, cited=(1,)), claim(other, cited=(2,))) == []
