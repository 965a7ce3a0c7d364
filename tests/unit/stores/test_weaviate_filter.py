"""Filters as terms: every comparison that they claim means what the memory store says it means."""

import math
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.fixtures.weaviate_engine import Engine, Stored, compiled
from weaviate.collections.filters import _FilterToGRPC

from bedplate.domain.documents import Metadata
from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, normalise_date
from bedplate.domain.ids import DocumentId
from bedplate.stores.memory import passes
from bedplate.stores.weaviate_filter import (
    DOCUMENT,
    FACTS,
    compares,
    compile_filter,
    facts,
    of_documents,
    term,
)

MADE = Engine().create(
    {
        "class": "Test",
        "properties": [
            {"name": DOCUMENT, "dataType": ["text"], "tokenization": "field"},
            {"name": FACTS, "dataType": ["text[]"], "tokenization": "field"},
        ],
        "multiTenancyConfig": {"enabled": True},
    }
)
FIELDS = st.sampled_from(["a", "b", 'a"} or 1', "__class__", "雨", "a\x00b", ""])
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
EDGES = st.sampled_from([2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 0.0, -0.0, 1e308, 5e-324, 1.5])
NUMBERS = WHOLE | EDGES | st.floats(allow_nan=False)
DATES = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
TEXTS = st.sampled_from(["", " ", "x", "x ", "X", "5", "true", "nobody", "x y"]) | st.text(
    max_size=5
)
SCALARS = st.booleans() | NUMBERS | DATES | TEXTS | st.sampled_from(["2025-01-05", "0001-01-01"])
METADATA = st.dictionaries(FIELDS, SCALARS | st.none() | st.lists(SCALARS, max_size=3), max_size=3)
EQUALITIES = st.sampled_from(["eq", "ne"])
ORDERS = st.sampled_from(["gt", "gte", "lt", "lte"])
NAMED = st.sampled_from([DocumentId("d"), DocumentId("d "), DocumentId("other")])


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field = draw(FIELDS)
    kind, values = draw(
        st.sampled_from(
            [
                ("number", NUMBERS),
                ("date", DATES.map(normalise_date)),
                ("string", TEXTS),
                ("boolean", st.booleans()),
            ]
        )
    )
    shape = draw(st.sampled_from(["equal", "member", "order", "exists"]))
    if shape == "exists":
        return Comparison(field, "exists", draw(st.booleans()), "string")
    if shape == "member":
        members = tuple(draw(st.lists(values, min_size=1, max_size=4)))
        return Comparison(field, draw(st.sampled_from(["in", "nin"])), members, kind)
    operator = draw(ORDERS if shape == "order" and kind != "boolean" else EQUALITIES)
    return Comparison(field, operator, draw(values), kind)


FILTERS = st.recursive(
    comparisons().filter(compares) | st.lists(NAMED, max_size=3).map(lambda d: Documents(tuple(d))),
    lambda inner: (
        inner.map(Not) | st.lists(inner, max_size=3).map(And) | st.lists(inner, max_size=3).map(Or)
    ),
    max_leaves=6,
)


def found(metadata: Metadata, filter: Filter) -> bool:
    terms = {FACTS: frozenset(facts(metadata)), DOCUMENT: frozenset([term(DOCUMENT, "d")])}
    where = _FilterToGRPC.convert(compile_filter(filter))
    return compiled(MADE, where)(Stored("", {}, {}, terms))


@settings(max_examples=200, deadline=None)
@given(METADATA, FILTERS)
@example({"a": 2**53 + 1}, Comparison("a", "eq", 2**53, "number"))
@example({"a": float(2**53)}, Comparison("a", "eq", 2**53, "number"))
@example({"a": 2**53 + 1}, Comparison("a", "gt", 2**53 - 1, "number"))
@example({"a": -0.0}, Comparison("a", "gte", 0, "number"))
@example({"a": math.inf}, Comparison("a", "gt", 5, "number"))
@example({"a": True}, Comparison("a", "eq", 1, "number"))
@example(
    {"a": [1, 9]}, And([Comparison("a", "gt", 5, "number"), Comparison("a", "lt", 2, "number")])
)
def test_a_filter_passes_what_the_memory_store_passes(metadata: Any, filter: Filter) -> None:
    assert found(metadata, filter) == passes(DocumentId("d"), metadata, filter)


@given(NUMBERS, NUMBERS)
def test_ranges_follow_the_order_of_numbers(value: float, bound: float) -> None:
    test = Comparison("a", "lt", bound, "number")
    if compares(test):
        assert found({"a": value}, test) == (value < bound)


def test_the_order_of_texts_and_of_huge_numbers_is_left_to_the_catalog() -> None:
    assert not compares(Comparison("a", "gt", "x", "string"))
    assert not compares(Comparison("a", "lt", 2**53, "number"))
    assert not compares(Comparison("a", "lt", -(2.0**60), "number"))
    assert compares(Comparison("a", "lt", 2**53 - 1, "number"))
    assert compares(Comparison("a", "eq", 2**60 + 1, "number"))
    assert compares(Comparison("a", "in", ("x",), "string"))


def test_what_the_catalog_takes_for_no_value_is_none_here() -> None:
    nothing: Metadata = {"a": math.nan, "b": None, "c": [], "d": [None]}  # type: ignore[dict-item]
    assert facts(nothing) == []


def test_terms_of_different_parts_never_meet() -> None:
    assert term("ab", "c") != term("a", "bc") != term("a", "b", "c")
    assert {len(term("x" * size)) for size in (0, 1, 10_000)} == {24}
    assert term("\ud800") != term("?")


def test_a_range_asks_for_few_terms() -> None:
    for value in (0, 1, -1, 50, 99.5, 1e15, -(2**53) + 1):
        for operator in ("lt", "lte", "gt", "gte"):
            where = compile_filter(Comparison("a", operator, value, "number"))  # type: ignore[arg-type]
            assert len(_FilterToGRPC.convert(where).value_text_array.values) <= 241


def test_no_name_or_value_of_a_caller_is_in_a_filter() -> None:
    said = 'x" OR 1=1 } '
    tree = Or(
        [Comparison(said, "eq", said, "string"), of(said), Comparison(said, "gt", 5, "number")]
    )
    assert (
        said.strip().encode() not in _FilterToGRPC.convert(compile_filter(tree)).SerializeToString()
    )
    assert of_documents([said]).value == term(DOCUMENT, said)  # type: ignore[union-attr]


def of(name: str) -> Documents:
    return Documents((DocumentId(name),))
