"""Scores of whole texts by an exported model: the highest of their segments."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from training.injection.mix import DOCUMENT, PROMPT
from training.injection.sources import Text

from bedplate.encoder import Encoder
from bedplate.guards.reading import SegmentReader
from bedplate.guards.segments import cut

MOST = 36
"""Segments of a text that are looked at: its first ones and its last."""


class Scorer:
    def __init__(self, model: Path) -> None:
        encoder = Encoder(model)
        self._reader = SegmentReader(lambda: encoder)

    def scores(self, texts: Sequence[Text]) -> np.ndarray:
        """How likely each is an injection, by the head of its kind."""
        return np.array([self._score(text) for text in texts])

    def _score(self, text: Text) -> float:
        stretches = list(cut(text.text))
        if len(stretches) > MOST:
            stretches = [*stretches[: MOST - 4], *stretches[-4:]]
        head = PROMPT if text.kind == "prompt" else DOCUMENT
        best = max(self._reader.read(text.text[slice(*each)]).orders[head] for each in stretches)
        return float(1 / (1 + np.exp(-best)))


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """The chance that an attack scores above a benign text; ties count half."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    upto = np.searchsorted(ordered, positive, "right")
    return float(((below + upto) / 2).mean() / len(negative))
