"""What a model's reading of a question may and may not do."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.conditions.filters import parse_filter
from bedplate.domain.filters import And, Comparison, Filter, Not, Or
from bedplate.domain.retrieval import SelfQuery, Sort
from bedplate.errors import BadFilter, InvalidInput
from bedplate.rag.self_query_reply import MOST_CHARACTERS, parse_reply
from bedplate.terms import analyse

FIELDS = {
    "price": frozenset({"number"}),
    "category": frozenset({"string"}),
    "in_stock": frozenset({"boolean"}),
    "added": frozenset({"date"}),
}  # fmt: skip
QUESTION = "the cheapest red umbrellas under $50 for rain"


def reply(filter: Any = None, text: Any = "", sort: Any = None, **more: Any) -> str:
    return json.dumps({"filter": filter, "text": text, "sort": sort, **more})


def parse(text: str, question: str = QUESTION) -> SelfQuery:
    return parse_reply(text, question, FIELDS, reader="small")  # type: ignore[arg-type]


def fields_of(filter: Filter) -> set[str]:
    match filter:
        case Comparison():
            return {filter.field}
        case And() | Or():
            return {name for clause in filter.clauses for name in fields_of(clause)}
        case Not():
            return fields_of(filter.clause)
        case _:
            raise AssertionError(f"a model cannot ask for {filter!r}")


def test_a_reply_becomes_filter_text_and_order() -> None:
    wanted = {"category": "umbrellas", "price": {"$lt": 50}}
    assert parse(reply(wanted, "red  rain", "-price")) == SelfQuery(
        "red rain", wanted, Sort("price", descending=True), reader="small"
    )
    assert parse(reply(sort="price")).sort == Sort("price")


@pytest.mark.parametrize("filter", [None, {}])
@pytest.mark.parametrize("sort", [None, ""])
def test_without_conditions_the_text_is_the_question(filter: Any, sort: Any) -> None:
    assert parse(reply(filter, "red", sort)) == SelfQuery(QUESTION, reader="small")


def test_a_text_without_words_that_count_is_none() -> None:
    assert parse(reply({"price": 5}, " for the ")).text == ""


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}\n```", "\n {} \n"])
def test_a_code_fence_around_the_whole_is_taken_off(fence: str) -> None:
    assert parse(fence.replace("{}", reply({"price": 5}))).filter == {"price": 5}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("", "not one JSON object"),
        ("Sure! " + reply({"price": 5}), "not one JSON object"),
        (reply({"price": 5}) + reply({"price": 6}), "not one JSON object: not JSON: Extra data"),
        ("[" * 3_000, "nested deeper"),
        (reply({"price": 10**3_900}), "not a finite number"),
        ("[]", "The reply is wrong: Input should be a valid dictionary"),
        ("{}", "wrong at 'filter': Field required"),
        ('{"filter": null, "filter": null, "text": "", "sort": null}', "given twice"),
        (reply(tenant="other"), "wrong at 'tenant': Extra inputs"),
        (reply(collections=["other"]), "wrong at 'collections': Extra inputs"),
        (reply(join={"stock": "quantity > 0"}), "wrong at 'join': Extra inputs"),
        (reply("price < 50"), "wrong at 'filter'"),
        (reply([]), "wrong at 'filter'"),
        (reply(text=None), "wrong at 'text'"),
        (reply(text=5), "wrong at 'text'"),
        (reply(sort={"field": "price"}), "wrong at 'sort'"),
        (reply({"tenant": "other"}), "no field 'tenant'"),
        (reply({"price": "cheap"}), "cannot be compared with the string 'cheap'"),
        (reply({"$where": "1"}), r"unknown operator '\$where'"),
        (reply({"price": {"$gt": float("nan")}}), "not a finite number"),
        (reply({"$and": []}), "empty list"),
        (reply(sort="document_id"), "sort: no field 'document_id'"),
        (reply({"price": 5}, "umbrellas OR tents"), "text: 'tent' is not in the question"),
        (reply({"price": 5}, "rain " * 40), "text: longer than the question"),
        (reply({"price": 5}, "x" * MOST_CHARACTERS), "more than 4,000 characters"),
        (reply({"price": 5}, "rain \ud800"), "half of a surrogate pair"),
        (reply({"price": 5}, "rain \0"), "control characters"),
    ],
)
def test_any_other_reply_is_refused_and_the_problem_named(said: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        parse(said)


keys = st.sampled_from(
    [*FIELDS, "tenant", "$and", "$or", "$not", "$eq", "$lt", "$in", "$exists", "$where"]
)


def conditions(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(keys | st.text(max_size=5), inner, max_size=3)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-01-01"),
    lambda inner: st.lists(inner, max_size=3) | conditions(inner),
    max_leaves=8,
)
replies = st.one_of(
    st.text(),
    values.map(json.dumps),
    st.builds(
        reply,
        st.none() | conditions(values),
        st.sampled_from(["", "red", "red rain", "tents"]) | values,
        st.none() | st.sampled_from(["price", "-added", "gone"]) | values,
    ),
)


@given(replies, st.text(max_size=20) | st.just(QUESTION))
def test_whatever_is_said_no_filter_leaves_the_schema(said: str, question: str) -> None:
    try:
        read = parse(said, question)
    except InvalidInput:
        return
    if read.filter is not None:
        # The same check a caller's filter passes, once more.
        assert fields_of(parse_filter(read.filter, FIELDS)) <= FIELDS.keys()  # type: ignore[arg-type]
    assert read.sort is None or read.sort.field in FIELDS
    assert set(analyse(read.text)) <= set(analyse(question))
    assert len(read.text) <= len(question)
    read.text.encode()
    assert (read.limit, read.reader) == (None, "small")


@given(st.recursive(st.fixed_dictionaries({"price": st.integers(0, 9)}), lambda inner: st.one_of(
    st.fixed_dictionaries({"$not": inner}),
    st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
), max_leaves=6))  # fmt: skip
def test_every_filter_of_the_schema_may_be_said(filter: dict[str, Any]) -> None:
    try:
        parse_filter(filter, FIELDS)  # type: ignore[arg-type]
    except BadFilter:
        return
    assert parse(reply(filter)).filter == filter
