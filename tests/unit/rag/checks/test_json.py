"""JSON answers: what fits a schema, what a schema may not do, and how values are said in words."""

from typing import Any

import pytest
from tests.fixtures.checked import passage

from bedplate.errors import InvalidInput
from bedplate.rag.checks.json_answer import JsonAnswer, Leaf, bare
from bedplate.rag.checks.json_citations import cite_values
from bedplate.rag.checks.json_schema import AnswerSchema

SHOP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "pattern": "^[A-Z]"},
        "price": {"type": "number", "minimum": 0},
        "sizes": {"type": "array", "items": {"$ref": "#/$defs/size"}},
    },
    "required": ["item", "price"],
    "additionalProperties": False,
    "$defs": {"size": {"enum": ["S", "M"]}},
}


def misfits(text: str, schema: dict[str, Any] = SHOP) -> list[str]:
    return JsonAnswer(text, AnswerSchema(schema, param="schema")).misfits


def test_json_of_the_schema_fits() -> None:
    assert misfits('{"item": "Boots", "price": 90, "sizes": ["S"]}') == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Boots cost 90.", "$: it is no JSON"),
        ('{"item": "Boots"}', "$: 'price' is a required property"),
        ('{"item": "Boots", "price": "90"}', '$.price: does not meet type "number"'),
        ('{"item": "boots", "price": 1}', '$.item: does not meet pattern "^[A-Z]"'),
        ('{"item": "B", "price": 1, "x": 2}', "$: has members that the schema does not name"),
        ('{"item": "B", "price": 1, "sizes": ["L"]}', "$.sizes[0]: does not meet enum"),
        ('{"item": "B", "price": NaN}', "$: it is no JSON (NaN is no JSON)"),
        ("[" * 100_000, "$: it is no JSON"),
    ],
)
def test_a_misfit_is_named_by_its_place(text: str, said: str) -> None:
    [found] = misfits(text)
    assert found.startswith(said)


def test_a_code_fence_around_json_is_taken_off() -> None:
    assert bare('```json\n{"a": 1}\n```') == '{"a": 1}'
    assert bare("```") == "```"


def test_any_object_will_do_without_a_schema() -> None:
    assert JsonAnswer('{"a": 1}', None).misfits == []
    assert JsonAnswer("[1]", None).misfits == ["$: it is no JSON object"]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "text"}, "no JSON Schema at type"),
        ({"pattern": "(?=a)"}, "'(?=a)' is none that RE2 reads"),
        ({"properties": {"a": {"unevaluatedProperties": False}}}, "unevaluatedProperties is not"),
        ({"$ref": "https://example.com/schema.json"}, "which it does not hold"),
        ({"allOf": [{"$ref": "#/$defs/gone"}]}, "'#/$defs/gone', which it does not hold"),
        ({"description": "x" * 100_001}, "more than 100,000 characters"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match="response_format: ") as failed:
        AnswerSchema(schema, param="response_format")
    assert said in failed.value.message


def test_a_schema_that_takes_for_ever_is_given_up_and_fails() -> None:
    defs: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)
    }
    bomb = {"$ref": "#/$defs/d0", "$defs": {**defs, "d40": {"type": "number"}}}
    assert misfits("1", bomb) == ["$: it takes more than 10,000 steps to check"]


def test_a_pattern_takes_linear_time() -> None:
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert misfits('"' + "a" * 5_000 + 'b"', schema) == ['$: does not meet pattern "^(a+)+$"']


def test_values_are_said_a_line_each() -> None:
    answer = JsonAnswer('{"unit_price": 90, "in": true, "notes": ["a b", {"of": "c"}]}', None)
    assert answer.in_words() == "unit price: 90\n\nnotes: a b\n\nof: c"
    assert [leaf.path for leaf in answer.leaves()] == [
        "$.unit_price",
        "$.notes[0]",
        "$.notes[1].of",
    ]


@pytest.mark.parametrize(
    ("value", "text", "held"),
    [
        ("90.0", "Boots cost 90 dollars.", True),
        ("90.5", "Boots cost 90.50 dollars.", True),
        ("1250000", "They sold 1,250,000 boots.", True),
        ("1250", "They sold 1,250,000 boots.", False),
        ("90", "Boots cost 90.5 dollars.", False),
        ("9", "Boots cost 90 dollars.", False),
        ("-4", "It is -4 degrees.", True),
        ("red boots", "We sell Red  boots.", True),
    ],
)
def test_a_value_is_cited_where_a_source_writes_it(value: str, text: str, held: bool) -> None:
    cited = cite_values([Leaf("$.a", "a", value)], [passage(1, text)])
    assert [each.marker for each in cited] == (["$.a"] if held else [])
