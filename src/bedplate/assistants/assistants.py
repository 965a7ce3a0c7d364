"""Assistants by name: which version answers, and one request through its pipeline."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from bedplate.assistant_sections import AssistantConfig
from bedplate.assistants.end_user import end_user
from bedplate.assistants.memory import Memory
from bedplate.assistants.pipeline import Pipeline
from bedplate.assistants.protocol import Assistant, AssistantEvent, Done, Work
from bedplate.assistants.roster import Roster
from bedplate.assistants.spoken import spoken
from bedplate.domain.answers import Answer
from bedplate.domain.chat import ChatRequest
from bedplate.domain.checks import Check
from bedplate.domain.retrieval import Scope
from bedplate.domain.tools import OutputFormat
from bedplate.errors import InvalidInput
from bedplate.rag.ask_request import UNCHECKED, AskRequest
from bedplate.rag.checks.settings import read_check


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for questions to collections where an assistant does not say."""

    passages: int
    rewrite: str
    self_query: bool
    max_output_tokens: int | None
    check: Check = UNCHECKED


class Assistants:
    """`roster` tells which there are; here they answer."""

    def __init__(
        self, roster: Roster, pipeline: Pipeline, memory: Memory, defaults: Defaults
    ) -> None:
        self.roster = roster
        self._pipeline = pipeline
        self._memory = memory
        self._defaults = defaults

    async def stream(
        self,
        assistant: Assistant,
        request: ChatRequest,
        *,
        param: str = "messages",
        tell_retrieved: bool = False,
    ) -> AsyncGenerator[AssistantEvent]:
        """See `Pipeline.stream`. `param` is what the client calls the conversation.

        Raises:
            InvalidInput: nothing is asked, or something that the assistant cannot do.
        """
        work = self._work(assistant, request, param=param, tell_retrieved=tell_retrieved)
        events = self._pipeline.stream(work, partial(self._memory.fitted, work))
        async with aclosing(events):
            async for event in events:
                yield event

    async def answer(self, assistant: Assistant, request: ChatRequest) -> Answer:
        """The stream, collected."""
        async with aclosing(self.stream(assistant, request)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
        raise AssertionError("a pipeline ends with Done")

    def _work(
        self, assistant: Assistant, request: ChatRequest, *, param: str, tell_retrieved: bool
    ) -> Work:
        settings, defaults = assistant.settings, self._defaults
        account = replace(request.account, assistant=assistant.name, user=end_user(request.extra))
        searched = bool(settings.collections) and "retrieve" in settings.stages
        if searched and request.logprobs is not None:
            raise InvalidInput(
                "logprobs: an assistant that cites its sources changes the text; leave it out, or "
                "ask a plain model.",
                param="logprobs",
            )
        said = spoken(request.messages, searched=searched, param=param)
        asking = AskRequest(
            question=said.question,
            scopes=tuple(Scope(account.tenant, name) for name in settings.collections),
            model=settings.model,
            passages=settings.passages or defaults.passages,
            instructions="\n\n".join(filter(None, [settings.instructions, *said.instructions])),
            history=said.history,
            rewrite=defaults.rewrite,
            max_output_tokens=request.max_output_tokens or defaults.max_output_tokens,
            temperature=request.temperature,
            deadline=request.deadline,
            self_query=defaults.self_query,
            account=account,
            check=read_check(settings.check) if settings.check else defaults.check,
            output=request.output or _own_output(settings),
        )
        return Work(
            assistant=assistant,
            request=replace(request, account=account),
            model=settings.model,
            question=said.question,
            asking=asking,
            tell_retrieved=tell_retrieved,
        )


def _own_output(settings: AssistantConfig) -> OutputFormat | None:
    if settings.output is None or "shape" not in settings.stages:
        return None
    return OutputFormat(settings.output)
