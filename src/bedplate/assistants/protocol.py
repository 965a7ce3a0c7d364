"""What a stage is: it takes a request on its way through an assistant one step further."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bedplate.assistant_sections import AssistantConfig
from bedplate.domain.accounts import Account
from bedplate.domain.answers import Answer, Retrieved
from bedplate.domain.chat import (
    ChatRequest,
    Finished,
    Message,
    Passage,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from bedplate.domain.retrieval import Scope
from bedplate.rag.ask_request import AskRequest
from bedplate.rag.gather import Gathered
from bedplate.tools.protocol import Tool


@dataclass(frozen=True, slots=True)
class Assistant:
    """A declared assistant is version 0; those that are stored count from 1."""

    name: str
    version: int
    settings: AssistantConfig

    @property
    def pinned(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Work:
    """One request on its way through an assistant.

    `request` is what the client sent: messages, functions, settings, deadline and account. `question`
    is what the user said last, and what is searched with. Stages before the answer shape what the
    model is asked; those after it, `answer`, which ends as it leaves the last. A stage that sets
    `answer` before any model is asked answers in its place.

    `keep_route` has all rounds of one request go to the model that a router chose in the first.
    `tools` are those of the server that the model may call, by name. `told` is what tools answered.
    `checked` is the answer's text as it was checked, None where it was not.
    """

    assistant: Assistant
    request: ChatRequest
    model: str
    question: str
    asking: AskRequest
    gathered: Gathered | None = None
    keep_route: bool = False
    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])
    told: tuple[Message, ...] = ()
    answer: Answer | None = None
    checked: str | None = None
    tell_retrieved: bool = False

    @property
    def settings(self) -> AssistantConfig:
        return self.assistant.settings

    @property
    def account(self) -> Account:
        return self.request.account

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return self.asking.scopes

    @property
    def passages(self) -> tuple[Passage, ...]:
        return self.gathered.passages if self.gathered else ()

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """What the answer must fit; None where it may be prose. A client's own form goes first."""
        output = self.request.output
        if output is not None:
            return output.schema or {"type": "object"}
        return self.settings.output


class Stage(Protocol):
    """One step of the pipeline. Stages are shared by all requests and keep nothing of them."""

    async def run(self, work: Work) -> Work:
        """The work as the next stage gets it. A stage before the answer may raise Blocked,
        InvalidInput or Unavailable, which end the request.
        """
        ...

    def holds(self, work: Work) -> bool:
        """Whether, after the answer, it may change the text: then nothing of it leaves before."""
        ...


@dataclass(frozen=True, slots=True)
class StageParts:
    """What of the house a stage may use, handed over by the app: callables by name.

    "ask" is the flow of grounded answers, "turn" that of model calls, "injection" the guard.
    """

    callables: Mapping[str, Any] = field(default_factory=dict[str, Any])


class OpenStage(Protocol):
    """What the entry-point group `bedplate.stages` names. Raises ConfigError where it cannot work."""

    def __call__(self, parts: StageParts) -> Stage: ...


@dataclass(frozen=True, slots=True)
class Done:
    """The last event, exactly once: the whole answer, and how its last model call ended."""

    answer: Answer
    end: Finished


AssistantEvent = Retrieved | TextDelta | ReasoningDelta | ToolCallDelta | Done
"""Text as it is final; calls of the client's own functions; the end."""


class Toolbox(Protocol):
    """The server's tools, each behind what the server sees to."""

    async def list(
        self, names: Sequence[str] | None = None, *, assistant: str | None = None
    ) -> tuple[Tool, ...]:
        """Those that `names` means, tables or single tools, which the assistant may use.

        Raises:
            NotFound: no table and no tool has the name.
            ConfigError, Unavailable, UpstreamError: a place of tools is not what it was declared as,
                or does not answer.
        """
        ...
