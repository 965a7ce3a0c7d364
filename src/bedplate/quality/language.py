"""The language of a text, where it is plain."""

import threading
from collections.abc import Iterable
from typing import Any

import py3langid.langid

LEAST_LETTERS = 60
MOST_LETTERS = 1_200
LEAST_PROBABILITY = 0.7

_langid: Any = py3langid.langid


class Languages:
    """Names languages by ISO 639-1, with the naive Bayes model of langid.

    Lui and Baldwin 2012, "langid.py: An Off-the-shelf Language Identification Tool". The model is
    loaded by the first text, in about half a second.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._identifier: Any = None

    def of(self, texts: Iterable[str], *, least_letters: int = LEAST_LETTERS) -> str | None:
        """The language that these texts, read one after the other, are most likely in.

        None where they have fewer letters, or could well be in another.
        """
        sample = _start(texts)
        if sum(map(str.isalpha, sample)) < least_letters:
            return None
        with self._lock:
            if self._identifier is None:
                self._identifier = _langid.LanguageIdentifier.from_model_file(
                    _langid.MODEL_FILE, norm_probs=True
                )
        language, probability = self._identifier.classify(sample)
        return str(language) if probability >= LEAST_PROBABILITY and len(language) == 2 else None


def _start(texts: Iterable[str]) -> str:
    parts: list[str] = []
    left = MOST_LETTERS
    for text in texts:
        parts.append(text[:left])
        left -= len(parts[-1])
        if left <= 0:
            break
    return "\n".join(parts)
