"""Joins: what they mean, what they refuse, and that no name but a declared one comes out."""

from contextlib import suppress

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.filters import And, Comparison, Filter, Not, Or, Related
from bedplate.domain.tables import BusinessTable
from bedplate.errors import BadFilter
from bedplate.sqlite.related import compile_related
from bedplate.stores.joins import load_join, parse_join

STOCK = BusinessTable("stock", "stock", "sku", "sku", ("city", "quantity", "added", "odd name"))
PRICES = BusinessTable("prices", "v_prices", "id", "document_id", ("price",))
TABLES = {table.name: table for table in (STOCK, PRICES)}
FIELDS = {"sku": frozenset({"string"}), "day": frozenset({"date"})}


def parse(source, tables=TABLES, fields=FIELDS):
    return parse_join(source, tables, fields)


def refusal(source, tables=TABLES, fields=FIELDS):
    with pytest.raises(BadFilter) as caught:
        parse(source, tables, fields)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith("join: ")
    assert caught.value.param == "join"
    return caught.value


def leaf(column, operator, value):
    return Comparison(column, operator, value, "string")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('city == "Oslo"', leaf("city", "eq", "Oslo")),
        ({"city": "Oslo"}, leaf("city", "eq", "Oslo")),
        ('{"city": "Oslo"}', leaf("city", "eq", "Oslo")),
        ("added >= 2026-01-01", leaf("added", "gte", "2026-01-01")),
        ({"added": {"$gte": "2026-01-01T00:00:00Z"}}, leaf("added", "gte", "2026-01-01T00:00:00Z")),
        ("quantity in (1, 2.5)", leaf("quantity", "in", (1, 2.5))),
        ({"quantity": {"$nin": [1, "two"]}}, leaf("quantity", "nin", (1, "two"))),
        ("quantity > true", leaf("quantity", "gt", True)),
        ("city exists", leaf("city", "exists", True)),
        ("`odd name` != 1", leaf("odd name", "ne", 1)),
        (
            'city == "Oslo" and not quantity == 0',
            And((leaf("city", "eq", "Oslo"), Not(leaf("quantity", "eq", 0)))),
        ),
    ],
)
def test_a_condition_is_read_in_both_notations_and_its_values_stay_as_given(
    condition, expected
) -> None:
    assert parse({"stock": condition}) == [Related(STOCK, expected)]


def test_several_tables_are_several_conditions() -> None:
    found = parse({"stock": "quantity > 0", "prices": {"price": {"$lt": 50}}})
    assert found == [
        Related(STOCK, leaf("quantity", "gt", 0)),
        Related(PRICES, leaf("price", "lt", 50)),
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"stok": "quantity > 0"}, r"no table 'stok' is declared. Did you mean 'stock'\?"),
        ({"document": "chunks > 0"}, "no table 'document' is declared. Known: prices, stock."),
        ({"stock": "quantty > 0"}, r"stock: no column 'quantty' at position 1. Did you mean 'quan"),
        ({"stock": {"sku": "x"}}, "stock: no column 'sku'. Known: added, city, odd name, quantity"),
        ({"stock": "quantity >"}, "stock: expected a value after '>' at position 11"),
        ({"stock": ""}, "stock: it is empty"),
        ({"stock": {}}, "stock: an empty object says nothing"),
        ({"stock": {"city": None}}, "ask for missing values with exists"),
        ({"stock": {"city": {"$in": []}}}, "the list of values for 'city' is empty"),
        ({"stock": {"city": {"$like": "O%"}}}, r"unknown operator '\$like'"),
        ({"stock": ["city"]}, "stock: a condition is an expression or an object, not"),
        ({"stock": '{"city": 1, "city": 2}'}, "stock: 'city' is given twice"),
        ({}, "an empty object says nothing"),
    ],
)
def test_a_wrong_join_is_refused_by_name(source, message) -> None:
    assert refusal(source).message.startswith("join: ")
    with pytest.raises(BadFilter, match=message):
        parse(source)


