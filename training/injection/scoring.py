"""Scores of whole texts by an exported model: the highest of their windows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from training.encoder.bert import TOKENIZER, packaged
from training.injection.mix import DOCUMENT, OVERLAP, PROMPT, WINDOW
from training.injection.sources import Text

from bedplate.encoder import Encoder, spans

MOST = 24
"""Windows of a text that are looked at: its first ones and its last."""


class Scorer:
    def __init__(self, model: Path, tokenizer: Any) -> None:
        self._encoder = Encoder(
            model.read_bytes(), packaged("tokenizer.json", TOKENIZER).read_bytes()
        )
        self._tokenizer = tokenizer

    def scores(self, texts: Sequence[Text]) -> np.ndarray:
        """How likely each is an injection, by the head of its kind."""
        cut = [self._windows(text.text) for text in texts]
        logits = iter(self._encoder.run([ids for each in cut for ids in each]))
        found = np.zeros(len(texts))
        for place, (text, each) in enumerate(zip(texts, cut, strict=True)):
            head = PROMPT if text.kind == "prompt" else DOCUMENT
            best = max(float(next(logits)[head]) for _ in each)
            found[place] = 1 / (1 + np.exp(-best))
        return found

    def _windows(self, text: str) -> list[list[int]]:
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        cut = spans(len(ids), WINDOW, OVERLAP)
        if len(cut) > MOST:
            cut = [*cut[: MOST - 4], *cut[-4:]]
        return [ids[each.start : each.stop] for each in cut]


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """The chance that an attack scores above a benign text; ties count half."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    upto = np.searchsorted(ordered, positive, "right")
    return float(((below + upto) / 2).mean() / len(negative))
