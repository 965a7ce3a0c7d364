"""POST /v1/chat/completions, as plain ASGI: this route is the hot one.

`model` is a model, which is asked as it is, or an assistant, whose answer is grounded in its
collections. Source: OpenAI API reference, "Create chat completion" and its streaming events.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate.api.access import account_of
from bedplate.api.bodies import deadline_of
from bedplate.api.chat_reply import ChoiceEvent, Reply
from bedplate.api.chat_requests import ChatCall, read_chat
from bedplate.api.choices import side_by_side
from bedplate.api.streams import open_stream
from bedplate.api.wire import Extension, encode
from bedplate.app import App
from bedplate.domain.accounts import Account
from bedplate.domain.answers import Answer, AnswerDelta
from bedplate.domain.chat import ChatRequest, Finished, TextDelta
from bedplate.errors import InvalidInput, NotFound
from bedplate.rag.answer import AskRequest

PATH = "/v1/chat/completions"

ANSWERLESS = ("audio", "web_search_options")
"""Fields that ask for something an answer here cannot carry."""

TEXT_ONLY: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "tools": ((),),
    "response_format": (None,),
    "logprobs": (None,),
    "top_p": (1, 1.0),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "logit_bias": ({},),
    "stop": ((),),
}
"""What an assistant cannot honour, with the values that ask for nothing."""


class Chat:
    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = read_chat((await receive())["body"])
        _refuse_answerless(call.request.extra)
        events = self._events(call, account_of(scope), deadline_of(scope))
        reply = Reply(call)
        response = (
            await open_stream(reply.stream(events))
            if call.stream
            else Response(encode(await reply.collect(events)), media_type="application/json")
        )
        await response(scope, receive, send)

    def _events(
        self, call: ChatCall, account: Account, deadline: float
    ) -> AsyncGenerator[ChoiceEvent]:
        config = self._app.config
        if call.model in config.assistants:
            return self._grounded(self._question(call, account, deadline))
        if call.model not in config.models:
            names = ", ".join([*config.models, *config.assistants])
            raise NotFound(
                f"There is no model or assistant {call.model!r}; there are: {names}.",
                param="model",
            )
        request = replace(call.request, deadline=deadline, account=account)
        return side_by_side(
            [self._plain(call.model, request, index) for index in range(call.choices)]
        )

    async def _plain(
        self, model: str, request: ChatRequest, index: int
    ) -> AsyncGenerator[ChoiceEvent]:
        async with aclosing(self._app.turn.stream(model, request)) as events:
            async for event in events:
                yield ChoiceEvent(index, event)

    async def _grounded(self, request: AskRequest) -> AsyncGenerator[ChoiceEvent]:
        async with aclosing(self._app.ask.stream(request)) as events:
            async for event in events:
                match event:
                    case AnswerDelta():
                        yield ChoiceEvent(0, TextDelta(event.text))
                    case Answer():
                        end = Finished(event.finish_reason, event.usage, event.model)
                        yield ChoiceEvent(0, end, _extension(event))

    def _question(self, call: ChatCall, account: Account, deadline: float) -> AskRequest:
        """The last user message is the question, what was said before it the history."""
        _refuse_unhonoured(call)
        messages = call.request.messages
        spoken = [m for m in messages if m.role not in {"system", "developer"}]
        told = [m.content for m in messages if m.role in {"system", "developer"}]
        if not spoken or spoken[-1].role != "user" or not spoken[-1].content.strip():
            raise InvalidInput(
                "The last message must be the user's question, with text.", param="messages"
            )
        if any(m.role == "tool" or m.tool_calls or m.parts for m in spoken):
            raise InvalidInput(
                "An assistant reads no tool messages and no images yet.", param="messages"
            )
        question = self._app.assistant_question(
            call.model,
            spoken[-1].content,
            tuple(spoken[:-1]),
            deadline=deadline,
            account=account,
        )
        chosen = call.request
        return replace(
            question,
            instructions="\n\n".join(filter(None, [question.instructions, *told])),
            max_output_tokens=chosen.max_output_tokens or question.max_output_tokens,
            temperature=chosen.temperature,
        )


def _extension(answer: Answer) -> Extension:
    return Extension(
        answer.citations,
        answer.grounded,
        answer.refused,
        answer.trace_id,
        answer.rewritten,
        answer.self_query,
    )


def _refuse_answerless(extra: Mapping[str, Any]) -> None:
    for name in ANSWERLESS:
        if extra.get(name):
            raise InvalidInput(f"{name}: not supported yet; leave it out.", param=name)


def _refuse_unhonoured(call: ChatCall) -> None:
    request = call.request
    asked = {
        **request.extra,
        "n": call.choices,
        "tools": request.tools,
        "response_format": request.output,
        "logprobs": request.logprobs,
        "top_p": request.top_p,
        "stop": request.stop,
    }
    for name, harmless in TEXT_ONLY.items():
        value = asked.get(name)
        if value is not None and value not in harmless:
            raise InvalidInput(
                f"{name}: an assistant cannot honour this; leave it out, or ask a plain model.",
                param=name,
            )