def test_a_table_is_no_use_to_documents_without_its_field() -> None:
    assert "'sku', which is in no document" in refusal({"stock": "quantity > 0"}, fields={}).message
    dated = BusinessTable("days", "days", "day", "day", ("open",))
    assert "holds only date values" in refusal({"days": "open == 1"}, {"days": dated}).message
    assert "no business table is declared" in refusal({"stock": "quantity > 0"}, {}).message


def test_comparisons_are_counted_table_by_table() -> None:
    many = " or ".join(["quantity > 0"] * 200)
    assert len(parse({"stock": many, "prices": "price > 0"})) == 2
    assert "more than 200 comparisons" in refusal({"stock": many + " or quantity > 0"}).message


def test_a_join_is_loaded_from_json_text() -> None:
    assert load_join('{"stock": {"city": "Oslo"}}') == {"stock": {"city": "Oslo"}}
    for text, message in (
        ("{", "join: not JSON"),
        ('{"a": 1, "a": 2}', "join: 'a' is given twice"),
    ):
        with pytest.raises(BadFilter, match=message) as caught:
            load_join(text)
        assert caught.value.param == "join"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = TEXT | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.one_of(
    st.builds(leaf, st.sampled_from(STOCK.columns), st.sampled_from(["eq", "lt", "ne"]), VALUES),
    st.builds(leaf, st.sampled_from(STOCK.columns), st.just("in"), st.lists(VALUES).map(tuple)),
    st.builds(leaf, st.sampled_from(STOCK.columns), st.just("exists"), st.booleans()),
)
CONDITIONS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda inner: st.builds(Not, inner) | st.builds(And, st.lists(inner)) | st.builds(Or, st.lists(inner)),
    max_leaves=8,
)  # fmt: skip


def blank(condition: Filter) -> Filter:
    """The same with other values."""
    match condition:
        case Comparison(column, "in", tuple(), _):
            return leaf(column, "in", ("blank",))
        case Comparison(column, operator, value, _):
            return leaf(column, operator, value if operator == "exists" else "blank")
        case Not(clause):
            return Not(blank(clause))
        case And(clauses):
            return And([blank(clause) for clause in clauses])
        case Or(clauses):
            return Or([blank(clause) for clause in clauses])
        case _:
            raise AssertionError(condition)


@given(CONDITIONS)
def test_no_value_becomes_a_part_of_the_query(condition: Filter) -> None:
    sql, values = compile_related(Related(STOCK, condition), 1)
    other, others = compile_related(Related(STOCK, blank(condition)), 1)
    assert sql == other
    assert len(values) == len(others) == sql.count("?")


@pytest.mark.parametrize("name", ['x"; DROP TABLE t; --', "a]b", "`q`", "{key}", "näh", "a.b", "?"])
def test_a_declared_name_may_be_anything(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    db = apsw.Connection(":memory:")
    db.execute(f'CREATE TABLE {quoted} ({quoted} TEXT, "t{quoted[1:]} TEXT)')
    db.execute(f"INSERT INTO {quoted} VALUES ('d1', 'mine'), ('d2', 'theirs')")
    db.execute("CREATE TABLE document (id, collection_id, document_id TEXT)")
    db.execute("INSERT INTO document VALUES (1, 7, 'd1'), (2, 7, 'd2'), (3, 8, 'd1')")
    db.execute("CREATE TABLE collection (id, tenant_id TEXT)")
    db.execute("INSERT INTO collection VALUES (7, 'mine')")
    table = BusinessTable("s", name, name, "document_id", (name,), f"t{name}")
    sql, values = compile_related(Related(table, leaf(name, "in", ("d1", "d2"))), 7)
    assert db.execute(sql, values).fetchall() == [(1,)]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_as_a_join(text: str) -> None:
    for source in ({"stock": text}, {text: "quantity > 0"}, {"stock": {text: 1}}):
        with suppress(BadFilter):
            assert parse(source)[0].table is STOCK
