"""A trial of speculation: the user's own prompts, answered with it and without."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bedplate.domain.chat import ChatRequest, Finished, ReasoningDelta, TextDelta, ToolCallDelta
from bedplate.models.managed_finding import Finding, Tried
from bedplate.models.managed_options import Draft
from bedplate.models.protocol import ChatModel

Mode = str | Draft
"""`off`, `ngram`, or a model that guesses."""

LEAST_GAIN = 0.05
"""A share of the plain time; less is not worth a setting that can also cost time."""

MOST_TOKENS = 64
"""Of an answer in a trial: how fast it comes shows in its beginning."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A request as it was made, and how many tokens its answer had."""

    request: ChatRequest
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Answered:
    """`first` and `each` are seconds: until the first token, and for each one after it."""

    text: str
    first: float
    each: float

    def seconds(self, tokens: int) -> float:
        return self.first + self.each * max(tokens - 1, 0)


Serve = Callable[[Mode], Awaitable[ChatModel]]
"""Starts the server anew in a mode."""


async def trial(of: str, samples: Sequence[Sample], modes: Sequence[Mode], serve: Serve) -> Finding:
    """Plain, each of `modes`, plain again, each from a fresh server and in the same order.

    A mode is kept where it saves more than LEAST_GAIN and more than the two plain runs differ by.
    Errors are the model's own.
    """
    before = await _run(samples, await serve("off"))
    ran = [(mode, await _run(samples, await serve(mode))) for mode in modes]
    after = await _run(samples, await serve("off"))
    once, again = _sum(samples, before), _sum(samples, after)
    plain = (once + again) / 2
    spread = abs(once - again) / plain if plain else 0.0
    tried = [
        Tried(
            shown(mode),
            _sum(samples, answers),
            1 - _sum(samples, answers) / plain if plain else 0.0,
            sum(a.text == b.text for a, b in zip(answers, before, strict=True)),
        )
        for mode, answers in ran
    ]
    best = max(tried, key=lambda each: each.gain, default=None)
    pays = best is not None and best.gain > max(LEAST_GAIN, spread)
    return Finding(
        of=of,
        at=datetime.now(UTC),
        prompts=len(samples),
        plain_seconds=plain,
        spread=spread,
        tried=tuple(tried),
        kept=best.mode if best is not None and pays else "off",
    )


def shown(mode: Mode) -> str:
    return mode if isinstance(mode, str) else f"draft {mode.draft.name}"


async def _run(samples: Sequence[Sample], model: ChatModel) -> list[Answered]:
    return [await _answer(model, sample.request) for sample in samples]


async def _answer(model: ChatModel, request: ChatRequest) -> Answered:
    most = min(request.max_output_tokens or MOST_TOKENS, MOST_TOKENS)
    asked = replace(request, temperature=0.0, max_output_tokens=most, deadline=None)
    clock = asyncio.get_running_loop().time
    began, first, text, tokens = clock(), None, "", 0
    async with aclosing(model.stream(asked)) as events:
        async for event in events:
            match event:
                case TextDelta(text=said) | ReasoningDelta(text=said):
                    first = first or clock()
                    text += said
                case ToolCallDelta():
                    first = first or clock()
                    text += event.name + event.arguments
                case Finished():
                    tokens = event.usage.output_tokens
    end = clock()
    first = first or end
    return Answered(text, first - began, (end - first) / max(tokens - 1, 1))


def _sum(samples: Sequence[Sample], answers: Sequence[Answered]) -> float:
    return sum(a.seconds(s.output_tokens) for s, a in zip(samples, answers, strict=True))
