"""POST /api/ask: a question to one collection, answered from its passages."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Response

from bedplate.api.answer_schemas import Answer, Claim, Question
from bedplate.api.costs import cost_headers
from bedplate.api.current import CurrentAccount, CurrentApp, Deadline
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.streams import open_stream
from bedplate.app import App
from bedplate.domain import answers
from bedplate.rag.answer import AskRequest

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "With `stream`: `delta` events with text, with `claims` `claim` events, then one `answer` event.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    },
    202: {
        "model": Answer,
        "description": "The answer waits for a reviewer; `Location` has what becomes of it.",
    },
}

HELD = 202

router = APIRouter(prefix="/api", tags=["ask"])


@router.post("/ask", response_model=Answer, responses=EVENTS)
async def ask(
    body: Question, app: CurrentApp, account: CurrentAccount, deadline: Deadline, response: Response
) -> Answer | Response:
    """The answer with its citations and how well the passages carry it.

    Streamed, the text comes as it is final, and with `claims` each claim of it once it is judged; an error after the first event is an unnamed one with `{"error": …}`.
    """
    request = app.question(
        body.collection,
        body.question,
        model=body.model,
        filter=body.filter,
        join=body.join,
        deadline=deadline,
        account=account,
    )
    if body.stream:
        return await open_stream(_events(app, replace(request, tell_claims=body.claims)))
    answer = await app.ask.answer(request)
    response.headers.update(cost_headers(answer.usage.cost_usd))
    if answer.checked.action == "held":
        response.status_code = HELD
        response.headers["Location"] = f"/api/reviews/{answer.checked.review}/outcome"
    return Answer.of(answer)


async def _events(app: App, request: AskRequest) -> AsyncGenerator[bytes]:
    async with aclosing(app.ask.stream(request)) as events:
        async for event in events:
            match event:
                case answers.AnswerDelta():
                    yield encode_event({"text": event.text}, "delta")
                case answers.Answer():
                    yield encode_event(Answer.of(event).model_dump(mode="json"), "answer")
                case answers.ClaimJudged():
                    claim = Claim.model_validate(event.claim)
                    yield encode_event(claim.model_dump(mode="json"), "claim")
                case answers.Retrieved():
                    continue
