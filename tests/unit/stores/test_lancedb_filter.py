"""DataFusion conditions: nothing but numbers, hashes and our own words, whatever the filter says."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or
from bedplate.domain.ids import DocumentId
from bedplate.stores.lancedb_filter import condition

WORDS = re.compile(
    r"(?:\(|\)|NOT |AND |OR |IN |document |array_has_any\(facts, |\[|\]|, | |true|false"
    r"|[0-9]{1,19}|'[0-9a-f]{32}')*"
)

TEXT = st.text(max_size=12) | st.sampled_from(["' OR 1=1", "\\", "]) OR NOT (", "{x}", "''", "--"])
LEAVES = st.one_of(
    st.builds(lambda name, value: Comparison(name, "ne", value, "string"), TEXT, TEXT),
    st.builds(lambda name, value: Comparison(name, "lt", value, "number"), TEXT, st.integers(-9, 9)),
    st.builds(lambda ids: Documents(tuple(map(DocumentId, ids))), st.lists(TEXT, max_size=3)),
)  # fmt: skip
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(Not), st.lists(inner, max_size=3).map(And), st.lists(inner, max_size=3).map(Or)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(FILTERS)
def test_a_condition_holds_nothing_that_a_caller_wrote(filter: Filter) -> None:
    sql = condition(filter)
    assert WORDS.fullmatch(sql)
    assert "NOT (" not in sql


def test_not_stands_at_the_leaves_alone() -> None:
    one, two = (Comparison("n", operator, 1, "number") for operator in ("eq", "ne"))
    assert condition(Not(And([one, two]))) == f"(NOT {condition(one)} OR {condition(one)})"
    assert condition(Not(Not(two))) == condition(two) == f"NOT {condition(one)}"


def test_of_nothing_and_holds_everywhere_and_or_nowhere() -> None:
    assert condition(Or([])) == condition(Documents(())) == condition(Not(And([]))) == "false"
    assert condition(And([])) == condition(Not(Documents(()))) == condition(Not(Or([]))) == "true"
