"""A value is held to the keywords of JSON Schema that structured outputs use, in bounded work."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.models.cascade_schema import misfit

NODE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["name", "next"],
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (1, {"type": "integer"}),
        (1.0, {"type": "integer"}),
        (1.5, {"type": ["integer", "number"]}),
        (None, {"type": ["string", "null"]}),
        ("a", {"enum": ["a", 1]}),
        (1, {"const": 1}),
        ("abc", {"minLength": 3, "maxLength": 3, "pattern": "^a.c$"}),
        ([1, 2], {"items": {"type": "integer"}, "minItems": 2, "maxItems": 2}),
        (5, {"minimum": 5, "maximum": 5}),
        ({"a": 1}, {"additionalProperties": {"type": "integer"}}),
        ({"a": 1}, {"patternProperties": {"a": {}}, "additionalProperties": False}),
        (1, {"allOf": [{"type": "number"}, {"minimum": 1}]}),
        (1, {"unknown": True, "type": "integer"}),
        (1, True),
        ("x", {"pattern": "(?=x)"}),
        ("x", {"$ref": "https://example.com/other.json"}),
        ({"name": "a", "next": {"name": "b", "next": None}}, NODE),
    ],
)
def test_what_fits_fits(value: object, schema: Any) -> None:
    assert misfit(value, {"allOf": [schema]} if isinstance(schema, bool) else schema) is None


@pytest.mark.parametrize(
    ("value", "schema", "fault"),
    [
        (True, {"type": "integer"}, "$ is no integer"),
        (1.5, {"type": "integer"}, "$ is no integer"),
        ("1", {"type": ["integer", "null"]}, "$ is no integer or null"),
        (True, {"enum": [1]}, "$ is none of the values allowed"),
        (2, {"const": 1}, "$ is not the value wanted"),
        ("ab", {"minLength": 3}, "$ is too short"),
        ("abcd", {"maxLength": 3}, "$ is too long"),
        ("xyz", {"pattern": "^a"}, "$ does not have the form wanted"),
        ([1, "a"], {"items": {"type": "integer"}}, "$[1] is no integer"),
        ([], {"minItems": 1}, "$ is too short"),
        (4, {"minimum": 5}, "$ is too small"),
        (5, {"exclusiveMinimum": 5}, "$ is too small"),
        (6, {"maximum": 5}, "$ is too large"),
        (5, {"exclusiveMaximum": 5}, "$ is too large"),
        (
            {"a": 1, "b": 2},
            {"properties": {"a": {}}, "additionalProperties": False},
            "$.b must not",
        ),
        ({}, {"required": ["a"]}, "$.a is missing"),
        (1, {"anyOf": [{"type": "string"}, {"minimum": 2}]}, "$ fits none of anyOf"),
        ({"name": "a", "next": {"name": 5, "next": None}}, NODE, "$.next fits none of anyOf"),
    ],
)
def test_what_does_not_fit_is_told(value: object, schema: Any, fault: str) -> None:
    found = misfit(value, schema)
    assert found is not None
    assert found.startswith(fault)


def test_a_schema_that_would_take_forever_is_not_held_against_the_value() -> None:
    assert misfit(1, {"$ref": "#"}) is None
    doubling = {"$defs": {str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(60)}}
    doubling["$defs"]["60"] = {"type": "string"}  # type: ignore[assignment]
    assert misfit(1, {**doubling, "$ref": "#/$defs/0"}) is None
    assert misfit([0] * 1_000_000, {"items": {"type": "string"}}) == "$[0] is no string"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KEYS = ["type", "enum", "items", "properties", "required", "anyOf", "allOf", "$ref", "pattern",
        "minLength", "minimum", "additionalProperties", "const"]  # fmt: skip


@settings(max_examples=60)
@given(JSON, st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5))
def test_no_schema_however_wrong_raises(value: object, schema: dict[str, Any]) -> None:
    found = misfit(value, schema)
    assert found is None or found.startswith("$")
