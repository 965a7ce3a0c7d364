"""Schemas of OpenAPI as JSON Schema 2020-12, each with the definitions it needs and no others."""

from collections.abc import Mapping
from typing import Any, cast

from bedplate.errors import InvalidInput
from bedplate.tools.openapi_document import Document

MOST_NODES = 20_000
"""Of one operation: a small YAML file can stand for an endless tree."""

LEFT_OUT = frozenset({"example", "examples", "xml", "externalDocs", "discriminator", "nullable"})
SCHEMAS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords that hold schemas by names that are nobody's keywords."""


class Schemas:
    """Converts the schemas of one operation; `definitions` is what they refer to."""

    def __init__(self, document: Document) -> None:
        self.definitions: dict[str, Any] = {}
        self._document = document
        self._names: dict[str, str] = {}
        self._nodes = 0

    def convert(self, schema: object) -> Any:
        """A boolean schema stays one."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise InvalidInput(f"a schema has more than {MOST_NODES:,} parts.")
        if not isinstance(schema, Mapping):
            return schema
        given = cast(Mapping[str, Any], schema)
        if "$ref" in given:
            return {"$ref": f"#/$defs/{self._define(str(given['$ref']))}"}
        converted = {
            key: self._value(key, value)
            for key, value in given.items()
            if key not in LEFT_OUT and not key.startswith("x-")
        }
        return (
            _modern(converted, nullable=given.get("nullable") is True)
            if self._document.old
            else converted
        )

    def _value(self, key: str, value: Any) -> Any:
        if key in SCHEMAS and isinstance(value, Mapping):
            named = cast(Mapping[str, Any], value)
            return {name: self.convert(inner) for name, inner in named.items()}
        if key in ("enum", "const", "default", "required"):
            return value
        if isinstance(value, list):
            return [self.convert(each) for each in cast(list[Any], value)]
        return self.convert(value)

    def _define(self, reference: str) -> str:
        name = self._names.get(reference)
        if name is None:
            name = reference.rsplit("/", 1)[-1].replace("~1", "_").replace("%", "_")
            while name in self.definitions:
                name += "_"
            self._names[reference] = name
            # Before what it holds is looked at, as that may refer back to it.
            self.definitions[name] = {}
            self.definitions[name] = self.convert(self._document.at(reference))
        return name


def _modern(schema: dict[str, Any], *, nullable: bool) -> dict[str, Any]:
    """From OpenAPI 3.0's own dialect: bounds that are flags, and `nullable`."""
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        flag = schema.get(exclusive)
        if isinstance(flag, bool):
            del schema[exclusive]
            if flag and bound in schema:
                schema[exclusive] = schema.pop(bound)
    if nullable and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif nullable:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema
