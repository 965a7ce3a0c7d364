"""/openapi.json: the routes FastAPI serves, and those that are read by msgspec."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from fastapi import FastAPI

from bedplate.api.access import PROBES
from bedplate.api.chat_requests import ChatBody
from bedplate.api.conversations_requests import ConversationBody, ItemsBody, MetadataBody
from bedplate.api.embeddings_requests import EmbeddingsBody
from bedplate.api.responses_requests import CompactBody, ResponsesBody
from bedplate.api.scopes import scope_of
from bedplate.api.text_reply import TextCompletion
from bedplate.api.text_requests import TextBody
from bedplate.api.wire import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionList,
    DeletedObject,
    EmbeddingList,
    ErrorEnvelope,
    Model,
    ModelList,
    StoredMessageList,
)
from bedplate.responses.event_types import ResponseStreamEvent
from bedplate.responses.items import Conversation, Item, ItemList
from bedplate.responses.response import CompactedResponse, InputTokens, Response

FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")
KEY = "access_key"
REFERENCE = "#/components/schemas/{name}"
READ = (
    EmbeddingsBody,
    ResponsesBody,
    CompactBody,
    ConversationBody,
    MetadataBody,
    ItemsBody,
    TextBody,
)
"""Bodies that msgspec reads on routes of FastAPI's."""

SENT = (
    ChatCompletionList,
    CompactedResponse,
    Conversation,
    DeletedObject,
    EmbeddingList,
    InputTokens,
    ItemList,
    Model,
    ModelList,
    Response,
    StoredMessageList,
    TextCompletion,
)
"""What it writes there."""

PREFIX = "OpenAI"
"""Before the name of what msgspec writes where FastAPI has a type of that name."""

UNIONS: Mapping[str, Any] = {"Item": Item, "ResponseStreamEvent": ResponseStreamEvent}
"""So, one of several."""

JSON = "application/json"


def body_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """A request body for `openapi_extra`; the type that reads it is among `READ`."""
    content = {"application/json": {"schema": schema_of(struct)}}
    return {"requestBody": {"required": True, "content": content}}


def schema_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Where the document describes a type of `READ` or `SENT`."""
    return named_schema(struct.__name__)


def named_schema(name: str) -> dict[str, Any]:
    """So of one of `UNIONS`."""
    return {"$ref": REFERENCE.format(name=name)}


def answers(what: str, schema: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route whose answer msgspec writes."""
    return {200: {"description": what, "content": {JSON: {"schema": schema}}}}


def describe(api: FastAPI, chat_path: str) -> dict[str, Any]:
    """The whole document, with the chat route, which FastAPI does not serve, and our errors."""
    document = api.openapi()
    (body, completion, chunk, error, *rest), schemas = msgspec.json.schema_components(
        (
            *(ChatBody, ChatCompletion, ChatCompletionChunk, ErrorEnvelope),
            *UNIONS.values(),
            *READ,
            *SENT,
        ),
        schema_hook=_anything,
        ref_template=REFERENCE,
    )
    known = document["components"]["schemas"]
    named = {**schemas, **dict(zip(UNIONS, rest, strict=False))}
    # Of one name, the two need not be alike: an answer of /api is not the part of one of /v1.
    other = {name: f"{PREFIX}{name}" for name in named.keys() & known.keys()}
    known.update({other.get(name, name): _renamed(each, other) for name, each in named.items()})
    # Those that were stored are listed at the same path.
    document["paths"].setdefault(chat_path, {}).update(
        post={
            "tags": ["chat"],
            "summary": "Create Chat Completion",
            "description": "`model` is a model, or an assistant whose answers are grounded.",
            "operationId": "create_chat_completion",
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {
                "200": {
                    "description": "The completion; with `stream`, chunks as data-only events.",
                    "content": {
                        "application/json": {"schema": completion},
                        "text/event-stream": {"schema": chunk},
                    },
                }
            },
        }
    )
    _declare_errors(document, error)
    _declare_keys(document)
    return document


def _renamed(schema: Any, other: Mapping[str, str]) -> Any:
    """With references to the other names."""
    if isinstance(schema, list):
        return [_renamed(each, other) for each in cast(list[Any], schema)]
    if isinstance(schema, str):
        before, _, name = schema.rpartition("/")
        refers = name in other and before == REFERENCE.rpartition("/")[0]
        return f"{before}/{other[name]}" if refers else schema
    if isinstance(schema, dict):
        fields = cast(dict[str, Any], schema)
        return {key: _renamed(value, other) for key, value in fields.items()}
    return schema


def _declare_errors(document: dict[str, Any], error: dict[str, Any]) -> None:
    """Every route's errors are ours; what FastAPI says of its own is taken out."""
    for name in FASTAPI_ERRORS:
        document["components"]["schemas"].pop(name, None)
    content = {"application/json": {"schema": error}}
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)
            responses["4XX"] = {"description": "The request cannot be met.", "content": content}
            responses["5XX"] = {
                "description": "The server, or one that it asks, failed.",
                "content": content,
            }


def _declare_keys(document: dict[str, Any]) -> None:
    """What each route asks for; its scope stands where OpenAPI 3.1 has the roles of a scheme."""
    document["components"]["securitySchemes"] = {KEY: {"type": "http", "scheme": "bearer"}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            scope = scope_of(method.upper(), path)
            needed = {KEY: [scope] if scope else []}
            operation["security"] = [] if path in PROBES else [needed]


def _anything(kind: type) -> dict[str, Any]:
    """The schema of JSON of any kind; msgspec knows the others."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON value."}
