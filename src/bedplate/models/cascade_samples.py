"""Whether a model says the same when it is asked again (self-consistency: Wang et al. 2022,
arXiv:2203.11171; as a reason to escalate: Yue et al. 2023, arXiv:2310.03094).
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bedplate.domain.chat import ChatRequest, Usage
from bedplate.embedders.protocol import Embedder
from bedplate.errors import BedplateError
from bedplate.models.cascade_answer import HeldAnswer, hold
from bedplate.models.ending import used, why
from bedplate.models.protocol import MeteredModel

TEMPERATURE = 0.7
STEP = 0.01
"""Each sample is drawn at another temperature, so that no cache gives one for the other."""
ALIKE = 0.8
"""Least cosine of two texts that say the same in other words."""
MOST_COMPARED = 20_000

_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")
_MARKS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Agreement:
    """The share of samples that say the same as the answer; or, in `fault`, why it is not known."""

    share: float
    spent: tuple[Usage, ...]
    fault: str | None = None


async def agreement(
    model: MeteredModel,
    request: ChatRequest,
    answer: HeldAnswer,
    *,
    samples: int,
    most: int,
    embedder: Embedder,
) -> Agreement:
    """Ask again, all at once, and compare."""

    async def draw(number: int) -> HeldAnswer | BedplateError:
        warm = replace(request, temperature=TEMPERATURE + STEP * number, logprobs=None)
        try:
            return await hold(model, warm, most)
        except BedplateError as error:
            return error

    async with asyncio.TaskGroup() as tasks:
        drawn = [tasks.create_task(draw(number)) for number in range(samples)]
    found = [task.result() for task in drawn]
    spent: list[Usage] = []
    texts: list[str] = []
    for one in found:
        if isinstance(one, BedplateError):
            spent += used(one)
        else:
            spent.append(cost_of(one, model, request))
            texts.append(one.said)
    failed = [one for one in found if isinstance(one, BedplateError)]
    if failed:
        return Agreement(0.0, tuple(spent), f"asked again it failed ({why(failed[0])})")
    try:
        share = await _share(answer.said, texts, embedder)
    except BedplateError as error:
        return Agreement(0.0, tuple(spent), f"its answers could not be compared ({why(error)})")
    return Agreement(share, tuple(spent))


def cost_of(answer: HeldAnswer, model: MeteredModel, request: ChatRequest) -> Usage:
    """As reported; of an answer that was broken off the most that it can have been."""
    if answer.end is not None:
        return answer.end.usage
    return Usage(estimated=True, cost_usd=model.bound(request).usd)


async def _share(answer: str, samples: Sequence[str], embedder: Embedder) -> float:
    texts = [text[:MOST_COMPARED] for text in (answer, *samples)]
    if all(_bare(text) == _bare(answer) for text in samples):
        return 1.0
    vectors = await embedder.embed(texts)
    cosines = vectors[1:] @ vectors[0]
    same = [
        says_the_same(answer, text, float(cosine))
        for text, cosine in zip(samples, cosines, strict=True)
    ]
    return sum(same) / len(same)


def says_the_same(one: str, other: str, cosine: float) -> bool:
    """Equal but for case and marks, or near in meaning with the same last number, if any."""
    if _bare(one) == _bare(other):
        return True
    return cosine >= ALIKE and _last_number(one) == _last_number(other)


def _bare(text: str) -> str:
    return _MARKS.sub(" ", text.casefold()).strip()


def _last_number(text: str) -> str | None:
    found = _NUMBER.findall(text)
    return found[-1] if found else None
