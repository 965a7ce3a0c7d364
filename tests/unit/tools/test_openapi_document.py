import copy
import json
from typing import Any

import pytest
from pydantic import SecretStr
from tests.fixtures.order_service import DOCUMENT

from bedplate.errors import InvalidInput
from bedplate.tools.arguments import Arguments
from bedplate.tools.openapi_document import Document, read_document
from bedplate.tools.openapi_operation import Operation, operations
from bedplate.tools.openapi_parameters import Parameter, filled, headers, query
from bedplate.tools.openapi_security import Credential, chosen, credentials


def listed(document: dict[str, Any] = DOCUMENT) -> dict[str, Operation]:
    return {each.spec.name: each for each in operations(Document(document))}


def changed(*path: str, to: object) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    node = document
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = to
    return document


def test_each_operation_with_a_body_that_can_be_written_is_a_tool() -> None:
    found = listed()
    assert list(found) == ["list_orders", "get_order", "put_order", "refund_order", "get_search"]
    assert found["get_order"].spec.description == "Looks up an order."
    assert found["get_order"].spec.parameters["required"] == ["order"]
    assert (
        found["get_order"].spec.parameters["properties"]["order"]["description"]
        == "The order's number."
    )


def test_fields_of_a_required_body_are_arguments_of_their_own() -> None:
    refund = listed()["refund_order"]
    schema = refund.spec.parameters
    assert set(schema["properties"]) == {"order", "amount", "note", "lines"}
    assert schema["required"] == ["order", "amount"]
    assert schema["properties"]["amount"] == {"type": "number", "exclusiveMinimum": 0}
    assert schema["properties"]["note"] == {"type": ["string", "null"]}
    given = {"order": "A-1", "amount": 2.5, "note": None}
    assert json.loads(refund.body(given) or b"") == {"amount": 2.5, "note": None}


def test_a_body_that_may_be_left_out_is_one_argument() -> None:
    put = listed()["put_order"]
    assert put.spec.parameters["required"] == ["order"]
    assert put.body({"order": "A-1"}) is None
    assert put.body({"order": "A-1", "body": {"a": 1}}) == b'{"a":1}'


def test_a_schema_that_refers_to_itself_is_kept_as_a_definition() -> None:
    schema = listed()["refund_order"].spec.parameters
    assert list(schema["$defs"]) == ["Line"]
    assert schema["properties"]["lines"]["items"] == {"$ref": "#/$defs/Line"}
    given = {"order": "A", "amount": 1, "lines": [{"sku": "x", "parts": [{"sku": 3}]}]}
    (problem,) = Arguments(schema).problems(given)
    assert problem.startswith("lines[0].parts[0].sku: it is 3")


def test_yaml_is_read_as_json_is() -> None:
    text = "openapi: 3.1.0\npaths:\n  /a:\n    get: {operationId: a, parameters: []}\n"
    (found,) = operations(read_document(text.encode()))
    assert (found.spec.name, found.method, found.path) == ("a", "GET", "/a")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1]", "no object"),
        (b"{", "neither JSON nor YAML"),
        (b"a: [", "neither JSON nor YAML"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"swagger": "2.0"}', "its `openapi` is None"),
        (b"x" * 10_000_001, "10,000,000"),
        (b"!!python/object/apply:os.system [id]", "neither JSON nor YAML"),
    ],
)
def test_what_is_no_document_is_refused_with_why(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_document(content)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            changed("paths", "/search", "get", "parameters", to=[{"$ref": "http://x/y#/z"}]),
            "GET /search: .*leads out",
        ),
        (
            changed("paths", "/search", "get", "parameters", to=[{"$ref": "#/no/such"}]),
            "leads nowhere",
        ),
        (
            changed("components", "parameters", "order", to={"$ref": "#/components/parameters/order"}),
            "in circles",
        ),
        (changed("paths", "/search", "get", "parameters", to=[{"name": "q", "in": "body"}]), "no place"),
        (changed("paths", "/search", to=3), "where an object should"),
    ],
)  # fmt: skip
def test_a_broken_document_names_the_operation_and_the_fault(
    document: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        listed(document)


def test_a_small_file_that_stands_for_an_endless_tree_is_refused() -> None:
    lines = ["openapi: 3.1.0", "x-0: &a0 {type: object}"]
    lines += [
        f"x-{n}: &a{n} {{properties: {{{', '.join(f'p{k}: *a{n - 1}' for k in range(20))}}}}}"
        for n in range(1, 9)
    ]
    lines += [
        "paths: {/a: {get: {parameters: [{name: q, in: query, schema: *a8}]}}}",
    ]
    with pytest.raises(InvalidInput, match="more than 20,000 parts"):
        list(operations(read_document("\n".join(lines).encode())))


def parameter(place: Any, style: str, *, explode: bool, name: str = "p") -> Parameter:
    return Parameter(name, name, place, style, explode)


@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        ("form", True, ["a", "b c"], "p=a&p=b+c"),
        ("form", False, ["a", "b"], "p=a%2Cb"),
        ("pipeDelimited", False, ["a", "b"], "p=a%7Cb"),
        ("deepObject", True, {"x": 1, "y": True}, "p%5Bx%5D=1&p%5By%5D=true"),
        ("form", True, {"x": 1}, "x=1"),
        ("form", True, "ä&b=c", "p=%C3%A4%26b%3Dc"),
    ],
)
def test_queries_are_written_by_their_style(
    style: str, explode: bool, value: object, sent: str
) -> None:
    assert query([parameter("query", style, explode=explode)], {"p": value}) == sent


def test_a_value_in_a_path_cannot_lead_elsewhere() -> None:
    given = [parameter("path", "simple", explode=False)]
    assert filled("/a/{p}/b", given, {"p": "../x?y#z"}) == "/a/..%2Fx%3Fy%23z/b"
    assert filled("/a/{p}", given, {"p": ["x", "y"]}) == "/a/x%2Cy"
    for value in ("..", ".", ""):
        with pytest.raises(InvalidInput, match="no part of a path"):
            filled("/a/{p}", given, {"p": value})


def test_a_header_cannot_hold_another() -> None:
    given = [parameter("header", "simple", explode=False, name="X-A")]
    assert headers(given, {"X-A": True}) == {"X-A": "true"}
    with pytest.raises(InvalidInput, match="no header can"):
        headers(given, {"X-A": "a\r\nX-B: c"})


def test_credentials_go_where_the_document_says() -> None:
    document = Document(DOCUMENT)
    found = credentials(document, {"token": SecretStr("t"), "key": SecretStr("k")})
    assert chosen(listed()["get_order"].security, found) == (
        Credential("header", "Authorization", "Bearer t"),
    )
    assert chosen(listed()["get_search"].security, found) == (Credential("query", "api_key", "k"),)
    with pytest.raises(InvalidInput, match="auth.tokn: .*Known: token, key"):
        credentials(document, {"tokn": SecretStr("t")})
