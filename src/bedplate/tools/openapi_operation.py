"""One operation of an OpenAPI document: the tool it is, and the request that its arguments make."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from urllib.parse import urlencode

import msgspec

from bedplate.domain.tools import ToolSpec
from bedplate.errors import InvalidInput
from bedplate.tools.openapi_document import METHODS, Document, Node, as_node
from bedplate.tools.openapi_parameters import RESERVED, Parameter, plain
from bedplate.tools.openapi_schema import Schemas
from bedplate.tools.wordings import mapping

MOST_OPERATIONS = 1_000
MOST_DESCRIPTION = 2_000
BODY = "body"
JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain"

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Operation:
    """`fields` are the arguments that are fields of the body; None where one argument is the body.

    `security` are the alternatives by which a caller may show who it is, each a set of schemes.
    """

    spec: ToolSpec
    method: str
    path: str
    parameters: Sequence[Parameter]
    media_type: (
        Literal["application/json", "application/x-www-form-urlencoded", "text/plain"] | None
    )
    fields: frozenset[str] | None
    security: Sequence[frozenset[str]] = field(default_factory=tuple)

    def body(self, arguments: Mapping[str, Any]) -> bytes | None:
        """What is sent; None where nothing is."""
        if self.media_type is None:
            return None
        if self.fields is None:
            if BODY not in arguments:
                return None
            value = arguments[BODY]
        else:
            value = {key: arguments[key] for key in arguments if key in self.fields}
        if self.media_type == JSON:
            return msgspec.json.encode(value)
        if self.media_type == FORM:
            return urlencode({key: plain(inner) for key, inner in as_node(value).items()}).encode()
        return plain(value).encode()


def operations(document: Document) -> Iterator[Operation]:
    """Each operation whose body is JSON, a form, text or nothing; InvalidInput for a broken document."""
    count = 0
    for path, item in as_node(document.root.get("paths") or {}).items():
        item = document.resolved(item)
        for method in METHODS:
            if method not in item:
                continue
            count += 1
            if count > MOST_OPERATIONS:
                raise InvalidInput(f"it has more than {MOST_OPERATIONS:,} operations.")
            try:
                found = _operation(document, path, method, item)
            except InvalidInput as error:
                raise InvalidInput(f"{method.upper()} {path}: {error.message}") from error
            if found is not None:
                yield found


def name_of(method: str, path: str, node: Node) -> str:
    """By its operationId, or else method and path, of at most 64 letters, digits, _ and -."""
    given = str(node.get("operationId") or f"{method}{path}")
    return _NO_NAME.sub("_", given).strip("_")[:64]


def _operation(document: Document, path: str, method: str, item: Node) -> Operation | None:
    node = as_node(item[method])
    schemas = Schemas(document)
    properties: dict[str, Any] = {}
    required: list[str] = []
    parameters: list[Parameter] = []
    for declared in _declared(document, item, node):
        parameter = _parameter(declared, taken=properties)
        if parameter is None:
            continue
        schema = schemas.convert(_schema_of(declared))
        properties[parameter.argument] = _described(schema, declared.get("description"))
        if declared.get("required") or parameter.place == "path":
            required.append(parameter.argument)
        parameters.append(parameter)
    body = document.resolved(node.get("requestBody") or {})
    media_type, schema = _content(body)
    fields: frozenset[str] | None = None
    if body and media_type is None:
        return None
    if media_type is not None:
        fields = _spread(
            document, schema, properties, schemas, required, needed=bool(body.get("required"))
        )
        if fields is None:
            properties[BODY] = _described(schemas.convert(schema), body.get("description"))
            if body.get("required"):
                required.append(BODY)
    parameters_schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    if schemas.definitions:
        parameters_schema["$defs"] = schemas.definitions
    said = [str(node[key]).strip() for key in ("summary", "description") if node.get(key)]
    spec = ToolSpec(
        name_of(method, path, node), "\n".join(said)[:MOST_DESCRIPTION], parameters_schema
    )
    security = _security(node.get("security", document.root.get("security")))
    return Operation(spec, method.upper(), path, parameters, media_type, fields, security)


def _declared(document: Document, item: Node, node: Node) -> list[Node]:
    """Parameters of the path and of the operation, whose own win."""
    listed = [*(item.get("parameters") or ()), *(node.get("parameters") or ())]
    found = [document.resolved(each) for each in cast(list[object], listed)]
    return list({(each.get("in"), each.get("name")): each for each in found}.values())


def _parameter(declared: Node, taken: Mapping[str, Any]) -> Parameter | None:
    name, place = str(declared.get("name")), declared.get("in")
    if place not in ("path", "query", "header", "cookie"):
        raise InvalidInput(f"the parameter {name!r} is in {place!r}, which is no place.")
    if place == "header" and name.title() in RESERVED:
        return None
    style = str(declared.get("style") or ("form" if place in ("query", "cookie") else "simple"))
    argument = name if name not in taken else f"{name}_{place}"
    explode = bool(declared.get("explode", style == "form"))
    return Parameter(argument, name, place, style, explode, json="content" in declared)


def _schema_of(declared: Node) -> object:
    for inner in mapping(declared.get("content")).values():
        return mapping(inner).get("schema", True)
    return declared.get("schema", True)


def _content(
    body: Node,
) -> tuple[
    Literal["application/json", "application/x-www-form-urlencoded", "text/plain"] | None, object
]:
    """How a body is sent, and the schema of it."""
    content = mapping(body.get("content"))
    for media_type, inner in content.items():
        plain_type = media_type.partition(";")[0].strip().lower()
        if plain_type == JSON or plain_type.endswith("+json") or plain_type == "*/*":
            return JSON, mapping(inner).get("schema") or True
    for wanted in (FORM, TEXT):
        if wanted in content:
            return cast(Any, wanted), mapping(content[wanted]).get("schema") or True
    return None, {}


def _spread(
    document: Document,
    schema: object,
    properties: dict[str, Any],
    schemas: Schemas,
    required: list[str],
    *,
    needed: bool,
) -> frozenset[str] | None:
    """A plain object's fields as arguments of their own, which models write better than a nested one.

    None where it is no such object, may be left out, or has a field that a parameter is called as.
    """
    found = document.resolved(schema)
    fields = mapping(found.get("properties"))
    joined = any(key in found for key in ("allOf", "anyOf", "oneOf", "not", "if"))
    open_ended = found.get("additionalProperties") not in (None, False)
    clash = fields.keys() & properties.keys()
    if not fields or not needed or joined or open_ended or clash or found.get("nullable"):
        return None
    written = {name: inner for name, inner in fields.items() if not mapping(inner).get("readOnly")}
    for name, inner in written.items():
        properties[name] = schemas.convert(inner)
    required += [name for name in cast(list[str], found.get("required") or []) if name in written]
    return frozenset(written)


def _described(schema: Any, description: object) -> Any:
    if not description or not isinstance(schema, dict) or "description" in schema:
        return cast(Any, schema)
    return {**cast(dict[str, Any], schema), "description": str(description)[:MOST_DESCRIPTION]}


def _security(declared: object) -> tuple[frozenset[str], ...]:
    if not isinstance(declared, list):
        return ()
    return tuple(frozenset(mapping(each)) for each in cast(list[object], declared))
