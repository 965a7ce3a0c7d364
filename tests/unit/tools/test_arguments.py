import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.errors import InvalidInput
from bedplate.tools.arguments import Arguments, read_arguments

REFUND = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"},
        "amount": {"type": "number", "exclusiveMinimum": 0},
        "reason": {"enum": ["broken", "late"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["order", "amount"],
    "additionalProperties": False,
    "$defs": {
        "Line": {
            "type": "object",
            "properties": {"sku": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
            "required": ["sku"],
        }
    },
}


def problems(**arguments: object) -> tuple[str, ...]:
    return Arguments(REFUND).problems(arguments)


def test_arguments_that_fit_have_no_problems() -> None:
    assert problems(order="A-1", amount=2.5, lines=[{"sku": "x", "count": 2}], note=None) == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"order": "A-1"}, "arguments: 'amount' is missing (amount: number, more than 0)"),
        ({"order": "A-1", "amount": "ten"}, 'amount: it is "ten"; it must be number, more than 0'),
        ({"order": "A-1", "amount": True}, "amount: it is true; it must be number, more than 0"),
        ({"order": "A-1", "amount": 0}, "amount: it is 0; it must be number, more than 0"),
        ({"order": "a1", "amount": 1}, 'order: it is "a1"; it must be string, matching'),
        (
            {"order": "A-1", "amount": 1, "reason": "old"},
            'reason: it is "old"; it must be one of "broken", "late"',
        ),
        (
            {"order": "A-1", "amount": 1, "lines": [{"sku": "x"}, {"sku": "y", "count": 0}]},
            "lines[1].count: it is 0; it must be integer, at least 1",
        ),
        (
            {"order": "A-1", "amount": 1, "amout": 2},
            "arguments: unknown \"amout\". Did you mean 'amount'?",
        ),
        ({"order": "A-1", "amount": 1, "note": 3}, "note: it is 3; it must be string or null"),
    ],
)
def test_a_problem_names_path_value_and_what_would_be_right(
    arguments: dict[str, object], said: str
) -> None:
    (found,) = problems(**arguments)
    assert said in found


def test_only_the_first_few_problems_are_told() -> None:
    wrong = [{"sku": number} for number in range(50)]
    assert len(problems(order="A-1", amount=1, lines=wrong)) == 5


def test_a_long_value_is_shown_short() -> None:
    (found,) = problems(order="A-1", amount="9" * 10_000)
    assert len(found) < 300


def test_a_reference_outside_the_schema_is_not_fetched() -> None:
    schema = {"properties": {"a": {"$ref": "http://127.0.0.1:9/a.json"}}}
    (found,) = Arguments(schema).problems({"a": 1})
    assert "refers to" in found


def test_a_schema_in_a_circle_ends() -> None:
    (found,) = Arguments({"properties": {"a": {"$ref": "#/properties/a"}}}).problems({"a": 1})
    assert "circles" in found


def test_a_pattern_that_backtracks_for_ever_elsewhere_does_not_here() -> None:
    schema = {"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    (found,) = Arguments(schema).problems({"a": "a" * 40 + "!"})
    assert "must be string" in found


@pytest.mark.parametrize("schema", [{"type": "array"}, {"properties": {"a": {"type": "strin"}}}])
def test_what_is_no_schema_of_an_object_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Arguments(schema)


def test_values_that_are_no_json_do_not_fit() -> None:
    assert "no JSON" in Arguments({}).problems({"a": float("nan")})[0]
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    assert "nested deeper" in Arguments({}).problems({"a": deep})[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1', "no JSON.*character 8"),
        ("[1]", "write one JSON object"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "no JSON"),
        ("9" * 2_000_000, "1,000,000"),
    ],
)
def test_broken_json_is_refused_with_where_it_breaks(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_arguments(text)


def test_no_text_is_no_arguments() -> None:
    assert read_arguments(" ") == {}


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none()))
def test_any_object_is_read_as_it_was_written(value: dict[str, object]) -> None:
    assert read_arguments(json.dumps(value)) == value


@settings(max_examples=40, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=8,
    )
)
def test_whatever_is_given_is_a_problem_or_fits(value: object) -> None:
    found = problems(order=value, amount=1)
    fits = isinstance(value, str) and value[1:2] == "-" and value[2:].isdigit()
    assert found or fits
