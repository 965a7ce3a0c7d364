"""Scores of whole texts by an exported model: the highest of their windows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from training.encoder.batches import CLS, SEP
from training.encoder.export import session
from training.injection.mix import DOCUMENT, PROMPT, STRIDE, WINDOW
from training.injection.sources import Text

MOST = 24
"""Windows of a text that are looked at: its first ones and its last."""


class Scorer:
    def __init__(self, model: Path, tokenizer: Any) -> None:
        self._session = session(model)
        self._tokenizer = tokenizer

    def scores(self, texts: Sequence[Text]) -> np.ndarray:
        """How likely each is an injection, by the head of its kind."""
        found = np.zeros(len(texts))
        jobs = [
            (index, [CLS, *ids, SEP]) for index, text in enumerate(texts)
            for ids in self._windows(text.text)
        ]  # fmt: skip
        jobs.sort(key=lambda job: len(job[1]))
        for start in range(0, len(jobs), 16):
            part = jobs[start : start + 16]
            width = max(len(ids) for _, ids in part)
            ids = np.zeros((len(part), width), dtype=np.int64)
            mask = np.zeros_like(ids)
            for row, (_, given) in enumerate(part):
                ids[row, : len(given)], mask[row, : len(given)] = given, 1
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            logits = self._session.run(None, feed)[0]
            for (index, _), row in zip(part, logits, strict=True):
                head = PROMPT if texts[index].kind == "prompt" else DOCUMENT
                found[index] = max(found[index], 1 / (1 + np.exp(-float(row[head]))))
        return found

    def _windows(self, text: str) -> list[list[int]]:
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        starts = list(range(0, max(1, len(ids) - (WINDOW - STRIDE)), STRIDE))
        if len(starts) > MOST:
            starts = [*starts[: MOST - 4], *starts[-4:]]
        return [ids[start : start + WINDOW] for start in starts]


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """The chance that an attack scores above a benign text; ties count half."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    upto = np.searchsorted(ordered, positive, "right")
    return float(((below + upto) / 2).mean() / len(negative))
