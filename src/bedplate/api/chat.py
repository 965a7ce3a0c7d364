"""POST /v1/chat/completions, as plain ASGI: this route is the hot one.

`model` is a model, which is asked as it is, or an assistant, whose answer is grounded in its
collections. Source: OpenAI API reference, "Create chat completion" and its streaming events.
"""

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from msgspec import UNSET, UnsetType
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate.api.access import account_of
from bedplate.api.bodies import deadline_of
from bedplate.api.sse import DONE, encode_event
from bedplate.api.streams import open_stream
from bedplate.api.wire import (
    AssistantMessage,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChunkChoice,
    Delta,
    Extension,
    WireUsage,
    encode,
    wire_usage,
)
from bedplate.api.wire_requests import ChatCall, read_chat
from bedplate.app import App
from bedplate.domain.accounts import Account
from bedplate.domain.answers import Answer, AnswerDelta
from bedplate.domain.chat import Finished, FinishReason, TextDelta, Usage
from bedplate.domain.ids import new_id
from bedplate.errors import InvalidInput, NotFound
from bedplate.rag.answer import AskRequest

PATH = "/v1/chat/completions"

ANSWERLESS = ("tools", "functions", "logprobs", "top_logprobs", "audio", "web_search_options")
"""Fields that ask for something an answer here cannot carry yet."""

TEXT_ONLY: Mapping[str, tuple[object, ...]] = {
    "response_format": ({"type": "text"},),
    "top_p": (1, 1.0),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "logit_bias": ({},),
    "stop": ((),),
}
"""What an assistant cannot honour, with the values that ask for nothing."""


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended; `grounding` is None for a plain model's."""

    reason: FinishReason
    usage: Usage
    grounding: Extension | None = None


class Chat:
    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = read_chat((await receive())["body"])
        _refuse_answerless(call.request.extra)
        events = self._events(call, account_of(scope), deadline_of(scope))
        reply = _Reply(call)
        response = (
            await open_stream(reply.stream(events))
            if call.stream
            else Response(encode(await reply.collect(events)), media_type="application/json")
        )
        await response(scope, receive, send)

    def _events(
        self, call: ChatCall, account: Account, deadline: float
    ) -> AsyncGenerator[str | End]:
        config = self._app.config
        if call.model in config.assistants:
            return self._grounded(self._question(call, account, deadline))
        if call.model not in config.models:
            names = ", ".join([*config.models, *config.assistants])
            raise NotFound(
                f"There is no model or assistant {call.model!r}; there are: {names}.",
                param="model",
            )
        return self._plain(
            replace(call, request=replace(call.request, deadline=deadline, account=account))
        )

    async def _plain(self, call: ChatCall) -> AsyncGenerator[str | End]:
        async with aclosing(self._app.turn.stream(call.model, call.request)) as events:
            async for event in events:
                match event:
                    case TextDelta():
                        yield event.text
                    case Finished():
                        yield End(event.reason, event.usage)
                    case _:
                        pass

    async def _grounded(self, request: AskRequest) -> AsyncGenerator[str | End]:
        async with aclosing(self._app.ask.stream(request)) as events:
            async for event in events:
                match event:
                    case AnswerDelta():
                        yield event.text
                    case Answer():
                        yield End(event.finish_reason, event.usage, _extension(event))

    def _question(self, call: ChatCall, account: Account, deadline: float) -> AskRequest:
        """The last user message is the question, what was said before it the history."""
        _refuse_unhonoured(call)
        spoken = [m for m in call.request.messages if m.role not in {"system", "developer"}]
        told = [m.content for m in call.request.messages if m.role in {"system", "developer"}]
        if not spoken or spoken[-1].role != "user" or not spoken[-1].content.strip():
            raise InvalidInput(
                "The last message must be the user's question, with text.", param="messages"
            )
        if any(message.role == "tool" for message in spoken):
            raise InvalidInput("An assistant reads no tool messages yet.", param="messages")
        question = self._app.assistant_question(
            call.model,
            spoken[-1].content,
            tuple(spoken[:-1]),
            deadline=deadline,
            tenant=account.tenant,
        )
        chosen = call.request
        return replace(
            question,
            instructions="\n\n".join(filter(None, [question.instructions, *told])),
            max_output_tokens=chosen.max_output_tokens or question.max_output_tokens,
            temperature=chosen.temperature,
        )


class _Reply:
    """One completion: the same id, time and model in all its parts."""

    def __init__(self, call: ChatCall) -> None:
        self._id = f"chatcmpl-{new_id()}"
        self._created = int(time.time())
        self._model = call.model
        self._include_usage = call.include_usage

    async def collect(self, events: AsyncGenerator[str | End]) -> ChatCompletion:
        text, end = "", None
        async with aclosing(events):
            async for event in events:
                if isinstance(event, End):
                    end = event
                else:
                    text += event
        if end is None:
            raise AssertionError("an answer has an end")
        grounding = end.grounding or UNSET
        citations = UNSET if grounding is UNSET else grounding.citations
        return ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=(Choice(AssistantMessage(text, citations=citations), end.reason),),
            usage=wire_usage(end.usage),
            bedplate=grounding,
        )

    async def stream(self, events: AsyncGenerator[str | End]) -> AsyncGenerator[bytes]:
        begun = False
        async with aclosing(events):
            async for event in events:
                if not begun:
                    begun = True
                    yield self._chunk(Delta(role="assistant", content=""))
                if isinstance(event, End):
                    yield self._chunk(Delta(), event)
                    if self._include_usage:
                        yield self._usage(wire_usage(event.usage))
                else:
                    yield self._chunk(Delta(content=event))
        yield DONE

    def _chunk(self, delta: Delta, end: End | None = None) -> bytes:
        usage: UnsetType | None = None if self._include_usage else UNSET
        return encode_event(
            ChatCompletionChunk(
                id=self._id,
                created=self._created,
                model=self._model,
                choices=(ChunkChoice(delta, end.reason if end else None),),
                usage=usage,
                bedplate=end.grounding or UNSET if end else UNSET,
            )
        )

    def _usage(self, usage: WireUsage) -> bytes:
        return encode_event(
            ChatCompletionChunk(self._id, self._created, self._model, (), usage=usage)
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
    asked = {**request.extra, "top_p": request.top_p, "stop": request.stop}
    for name, harmless in TEXT_ONLY.items():
        value = asked.get(name)
        if value is not None and value not in harmless:
            raise InvalidInput(
                f"{name}: an assistant cannot honour this; leave it out, or ask a plain model.",
                param=name,
            )
