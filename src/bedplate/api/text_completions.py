"""POST /v1/completions, for older clients and evaluation harnesses.

Source: OpenAI API reference, "Create completion" (legacy).
"""

from contextlib import aclosing

from fastapi import APIRouter, Request, Response

from bedplate.api.completions import Completions
from bedplate.api.costs import cost_headers
from bedplate.api.current import CurrentAccount, CurrentApp, Deadline
from bedplate.api.openapi import JSON, body_of, schema_of
from bedplate.api.routed import routed_headers
from bedplate.api.sse import MEDIA_TYPE
from bedplate.api.streams import open_stream
from bedplate.api.text_reply import TextCompletion, TextReply
from bedplate.api.text_requests import TextBody, TextCall, read_text
from bedplate.api.wire import encode
from bedplate.app import App
from bedplate.errors import InvalidInput

SCHEMA = {"schema": schema_of(TextCompletion)}
ANSWER = {"description": "The completion; with `stream`, chunks of it.",
          "content": {JSON: SCHEMA, MEDIA_TYPE: SCHEMA}}  # fmt: skip

router = APIRouter(tags=["completions"])


@router.post(
    "/v1/completions",
    response_class=Response,
    responses={200: ANSWER},
    openapi_extra=body_of(TextBody),
)
async def create_completion(
    request: Request, app: CurrentApp, account: CurrentAccount, deadline: Deadline
) -> Response:
    """Goes on with a text. A model with `text_completions` is given it as it is, any other, and an
    assistant, as a message.
    """
    call = read_text(await request.body())
    _check_suffix(app, call)
    reply = TextReply(call)
    asked = [each for each in call.requests for _ in range(call.choices)]
    events = Completions(app).of_each(call.model, asked, account, deadline, whole=not call.stream)
    if call.stream:
        return await open_stream(reply.stream(events))
    async with aclosing(events):
        told = [event async for event in events]
    whole = reply.whole(told)
    cost = getattr(whole.usage, "cost_usd", None)
    headers = {**cost_headers(cost), **routed_headers(told)}
    return Response(encode(whole), media_type=JSON, headers=headers)


def _check_suffix(app: App, call: TextCall) -> None:
    """Only a server of OpenAI's wire may know it; whether this one does, its adapter says."""
    known = app.config.models.get(call.model)
    if call.suffix and (known is None or known.use != "openai"):
        raise InvalidInput(
            f"suffix: {call.model!r} writes no text before another; leave it out.", param="suffix"
        )
