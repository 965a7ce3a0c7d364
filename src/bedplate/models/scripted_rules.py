"""The rules of a scripted model: what is said to which question, and to which tool's answer."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.domain.chat import ChatRequest
from bedplate.errors import InvalidInput


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Call(Section):
    """`arguments` are an object, or text as it is, so that a script can have it wrong."""

    name: str = Field(min_length=1)
    arguments: Mapping[str, Any] | str = Field(default_factory=dict[str, Any])

    @property
    def text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else _json(self.arguments)


class Rule(Section):
    """Answers every question that holds `match`, whatever its case.

    With `result` it answers only after a tool whose answer holds that text; with `tool_calls` and
    without `result`, only before any tool has answered. A `reply` that is a table is said as JSON, one that `refuses` as
    a provider tells of a refusal.
    """

    match: str = ""
    result: str | None = None
    reply: str | Mapping[str, Any] = ""
    reasoning: str = ""
    refuses: bool = False
    tool_calls: tuple[Call, ...] = ()

    @model_validator(mode="after")
    def _answers(self) -> Self:
        if not self.reply and not self.tool_calls:
            raise ValueError("a rule needs a reply or tool_calls")
        return self

    def fits(self, question: str, result: str | None) -> bool:
        if self.match.casefold() not in question.casefold():
            return False
        if self.result is None:
            return result is None or not self.tool_calls
        return result is not None and self.result.casefold() in result.casefold()


@dataclass(frozen=True, slots=True)
class Line:
    """What is said to one request."""

    text: str
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    refuses: bool = False


def answer(rules: Iterable[Rule], request: ChatRequest) -> Line | None:
    """By the first rule that fits."""
    last = request.messages[-1] if request.messages else None
    result = last.content if last is not None and last.role == "tool" else None
    for rule in rules:
        if rule.fits(request.question, result):
            text = rule.reply if isinstance(rule.reply, str) else _json(rule.reply)
            return Line(text, rule.reasoning, rule.tool_calls, rule.refuses)
    return None


def check(line: Line, request: ChatRequest) -> None:
    """InvalidInput for a line that is not what the request asks for: no model may say that."""
    choice = request.tool_choice
    if request.logprobs is not None:
        raise InvalidInput("logprobs: a scripted model has none; leave it out.", param="logprobs")
    if line.calls and (not request.tools or (choice is not None and choice.mode == "none")):
        raise InvalidInput(
            f"tools: the script calls {line.calls[0].name!r}, which the request does not allow.",
            param="tools",
        )
    if choice is not None and choice.mode == "required" and not line.calls:
        raise InvalidInput(
            "tool_choice: asks for a tool call, but the script has none for this question.",
            param="tool_choice",
        )
    for call in line.calls:
        if choice is not None and choice.names and call.name not in choice.names:
            raise InvalidInput(
                f"tool_choice: the script calls {call.name!r}, which is not among those named.",
                param="tool_choice",
            )
    fits = line.refuses or not line.text or _is_object(line.text)
    if request.output is not None and not fits:
        raise InvalidInput(
            f"response_format: asks for a JSON object, but the script says {line.text!r:.100}.",
            param="response_format",
        )


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
