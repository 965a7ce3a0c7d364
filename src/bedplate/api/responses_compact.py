"""POST /v1/responses/compact and /v1/responses/input_tokens.

Source: OpenAI API reference, "Compact a response" and "Get input token counts".
"""

import time
from dataclasses import replace
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from bedplate.api.current import CurrentAccount, CurrentApp, Deadline
from bedplate.api.openapi import JSON, answers, body_of, schema_of
from bedplate.api.reading import convert, read_object, wrong
from bedplate.api.responses_calls import QUOTING, Caller, Calls, instructed
from bedplate.api.responses_requests import (
    CompactBody,
    ResponsesBody,
    known_fields,
    read_call,
    read_response,
)
from bedplate.errors import InvalidInput, NotFound
from bedplate.models.tokens import request_tokens
from bedplate.responses.compacting import compact
from bedplate.responses.context import Context
from bedplate.responses.items import fresh_id
from bedplate.responses.response import CompactedResponse, InputTokens, response_usage

router = APIRouter(prefix="/v1/responses", tags=["responses"])


@router.post(
    "/compact",
    response_class=Response,
    responses=answers(
        "What is to be sent in the conversation's place.", schema_of(CompactedResponse)
    ),
    openapi_extra=body_of(CompactBody),
)
async def compact_response(
    request: Request, app: CurrentApp, account: CurrentAccount, deadline: Deadline
) -> Response:
    """The user's messages as they are, and one item in which the model sums up everything else."""
    raw = read_object(await request.body())
    ignored = {"image", "prompt_cache_options", "prompt_cache_retention"}
    body = convert(known_fields(raw, CompactBody, ignored), CompactBody)
    if body.model not in app.config.models:
        raise NotFound(
            f"There is no model {body.model!r} to sum up a conversation; there are: "
            f"{', '.join(app.config.models)}.",
            param="model",
        )
    if app.config.models[body.model].use == QUOTING:
        raise InvalidInput(
            f"model: {body.model!r} quotes, and sums nothing up; take another.", param="model"
        )
    call = read_call(ResponsesBody(body.model, body.input, body.instructions,
                                   previous_response_id=body.previous_response_id))  # fmt: skip
    turns = await Calls(app).conversation(call, Caller(account, deadline))
    items = instructed(call, turns.items)
    made = await compact(app.turn, body.model, items, account=account, deadline=deadline)
    answer = CompactedResponse(
        fresh_id("resp"), int(time.time()), made.output, response_usage(made.usage)
    )
    return Response(msgspec.json.encode(answer), media_type=JSON)


@router.post(
    "/input_tokens",
    response_class=Response,
    responses=answers("How many tokens the request would have.", schema_of(InputTokens)),
    openapi_extra=body_of(ResponsesBody),
)
async def count_input_tokens(
    request: Request, app: CurrentApp, account: CurrentAccount, deadline: Deadline
) -> Response:
    """Of the same body as a response's, with what it goes on from; no model is called."""
    raw = read_object(await request.body())
    if raw.get("personality") is not None and not isinstance(raw["personality"], str):
        raise wrong("personality", "expected string")
    raw.pop("personality", None)
    call = read_response(msgspec.json.encode({"model": "", **_without_nulls(raw)}))
    turns = await Calls(app).conversation(call, Caller(account, deadline))
    items = instructed(call, turns.items)
    whole = replace(call.request, messages=Context(items).messages)
    answer = InputTokens(request_tokens(whole))
    return Response(msgspec.json.encode(answer), media_type=JSON)


def _without_nulls(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if value is not None}
