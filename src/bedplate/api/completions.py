"""What answers a chat completion, whichever wire asked for it: a model, or an assistant."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from difflib import get_close_matches

from bedplate.api.chat_reply import ChoiceEvent
from bedplate.api.chat_requests import ChatCall
from bedplate.api.choices import side_by_side
from bedplate.api.wire import Extension
from bedplate.app import App
from bedplate.domain.accounts import Account
from bedplate.domain.answers import Answer, AnswerDelta, Retrieved
from bedplate.domain.chat import ChatRequest, Finished, TextDelta
from bedplate.errors import InvalidInput, NotFound
from bedplate.rag.answer import AskRequest
from bedplate.rag.dialogue import dialogue

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


class Completions:
    def __init__(self, app: App) -> None:
        self._app = app

    def events(
        self, call: ChatCall, account: Account, deadline: float
    ) -> AsyncGenerator[ChoiceEvent]:
        """Of all choices; NotFound for a model that is none, InvalidInput for what an assistant
        cannot honour.
        """
        config = self._app.config
        if call.model in config.assistants:
            return self._grounded(self._question(call, account, deadline))
        if call.model not in config.models:
            names = [*config.models, *config.assistants]
            near = get_close_matches(call.model, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise NotFound(
                f"There is no model or assistant {call.model!r}.{hint} "
                f"There are: {', '.join(names)}.",
                param="model",
            )
        request = replace(
            call.request, deadline=deadline, account=account, whole_answer=not call.stream
        )
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
                    case Retrieved():
                        continue

    def _question(self, call: ChatCall, account: Account, deadline: float) -> AskRequest:
        """The last user message is the question, what was said before it the history."""
        _refuse_unhonoured(call)
        said = dialogue(call.request.messages, param="messages")
        question = self._app.assistant_question(
            call.model, said.question, said.history, deadline=deadline, account=account
        )
        chosen = call.request
        return replace(
            question,
            instructions="\n\n".join(filter(None, [question.instructions, *said.instructions])),
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
        answer.checked,
        answer.conflicts,
        answer.sufficiency,
    )


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
