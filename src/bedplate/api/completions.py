"""What answers a chat completion, whichever wire asked for it: a model, or an assistant."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from bedplate.api.chat_reply import ChoiceEvent
from bedplate.api.chat_requests import ChatCall
from bedplate.api.choices import side_by_side
from bedplate.api.wire import Extension
from bedplate.app import App
from bedplate.assistants.protocol import Assistant, AssistantEvent, Done
from bedplate.domain.accounts import Account
from bedplate.domain.answers import Answer, AnswerEvent, Retrieved
from bedplate.domain.chat import ChatEvent, ChatRequest, TextSink, changed
from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound
from bedplate.spelling import did_you_mean, shown


class Completions:
    def __init__(self, app: App) -> None:
        self._app = app

    def events(
        self, call: ChatCall, account: Account, deadline: float, sink: TextSink | None = None
    ) -> AsyncGenerator[ChoiceEvent]:
        """Of all choices; the first brings NotFound for a model that is none, and InvalidInput for
        what an assistant cannot honour. `sink` may be given text of a single choice in place of
        events, once the first was read.
        """
        is_model = call.model in self._app.config.models
        request = changed(
            call.request,
            deadline=deadline,
            account=account,
            whole_answer=not call.stream,
            sink=sink if is_model and call.choices == 1 else None,
        )
        answers = self._plain if is_model else self._assisted
        return side_by_side([answers(call.model, request, index) for index in range(call.choices)])

    def of_each(
        self,
        model: str,
        requests: Sequence[ChatRequest],
        account: Account,
        deadline: float,
        *,
        whole: bool,
    ) -> AsyncGenerator[ChoiceEvent]:
        """A choice of each request, numbered as they are; `whole` where nobody reads pieces. Errors
        are those of `events`.
        """
        answers = self._plain if model in self._app.config.models else self._assisted
        return side_by_side(
            [
                answers(
                    model,
                    changed(request, deadline=deadline, account=account, whole_answer=whole),
                    index,
                )
                for index, request in enumerate(requests)
            ]
        )

    async def answer(
        self, call: ChatCall, account: Account, deadline: float
    ) -> Sequence[ChoiceEvent]:
        """All of them at once, of a call that does not stream."""
        if call.choices > 1 or call.model not in self._app.config.models:
            async with aclosing(self.events(call, account, deadline)) as events:
                return [event async for event in events]
        request = changed(call.request, deadline=deadline, account=account, whole_answer=True)
        return [ChoiceEvent(0, each) for each in await self._app.turn.answer(call.model, request)]

    async def _plain(
        self, model: str, request: ChatRequest, index: int
    ) -> AsyncGenerator[ChoiceEvent]:
        async with aclosing(self._app.turn.stream(model, request)) as events:
            async for event in events:
                yield ChoiceEvent(index, event)

    async def _assisted(
        self, name: str, request: ChatRequest, index: int
    ) -> AsyncGenerator[ChoiceEvent]:
        assistant = await find(self._app, name, request.account.tenant)
        async with aclosing(self._app.assistants.stream(assistant, request)) as events:
            async for event in events:
                match event:
                    case Done(answer, end):
                        yield ChoiceEvent(index, end, _extension(answer))
                    case Retrieved():
                        continue
                    case _:
                        yield ChoiceEvent(index, event)


async def answered(
    events: AsyncGenerator[AssistantEvent],
) -> AsyncGenerator[AnswerEvent | ChatEvent]:
    """The same, with the end in two: how the model ended, and the whole answer."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Done):
                yield event.end
                yield event.answer
            else:
                yield event


async def find(app: App, name: str, tenant: TenantId) -> Assistant:
    """NotFound that names all that `model` may be."""
    found = await app.assistants.roster.find(name, tenant)
    if found is not None:
        return found
    names = [*app.config.models, *(each.name for each in await app.assistants.roster.list(tenant))]
    hint = did_you_mean(name, names)
    raise NotFound(
        f"There is no model or assistant {shown(name)}.{hint} There are: {', '.join(names)}.",
        param="model",
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
