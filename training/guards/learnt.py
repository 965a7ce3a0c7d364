"""What the guards' model learns from: rows with personal data, and segments with and without orders."""

import random
from collections.abc import Sequence
from typing import Any

from training.encoder.batches import IGNORED, Example
from training.injection.mix import DOCUMENT, PROMPT, Mix
from training.injection.sources import Text
from training.pii.data import Row, Swapper, examples, filled, recased, templates
from training.pii.fillers import Fillers

FILLS = 7
"""Of each own template in an epoch."""


class Learnt:
    """`most` are the word pieces of prompts and documents in all epochs; `scale` is the share of the
    rows with personal data that an epoch has.
    """

    def __init__(
        self,
        texts: Sequence[Text],
        rows: Sequence[Row],
        tokenizer: Any,
        epochs: int,
        most: Sequence[int],
        scale: float = 1.0,
    ) -> None:
        self._mix = Mix(texts, tokenizer)
        self._rows, self._tokenizer = rows, tokenizer
        self._epochs, self._most, self._scale = epochs, most, scale
        self._own = templates()
        self._segments: list[Example] = []

    def epoch(self, number: int, draw: random.Random) -> list[Example]:
        """All rows, and as many segments as fall to one epoch: they are drawn once for all."""
        if not self._segments:
            while not all(
                n >= most for n, most in zip(_sums(self._segments), self._most, strict=True)
            ):
                self._segments += self._mix.epoch(number, draw)
            self._segments = cut(self._segments, self._most, draw)
        return [*self._segments[number :: self._epochs], *self._personal(number, draw)]

    def _personal(self, number: int, draw: random.Random) -> list[Example]:
        fillers = Fillers(draw)
        swapper = Swapper(self._rows, fillers, draw)
        made = [filled(t, language, fillers) for language, t in self._own for _ in range(FILLS)]
        made += [
            row if number % 2 == 0 and draw.random() < 0.5 else swapper.swapped(row)
            for row in self._rows
        ]
        if self._scale < 1:
            made = draw.sample(made, k=int(self._scale * len(made)))
        return [each for row in made for each in examples(recased(row, draw), self._tokenizer)]


def _sums(segments: Sequence[Example]) -> list[int]:
    totals = [0, 0]
    for each in segments:
        totals[_head(each)] += len(each.ids)
    return totals


def _head(example: Example) -> int:
    return DOCUMENT if example.target[PROMPT] == IGNORED else PROMPT


def cut(examples: list[Example], most: Sequence[int], draw: random.Random) -> list[Example]:
    """An even choice of them with at most so many tokens a head."""
    draw.shuffle(examples)
    totals, kept = [0, 0], list[Example]()
    for example in examples:
        head = _head(example)
        totals[head] += len(example.ids)
        if totals[head] <= most[head]:
            kept.append(example)
    return kept
