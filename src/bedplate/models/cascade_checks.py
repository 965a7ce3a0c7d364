"""What can be seen of an answer for nothing: whether it is one."""

import json
import re
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.domain.chat import ChatRequest
from bedplate.models.cascade_answer import HeldAnswer
from bedplate.models.cascade_schema import misfit
from bedplate.models.route_rules import RouteRule

REFUSES_WITHIN = 600
"""Characters: a longer answer that begins with an apology goes on to answer as a rule."""

_REFUSAL = re.compile(
    r"""^\W*(?:
    (?:i'm|i\ am|we're|we\ are)\ (?:very\ |so\ |really\ )?(?:sorry|afraid|unable|not\ able|not\ sure)
    | sorry\b | my\ apologies | i\ apologi[sz]e | unfortunately,?\ (?:i|we)\b | as\ an\ ai\b
    | i\ (?:can't|cannot|can\ not|won't|don't\ know|do\ not\ know|don't\ have|do\ not\ have)\b
    | es\ tut\ mir\ leid | (?:leider\ )?(?:kann|weiß)\ ich | ich\ (?:kann|weiß)\ (?:das\ |es\ |dir\ |ihnen\ )?(?:leider\ )?nicht
    | lo\ siento | no\ (?:puedo|lo\ sé|sé)\b | (?:je\ suis\ )?désolée?\b | je\ ne\ (?:peux|sai[s])\ pas
    | mi\ dispiace | non\ (?:posso|lo\ so|so)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


class CascadeOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    small: str
    """Name of the cheaper model, which is asked first."""
    large: str
    """Name of the dearer one, which is asked where that was not enough."""
    rules: tuple[RouteRule, ...] = ()
    """The first that fits decides; all below is for requests that none fits."""
    refusal: bool = True
    """Whether an apology or an admission of ignorance is not enough."""
    unfinished: bool = True
    """Whether an answer that was cut off or filtered is not enough."""
    output: bool = True
    """Whether JSON and tool calls must fit the schema that the request has for them."""
    min_logprob: float | None = Field(default=None, le=0)
    """Least mean natural logarithm of the tokens' probability; only of models that give it."""
    samples: int = Field(default=0, ge=0, le=8)
    """How often the small model is asked again, to see whether it says the same."""
    agreement: float = Field(default=0.5, gt=0, le=1)
    """Least share of those that must say the same."""
    judge: str | None = None
    """Name of a model that grades the answer, 0 to 10."""
    grade: int = Field(default=7, ge=1, le=10)
    """Least grade that is enough."""
    max_characters: int = Field(default=200_000, gt=0)
    """Of an answer that is held back; a longer one is broken off, and the large model asked."""

    @model_validator(mode="after")
    def _checks_something(self) -> Self:
        if self.small == self.large:
            raise ValueError("small and large are the same model")
        return self


def free_fault(request: ChatRequest, answer: HeldAnswer, options: CascadeOptions) -> str | None:
    """Why the answer is not enough, by what costs nothing to see; None where nothing is wrong."""
    if answer.end is None:
        return f"its answer has more than {options.max_characters:,} characters"
    if not answer.plain and not answer.calls:
        return "its answer is empty"
    if options.unfinished and answer.end.reason in ("length", "content_filter"):
        return f"its answer was cut off ({answer.end.reason})"
    if options.refusal and not answer.calls and refuses(answer.plain):
        return "it refuses, or does not know"
    if options.output and (fault := _form_fault(request, answer)) is not None:
        return fault
    mean = answer.mean_logprob
    if options.min_logprob is not None and mean is not None and mean < options.min_logprob:
        return f"its mean logprob is {mean:.2f}, below {options.min_logprob:g}"
    return None


def refuses(text: str) -> bool:
    """Whether a text on one line says, as a whole, that there is no answer."""
    return len(text) <= REFUSES_WITHIN and bool(_REFUSAL.match(text.replace("\u2019", "'")))


def _form_fault(request: ChatRequest, answer: HeldAnswer) -> str | None:
    tools = {tool.name: tool for tool in request.tools}
    choice = request.tool_choice
    if choice is not None and choice.mode == "required" and not answer.calls:
        return "it calls no tool where it must"
    for name, arguments in answer.calls:
        if name not in tools:
            return f"it calls the tool {name!r:.100}, which does not exist"
        if tools[name].custom is not None:
            continue
        if (fault := _json_fault(arguments or "{}", tools[name].parameters)) is not None:
            return f"its call of {name}: {fault}"
    if request.output is not None and not answer.calls:
        return _json_fault(answer.text, request.output.schema or {"type": "object"})
    return None


def _json_fault(text: str, schema: Mapping[str, Any]) -> str | None:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return "it is no valid JSON"
    fault = misfit(value, schema)
    return None if fault is None else f"its JSON does not fit the schema: {fault:.200}"
