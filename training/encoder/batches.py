"""Examples of token ids, in batches of about equal length and bounded size."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from training.encoder.bert import TOKENIZER, packaged

CLS, SEP = 101, 102
IGNORED = -100
"""As a target: counts for nothing."""


@dataclass(frozen=True, slots=True)
class Example:
    """One window with its markers at both ends.

    `target` is one number a head, `IGNORED` where a head does not learn from it, or one tag a token.
    `types` may tell kinds of tokens apart. `weight` is how much it counts. `tags` are one a token,
    beside a target, or none.
    """

    ids: Sequence[int]
    target: Sequence[float]
    types: Sequence[int] = field(default=())
    weight: float = 1.0
    tags: Sequence[int] = field(default=())


@dataclass(frozen=True, slots=True)
class Batch:
    ids: Tensor
    mask: Tensor
    types: Tensor
    target: Tensor
    weight: Tensor
    tags: Tensor


def tokenizer() -> Any:
    """The model's own, which neither pads nor cuts."""
    made: Any = Tokenizer.from_file(str(packaged("tokenizer.json", TOKENIZER)))
    made.no_padding()
    made.no_truncation()
    return made


def windows(ids: Sequence[int], width: int, stride: int) -> Iterator[list[int]]:
    """Bare ids cut into stretches of `width` that begin every `stride`, each between its markers."""
    for start in range(0, max(1, len(ids) - (width - stride)), stride):
        yield [CLS, *ids[start : start + width], SEP]


def batches(examples: Sequence[Example], tokens: int, seed: int) -> Iterator[Batch]:
    """All of them in random order, `tokens` at most in one batch, padding counted."""
    draw = random.Random(seed)
    order = sorted(range(len(examples)), key=lambda i: (len(examples[i].ids), draw.random()))
    groups: list[list[int]] = []
    for index in order:
        longest = len(examples[index].ids)
        if not groups or (len(groups[-1]) + 1) * longest > tokens:
            groups.append([])
        groups[-1].append(index)
    draw.shuffle(groups)
    for group in groups:
        yield collated([examples[i] for i in group])


def collated(group: Sequence[Example]) -> Batch:
    width = max(len(each.ids) for each in group)
    long = max(len(each.target) for each in group)

    def padded(rows: Sequence[Sequence[float]], to: int, value: float) -> list[list[float]]:
        return [[*row, *[value] * (to - len(row))] for row in rows]

    return Batch(
        ids=torch.tensor(padded([e.ids for e in group], width, 0), dtype=torch.long),
        mask=torch.tensor(padded([[1] * len(e.ids) for e in group], width, 0), dtype=torch.long),
        types=torch.tensor(padded([e.types for e in group], width, 0), dtype=torch.long),
        target=torch.tensor(padded([e.target for e in group], long, IGNORED)),
        weight=torch.tensor([e.weight for e in group]),
        tags=torch.tensor(padded([e.tags for e in group], width, IGNORED), dtype=torch.long),
    )
