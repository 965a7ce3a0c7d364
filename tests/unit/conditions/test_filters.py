"""Filters: what they mean, what they refuse, and that nothing else ever comes out of them."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.conditions.filters import load_json, parse_filter
from bedplate.domain.filters import (
    And,
    Comparison,
    Filter,
    Not,
    Or,
    kind_of,
    normalise_date,
)
from bedplate.errors import BadFilter

FIELDS = {
    "price": frozenset({"number"}),
    "stock": frozenset({"number"}),
    "category": frozenset({"string"}),
    "tags": frozenset({"string"}),
    "added": frozenset({"date"}),
    "sold": frozenset({"boolean"}),
    "note": frozenset({"string", "date", "number"}),
    "maker.name": frozenset({"string"}),
    "größe": frozenset({"number"}),
    "odd name": frozenset({"string"}),
    "and": frozenset({"boolean"}),
    "void": frozenset(),
}


def eq(field, value, kind="string"):
    return Comparison(field, "eq", value, kind)


def refusal(source, fields=FIELDS):
    with pytest.raises(BadFilter) as caught:
        parse_filter(source, fields)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith("filter: ")
    assert caught.value.param == "filter"
    return caught.value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("price < 50", Comparison("price", "lt", 50, "number")),
        ("price<=-1.5e1", Comparison("price", "lte", -15.0, "number")),
        ("price <> .5", Comparison("price", "ne", 0.5, "number")),
        ("category = 'rain'", eq("category", "rain")),
        ('category == "a \\"b\\" \\\\ \\n"', eq("category", 'a "b" \\ \n')),
        ("tags contains 'a'", eq("tags", "a")),
        ("tags in ('a', \"b\")", Comparison("tags", "in", ("a", "b"), "string")),
        ("stock NOT IN [1,2]", Comparison("stock", "nin", (1, 2), "number")),
        ("sold = TRUE", eq("sold", True, "boolean")),
        ("category exists", Comparison("category", "exists", True, "string")),
        ("void not exists", Comparison("void", "exists", False, "string")),
        ("maker.name = 'x'", eq("maker.name", "x")),
        ("größe > 1", Comparison("größe", "gt", 1, "number")),
        ("`odd name` = 'x'", eq("odd name", "x")),
        ("`and` = false", eq("and", False, "boolean")),
        (
            "added >= 2026-01-02",
            Comparison("added", "gte", "2026-01-02T00:00:00.000000+00:00", "date"),
        ),
        (
            "added < 2026-01-02T03:00:00+02:00",
            Comparison("added", "lt", "2026-01-02T01:00:00.000000+00:00", "date"),
        ),
        ("note = '2026-01-02'", eq("note", "2026-01-02T00:00:00.000000+00:00", "date")),
        ("note = '2026-01-0'", eq("note", "2026-01-0")),
        ("note = 7", eq("note", 7, "number")),
        ("category = '2026-01-02'", eq("category", "2026-01-02")),
    ],
)
def test_a_comparison_is_read_with_its_value_in_the_kind_of_the_field(source, expected):
    assert parse_filter(source, FIELDS) == expected


def test_not_binds_closer_than_and_and_and_closer_than_or():
    a, b, c = eq("price", 1, "number"), eq("stock", 2, "number"), eq("tags", "x")
    assert parse_filter("not price=1 and stock=2 or tags='x'", FIELDS) == Or((And((Not(a), b)), c))
    assert parse_filter("not (price=1 and (stock=2 or tags='x'))", FIELDS) == Not(
        And((a, Or((b, c))))
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"category": "rain"}, eq("category", "rain")),
        ({"price": {"$gte": 1, "$lt": 5}}, "price >= 1 and price < 5"),
        ({"price": 1, "stock": {"$ne": 0}}, "price = 1 and stock != 0"),
        ({"$or": [{"price": 1}, {"$not": {"stock": 2}}]}, "price = 1 or not stock = 2"),
        ({"$and": [{"price": 1}]}, "price = 1"),
        ({"price": {"$not": {"$lt": 5}}}, "not price < 5"),
        ({"tags": {"$in": ["a", "b"]}}, "tags in ('a','b')"),
        ({"tags": {"$nin": ["a"]}}, "tags not in ('a')"),
        ({"tags": {"$exists": False}}, "tags not exists"),
        ({"added": {"$gt": "2026-01-02"}}, "added > 2026-01-02"),
    ],
)
def test_json_means_the_same_as_the_expression(source, expected):
    tree = parse_filter(expected, FIELDS) if isinstance(expected, str) else expected
    assert parse_filter(source, FIELDS) == tree
    assert parse_filter("  " + json.dumps(source), FIELDS) == tree


@pytest.mark.parametrize(
    ("source", "position", "parts"),
    [
        ("price < and stock = 1", 9, ["expected a value after '<' at position 9", "price < and"]),
        ("price 5", 7, ["expected a comparison"]),
        ("(price = 5", 11, ["expected ')'"]),
        ("price = 5 stock = 1", 11, ["expected 'and', 'or' or the end after '5'"]),
        ("price = 5 ! stock", 11, ["unexpected '!'"]),
        ("category = 'rain", 12, ["never closed"]),
        ("category = rain", 12, ["text goes in quotes"]),
        ("tags in ()", 10, ["expected a value"]),
        ("= 5", 1, ["expected a field name"]),
        ("price = 1 and prize = 2", 15, ["'prize'", "'price'"]),
        ("price = 'x'", 1, ["'price' holds number", "string 'x'"]),
        ("added > 5", 1, ["'added' holds date", "number 5"]),
        ("sold > true", 1, ["'sold'", "ordered"]),
        ("void = 1", 1, ["holds no value yet"]),
        ("note in ('x', 1)", 1, ["mixes number and string"]),
        ("   ", 1, ["empty"]),
    ],
)
def test_a_bad_expression_is_refused_with_its_position_and_what_was_expected(
    source, position, parts
):
    error = refusal(source)
    assert error.position == position
    for part in parts:
        assert part in error.message


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("{}", "empty object"),
        ('{"price":', "not JSON"),
        ('{"price": 1, "price": 2}', "given twice"),
        ('{"price": {"$le": 2}}', "Did you mean $lte?"),
        ('{"$nor": []}', "unknown operator '$nor'"),
        ('{"$or": []}', "empty list"),
        ('{"$or": {"price": 1}}', "takes a list"),
        ('{"$not": 1}', "expected an object"),
        ('{"tags": ["a"]}', "$in"),
        ('{"tags": {"$in": "a"}}', "takes a list"),
        ('{"tags": {"$in": []}}', "is empty"),
        ('{"tags": {"$exists": 1}}', "true or false"),
        ('{"tags": null}', "exists"),
        ('{"price": NaN}', "finite"),
        ('{"price": 1e999}', "finite"),
        ('{"tags": "\\ud800"}', "surrogate"),
        ('{"tags": {"$in": [["a"]]}}', "use text, a number or a boolean"),
    ],
)
def test_bad_json_is_refused_with_the_reason(source, part):
    assert part in refusal(source).message


def test_an_unknown_field_lists_what_there_is_when_nothing_is_near():
    assert "Known: price." in refusal("zzz = 1", {"price": frozenset({"number"})}).message
    assert "no metadata fields" in refusal("zzz = 1", {}).message


def test_whole_numbers_beyond_64_bits_become_floats_or_are_refused():
    assert parse_filter(f"price < {2**70}", FIELDS) == Comparison("price", "lt", 2.0**70, "number")
    assert "finite" in refusal("price < " + "9" * 400).message


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("price = 1 " + " " * 4096, "too many"),
        (" and ".join(["price=1"] * 201), "more than 200"),
        ({"price": {"$in": list(range(1001))}}, "1,001"),
        ({"price": {"$in": list(range(10_000))}}, "10,000"),
        ("(" * 33 + "price=1" + ")" * 33, "nested deeper than 32"),
        ("not " * 900 + "price=1", "nested deeper than 32"),
        ("(" * 4000, "nested deeper than 32"),
        ('{"$not":' * 450 + "1" + "}" * 450, "nested deeper than 32"),
        ('{"a":' + "[" * 4000, "nested deeper"),
    ],
)
def test_sizes_beyond_the_limits_are_refused(source, part):
    assert part in refusal(source).message


def test_sizes_at_the_limits_are_read():
    assert isinstance(parse_filter(" and ".join(["price=1"] * 200), FIELDS), And)
    assert parse_filter("(" * 31 + "price=1" + ")" * 31, FIELDS) == eq("price", 1, "number")
    assert parse_filter({"price": {"$in": list(range(1000))}}, FIELDS)


def test_a_deep_or_large_value_is_shown_short():
    deep: object = 1
    for _ in range(900):
        deep = [deep]
    assert len(refusal({"price": {"$eq": deep}}).message) < 300
    assert len(refusal({"x" * 100_000: 1}).message) < 400


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_dates = st.datetimes(
    min_value=datetime.fromisoformat("0002-01-01"),
    max_value=datetime.fromisoformat("9998-01-01"),
    timezones=st.just(UTC),
).map(lambda moment: moment.isoformat(timespec="microseconds"))
_values = {
    "string": _text.filter(lambda text: normalise_date(text) is None),
    "number": st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "date": _dates,
}
_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="`$"), min_size=1)
_SCHEMA = {f"f.{kind}": frozenset({kind}) for kind in _values}


@st.composite
def comparisons(draw):
    kind = draw(st.sampled_from(sorted(_values)))
    order = () if kind == "boolean" else ("gt", "gte", "lt", "lte")
    operator = draw(st.sampled_from(("eq", "ne", "in", "nin", "exists", *order)))
    if operator == "exists":
        return Comparison(f"f.{kind}", "exists", draw(st.booleans()), "string")
    if operator in ("in", "nin"):
        value = tuple(draw(st.lists(_values[kind], min_size=1, max_size=3)))
    else:
        value = draw(_values[kind])
    return Comparison(f"f.{kind}", operator, value, kind)


_trees = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(Not),
        *(
            st.lists(inner, min_size=2, max_size=3).map(lambda c, join=join: join(tuple(c)))
            for join in (And, Or)
        ),
    ),
    max_leaves=8,
)


def quoted(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def printed(tree: Filter) -> str:
    symbols = {"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
    match tree:
        case Not(clause):
            return f"not ({printed(clause)})"
        case And(clauses):
            return " and ".join(f"({printed(clause)})" for clause in clauses)
        case Or(clauses):
            return " or ".join(f"({printed(clause)})" for clause in clauses)
        case Comparison(field, "exists", value):
            return f"`{field}` {'exists' if value else 'not exists'}"
        case Comparison(field, "in" | "nin" as operator, value):
            word = "in" if operator == "in" else "not in"
            return f"{field} {word} ({', '.join(map(quoted, value))})"
        case Comparison(field, operator, value):
            return f"{field} {symbols[operator]} {quoted(value)}"


def as_json(tree: Filter):
    match tree:
        case Not(clause):
            return {"$not": as_json(clause)}
        case And(clauses) | Or(clauses):
            return {f"${type(tree).__name__.lower()}": [as_json(clause) for clause in clauses]}
        case Comparison(field, operator, value):
            return {field: {f"${operator}": list(value) if isinstance(value, tuple) else value}}


@given(_trees)
def test_a_printed_tree_is_read_back_unchanged(tree):
    source = printed(tree)
    if len(source) <= 4096:
        assert parse_filter(source, _SCHEMA) == tree
    assert parse_filter(as_json(tree), _SCHEMA) == tree


@given(_names, _text)
def test_a_back_ticked_name_may_be_anything(name, value):
    fields = {name: frozenset({"string", "date"})}
    tree = parse_filter(f"`{name}` = {quoted(value)}", fields)
    assert isinstance(tree, Comparison)
    assert tree.field == name


_words = [
    "price",
    "<",
    "=",
    "and",
    "or",
    "not",
    "(",
    ")",
    "in",
    "5",
    "'a'",
    "exists",
    ",",
    "`",
    "{",
]


@given(st.text() | st.lists(st.sampled_from(_words)).map(" ".join) | st.text().map("{".__add__))
def test_whatever_the_text_only_bad_filter_comes_out(source):
    try:
        parse_filter(source, FIELDS)
    except BadFilter as error:
        assert error.message.startswith("filter: ")  # noqa: PT017


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["price", "$and", "$or", "$not", "$in", "$lt"]), inner)
    ),
)


@given(_json)
def test_whatever_the_object_only_bad_filter_comes_out(source):
    try:
        parse_filter({"price": source, "$and": source}, FIELDS)
    except BadFilter as error:
        assert error.message.startswith("filter: ")  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02", "2026-01-02T00:00:00.000000+00:00"),
        ("2026-01-02T10:20", "2026-01-02T10:20:00.000000+00:00"),
        ("2026-01-02 10:20:30.5Z", "2026-01-02T10:20:30.500000+00:00"),
        ("2026-01-02T00:00:00-01:00", "2026-01-02T01:00:00.000000+00:00"),
        ("2026-13-02", None),
        ("2026-1-2", None),
        ("20260102", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("2026-01-02\n", None),
        ("２０２６-01-02", None),
        ("", None),
    ],
)
def test_dates_take_one_form_in_utc(text, expected):
    assert normalise_date(text) == expected


@given(st.datetimes(timezones=st.timezones()))
def test_text_order_of_normalised_dates_is_time_order(moment):
    other = datetime(2000, 6, 1, tzinfo=UTC)
    text = normalise_date(moment.isoformat())
    if text is not None:
        assert (text < (normalise_date(other.isoformat()) or "")) == (moment < other)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "boolean"), (1, "number"), (1.5, "number"), ("2026-01-02", "date"), ("x", "string")],
)
def test_the_kind_of_a_value_follows_its_type_and_shape(value, kind):
    assert kind_of(value) == kind


def test_a_number_of_thousands_of_digits_is_refused_as_a_filter_is():
    with pytest.raises(BadFilter, match="too many digits"):
        load_json('{"price": ' + "9" * 5000 + "}")
