"""Pinecone's conditions against the yardstick, whichever way it reads a missing field."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.fixtures.pinecone_server import passes as pinecone_passes

from bedplate.domain.documents import Metadata, Scalar
from bedplate.domain.filters import (
    And,
    Comparison,
    Documents,
    FieldKind,
    Filter,
    Not,
    Operator,
    Or,
    normalise_date,
)
from bedplate.domain.ids import DocumentId
from bedplate.errors import BadFilter
from bedplate.stores.memory import passes
from bedplate.stores.pinecone_filter import (
    DOCUMENT,
    can_compare,
    document_key,
    indexed_fields,
    to_condition,
)

FIELDS = ["price", "$or", 'a"b', "雨", "document", "_id", "dense", "", "x" * 1000]
IDS = [DocumentId(name) for name in ("a", "b", "c#1", "$in")]
DATES = [
    "2025-01-05",
    "2026-03-01T10:00:00Z",
    "1500-01-01",
    "9999-12-31",
    "1970-01-01T00:00:00+02:00",
]
TEXTS = st.sampled_from(["", "red", "$eq", "n5", "b1", "é", "e\u0301", "z" * 300, "\x00", "5"])
EDGES = [0, 5, -5, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 10**400]
NUMBERS = st.one_of(
    st.sampled_from(EDGES),
    st.sampled_from([0.0, -0.0, 5.0, 0.5, 2.0**53, 1e300, -1e300, 5e-324]),
    st.integers(-3, 3),
)
SCALARS = st.one_of(st.booleans(), NUMBERS, TEXTS, st.sampled_from(DATES))
METADATA = st.dictionaries(
    st.sampled_from(FIELDS), st.one_of(st.none(), SCALARS, st.lists(SCALARS, max_size=4))
)
OF_KIND: dict[FieldKind, st.SearchStrategy[Scalar]] = {
    "boolean": st.booleans(),
    # What a filter holds is checked before: 64-bit integers and finite numbers.
    "number": NUMBERS.filter(lambda number: abs(number) < 2**63 or isinstance(number, float)),
    "string": TEXTS,
    "date": st.sampled_from(DATES).map(lambda date: normalise_date(date) or ""),
}


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field = draw(st.sampled_from(FIELDS))
    kind = draw(st.sampled_from(sorted(OF_KIND)))
    operators: list[Operator] = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "exists"]
    operator = draw(st.sampled_from(operators))
    if operator == "exists":
        return Comparison(field, operator, draw(st.booleans()), "string")
    if operator in ("in", "nin"):
        values = draw(st.lists(OF_KIND[kind], min_size=1, max_size=3))
        return Comparison(field, operator, tuple(values), kind)
    test = Comparison(field, operator, draw(OF_KIND[kind]), kind)
    assume(can_compare(test))
    return test


DOCUMENTS = st.lists(st.sampled_from(IDS), max_size=3).map(lambda ids: Documents(tuple(ids)))
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.one_of(comparisons(), DOCUMENTS),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(And),
        st.lists(inner, max_size=3).map(Or),
    ),
    max_leaves=6,
)


@given(metadata=METADATA, document=st.sampled_from(IDS), filter=FILTERS, missing=st.booleans())
def test_a_condition_passes_what_the_filter_passes(
    metadata: Metadata, document: DocumentId, filter: Filter, missing: bool
) -> None:
    record = {DOCUMENT: document_key(document), **indexed_fields(metadata)}
    found = pinecone_passes(record, to_condition(filter), missing_passes=missing)
    assert found == passes(document, metadata, filter)


@given(metadata=METADATA)
def test_kept_fields_have_only_names_and_values_that_pinecone_takes(metadata: Metadata) -> None:
    for key, value in indexed_fields(metadata).items():
        assert key.isascii()
        assert key[0].isalpha()
        assert len(key) <= 50
        assert isinstance(value, float) or all(isinstance(token, str) for token in value)


@pytest.mark.parametrize(
    ("kind", "value", "possible"),
    [
        ("number", 2**53 - 1, True),
        ("number", 2**53, False),
        ("number", -1e300, False),
        ("date", "2026-01-01T00:00:00.000000+00:00", True),
        ("date", "1500-01-01T00:00:00.000000+00:00", False),
        ("string", "b", False),
    ],
)
def test_only_orders_that_a_float_keeps_are_compared(
    kind: FieldKind, value: Scalar, possible: bool
) -> None:
    test = Comparison("x", "gt", value, kind)
    assert can_compare(test) is possible
    if not possible:
        with pytest.raises(BadFilter, match="'x'"):
            to_condition(test)


@pytest.mark.parametrize("negated", [False, True])
def test_numbers_that_a_float_rounds_are_ordered_rightly(negated: bool) -> None:
    """Every pair of edges, so that none depends on luck."""
    orders: list[Operator] = ["gt", "gte", "lt", "lte", "eq", "ne"]
    numbers = [*EDGES, *(-edge for edge in EDGES), 2.0**53, 0.5, 1e300, 5e-324]
    tests = [Comparison("x", order, bound, "number") for bound in numbers for order in orders]
    for test in filter(can_compare, tests):
        wanted = Not(test) if negated else test
        condition = to_condition(wanted)
        for number in numbers:
            record = {DOCUMENT: "d", **indexed_fields({"x": number})}
            found = pinecone_passes(record, condition, missing_passes=False)
            assert found == passes(IDS[0], {"x": number}, wanted), (number, wanted)


def test_a_condition_is_written_in_pinecones_operators_only() -> None:
    both = And(
        [Comparison("price", "lt", 5, "number"), Not(Comparison("tag", "eq", "x", "string"))]
    )
    least, tags = ["number_least_", "values_"]
    first, second = to_condition(both)["$and"]
    assert [(key[: len(least)], test) for key, test in first.items()] == [(least, {"$lt": 5.0})]
    absent, other = second["$or"]
    (key,) = absent
    assert key.startswith(tags)
    assert absent[key] == {"$exists": False}
    assert other == {key: {"$nin": ["sx"]}}
