"""Milvus expressions: nothing but numbers, hashes and our own words, whatever the filter says."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or
from bedplate.domain.ids import DocumentId
from bedplate.stores.milvus_filter import expression

WORDS = re.compile(
    r'(?:\(|\)|not |and |or |in |document (?:==|in) |array_contains_any\(facts, |\[|\]|, | '
    r'|[0-9]{1,19}|"[0-9a-f]{32}"|"")*'
)  # fmt: skip

TEXT = st.text(max_size=12) | st.sampled_from(['" or 1 == 1', "\\", "] or not [", "{x}", "%"])
LEAVES = st.one_of(
    st.builds(lambda name, value: Comparison(name, "eq", value, "string"), TEXT, TEXT),
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
def test_an_expression_holds_nothing_that_a_caller_wrote(filter: Filter) -> None:
    assert WORDS.fullmatch(expression(filter))


def test_of_nothing_and_holds_everywhere_and_or_nowhere() -> None:
    assert expression(Or([])) == expression(Documents(())) == 'document == ""'
    assert expression(And([])) == 'not (document == "")'
