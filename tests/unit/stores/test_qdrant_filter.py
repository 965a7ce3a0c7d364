"""Payloads and filters of Qdrant, against the meaning that every store must give them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import models
from qdrant_client.local.payload_filters import check_filter

from bedplate.domain.documents import Metadata
from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Operator, Or
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.stores.memory import passes
from bedplate.stores.qdrant_filter import (
    CHUNK,
    COLLECTION,
    DOCUMENT,
    TENANT,
    compile_filter,
    fields_payload,
    is_exact,
    range_key,
    range_keys,
    range_kind,
    word,
)

SCOPE = Scope(TenantId("t"), "c")
DAYS = ("2026-01-02T00:00:00.000001+00:00", "2026-01-02T00:00:00.000002+00:00")

names = st.sampled_from(["a", 'a"].b[0]', "雨"])
texts = st.sampled_from(["x", "", "雨", '"', "true", "5", "\\", "x" * 600, "x" * 599 + "y"])
numbers = st.sampled_from([0, -0.0, 1, 1.0, 1.5, -7, 2**53 - 1, 2**53, 2**53 + 1, 1e300, 2**62])
scalars = st.one_of(texts, numbers, st.booleans(), st.sampled_from(DAYS), st.just("2026-01-02"))
metadata = st.dictionaries(names, st.one_of(st.none(), scalars, st.lists(scalars, max_size=3)))


@st.composite
def comparisons(draw: Any) -> Comparison:
    field = draw(names)
    operators: list[Operator] = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
    kind, values = draw(
        st.sampled_from(
            [
                ("string", texts),
                ("number", numbers),
                ("boolean", st.booleans()),
                ("date", st.sampled_from(DAYS)),
            ]
        )
    )
    if draw(st.booleans()):
        return Comparison(field, "exists", draw(st.booleans()), "string")
    operator = draw(st.sampled_from(operators))
    if operator in ("in", "nin"):
        return Comparison(field, operator, tuple(draw(st.lists(values, max_size=3))), kind)
    return Comparison(field, operator, draw(values), kind)


leaves = st.one_of(
    comparisons().filter(is_exact),
    st.lists(st.sampled_from(["d", "e", "f"]), max_size=3).map(
        lambda ids: Documents(tuple(map(DocumentId, ids)))
    ),
)
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(And), st.lists(inner, max_size=3).map(Or), inner.map(Not)
    ),
    max_leaves=6,
)


def meets(data: Metadata, filter: Filter | None, *, document: str = "d") -> bool:
    """As the client's local mode judges both after their way over the wire."""
    payload = {TENANT: "t", COLLECTION: "c", DOCUMENT: document, CHUNK: f"{document}#0"}
    sent = json.loads(json.dumps({**payload, **fields_payload(data)}, allow_nan=False))
    wire = compile_filter(SCOPE, filter).model_dump_json(exclude_unset=True, exclude_none=True)
    return check_filter(models.Filter.model_validate_json(wire), sent, 1, {})


@given(metadata, filters)
def test_a_filter_means_the_same_in_qdrant(data: Metadata, filter: Filter) -> None:
    assert meets(data, filter) == passes(DocumentId("d"), data, filter)


@pytest.mark.parametrize(
    ("operator", "value", "kind", "exact"),
    [
        ("lt", 2**53 - 1, "number", True),
        ("lt", 2**53, "number", False),
        ("gte", -(2**53), "number", False),
        ("gt", 1e300, "number", False),
        ("eq", 2**53 + 1, "number", True),
        ("gt", DAYS[0], "date", True),
        ("gt", "m", "string", False),
        ("in", ("m", "n"), "string", True),
    ],
)
def test_only_what_qdrant_compares_exactly_is_sent_to_it(
    operator: Operator, value: Any, kind: Any, exact: bool
) -> None:
    assert is_exact(Comparison("f", operator, value, kind)) is exact


def test_neighbouring_large_integers_are_told_apart_by_equality() -> None:
    assert meets({"n": 2**53 + 1}, Comparison("n", "eq", 2**53 + 1, "number"))
    assert not meets({"n": 2**53 + 1}, Comparison("n", "eq", 2**53, "number"))


@pytest.mark.parametrize(("kept", "asked"), [(5, 5.0), (5.0, 5), (0, -0.0), (-0.0, 0)])
def test_equal_numbers_are_equal_however_they_are_written(kept: float, asked: float) -> None:
    assert meets({"n": kept}, Comparison("n", "eq", asked, "number"))
    assert not meets({"n": kept}, Comparison("n", "nin", (asked, 77), "number"))


def test_a_number_beyond_64_bits_is_the_nearest_float() -> None:
    assert meets({"n": 10**25}, Comparison("n", "eq", 1e25, "number"))


def test_what_is_not_a_number_is_no_value_and_infinity_is_a_large_one() -> None:
    assert fields_payload({"n": float("nan")}) == {"fields": []}
    assert meets({"n": float("inf")}, Comparison("n", "gt", 5, "number"))
    assert meets({"n": float("-inf")}, Comparison("n", "lt", 5, "number"))


def test_words_of_different_fields_and_values_never_meet() -> None:
    assert word("a", "string", "b=c") != word("a=b", "string", "c")
    assert word('a","string', "string", "b") != word("a", "string", 'string","b')
    assert word("a", "string", "x" * 1000) != word("a", "string", "x" * 1001)
    assert len(word("a" * 100_000)) == 64


@given(st.text())
def test_a_range_key_is_a_plain_word_whatever_the_field_is_called(field: str) -> None:
    key = range_key(field, "date")
    assert key.isascii()
    assert key.replace("_", "").isalnum()
    assert range_kind(key) == "date"


def test_only_fields_with_numbers_or_dates_have_range_keys() -> None:
    data: Metadata = {"p": 5, "t": "x", "d": [DAYS[0], 7], "b": True, "n": None}
    assert range_keys(data) == {
        range_key("p", "number"),
        range_key("d", "date"),
        range_key("d", "number"),
    }
    assert range_keys(data) == {key for key in fields_payload(data) if range_kind(key)}
    assert [range_kind(key) for key in ("tenant", "number_", "fields")] == [None] * 3


def test_another_tenant_or_collection_never_passes() -> None:
    filter = compile_filter(SCOPE, Not(Documents(())))
    for tenant, collection in (("t", "d"), ("u", "c"), ("c", "t")):
        payload = {TENANT: tenant, COLLECTION: collection, DOCUMENT: "d"}
        assert not check_filter(filter, payload, 1, {})
