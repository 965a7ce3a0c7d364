"""Facts: membership means what the comparison means, whatever the values and names are."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bedplate.domain.documents import Scalar
from bedplate.domain.filters import Comparison, kind_of, normalise_date
from bedplate.domain.ids import DocumentId
from bedplate.stores.facts import compares, facts_of, facts_wanted
from bedplate.stores.memory import passes

INTEGERS = st.integers(-(2**63), 2**63 - 1)
NEAR = st.builds(lambda power, step: 2**power + step, st.integers(50, 62), st.integers(-3, 3))
NUMBERS = st.one_of(
    INTEGERS, NEAR, NEAR.map(lambda n: -n), NEAR.map(float), st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
DATES = st.datetimes().map(lambda moment: moment.isoformat())
SCALARS: st.SearchStrategy[Scalar] = st.one_of(NUMBERS, TEXT, DATES, st.booleans())
NAMES = st.sampled_from(["a", "b", "a ", "雨", "'; drop--", 'x" or 1', ""])


def coerced(value: Scalar) -> Scalar:
    return (normalise_date(value) or value) if isinstance(value, str) else value


@st.composite
def comparisons(draw: st.DrawFn, pool: list[Scalar]) -> Comparison:
    value = coerced(draw(st.one_of(st.sampled_from(pool), SCALARS) if pool else SCALARS))
    kind = kind_of(value)
    operators = ["eq", "ne", "in", "nin", "exists"]
    if kind in ("number", "date"):
        operators += ["gt", "gte", "lt", "lte"] * 2
    operator: Any = draw(st.sampled_from(operators))
    if operator in ("in", "nin"):
        more = [coerced(each) for each in draw(st.lists(SCALARS, max_size=3))]
        return Comparison(
            draw(NAMES), operator, (value, *[m for m in more if kind_of(m) == kind]), kind
        )
    if operator == "exists":
        return Comparison(draw(NAMES), operator, draw(st.booleans()), "string")
    return Comparison(draw(NAMES), operator, value, kind)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(NAMES, st.one_of(st.none(), SCALARS, st.lists(SCALARS, max_size=4))), st.data()
)
def test_membership_means_what_the_comparison_means(
    metadata: dict[str, Any], data: st.DataObject
) -> None:
    pool = [
        member
        for value in metadata.values()
        for member in (value if isinstance(value, list) else [value])
        if member is not None
    ]
    test = data.draw(comparisons(pool))
    assert compares(test)
    wanted, negated = facts_wanted(test)
    held = facts_of(metadata)
    found = (not set(wanted).isdisjoint(held)) != negated
    assert found == passes(DocumentId("d"), metadata, test)


@settings(max_examples=150, deadline=None)
@given(NUMBERS, NUMBERS)
@example(2**53, 2.0**53)
@example(2**53 + 1, 2.0**53)
@example(2**63 - 1, 2.0**63)
@example(0.0, -0.0)
@example(5, 5.0)
def test_integers_and_floats_are_ordered_exactly(held: float, bound: float) -> None:
    for operator, expected in (("gt", held > bound), ("lte", held <= bound), ("eq", held == bound)):
        wanted, _ = facts_wanted(Comparison("n", operator, bound, "number"))  # type: ignore[arg-type]
        assert (not set(wanted).isdisjoint(facts_of({"n": held}))) == expected


def test_a_value_makes_few_facts_and_a_bound_asks_for_few() -> None:
    assert len(facts_of({"price": 99.5})) == 17
    assert len(facts_of({"big": 2**60 + 1})) == 20
    assert len(facts_of({"day": "2026-01-05"})) == 16
    assert len(facts_of({"many": list(range(1000))})) < 1050
    for bound in (50, -50, 0.1, 2**62 + 5):
        assert len(facts_wanted(Comparison("n", "gt", bound, "number"))[0]) <= 15 * 19


def test_facts_are_63_bit_numbers_in_order() -> None:
    facts = facts_of({"a": ["x", "y", 1, True], "b": "2026-01-01"})
    assert facts == sorted(set(facts))
    assert all(0 <= fact < 2**63 for fact in facts)


def test_only_the_order_of_texts_cannot_be_told() -> None:
    assert not compares(Comparison("name", "lt", "m", "string"))
    assert compares(Comparison("name", "ne", "m", "string"))
    assert compares(Comparison("day", "lt", "2026-01-01T00:00:00.000000+00:00", "date"))


def test_missing_null_and_numbers_that_are_none_are_not_there() -> None:
    assert facts_of({"a": None, "b": [], "c": float("nan"), "d": [None]}) == []  # type: ignore[list-item]
