"""Texts as the encoder's token vectors, with what each token's word weighs."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bedplate.embedders.protocol import Matrix, TokenEmbedder, TokenVectors
from bedplate.terms import analyse

REMEMBERED = 256
MOST_CHARACTERS = 1_200


@dataclass(frozen=True, slots=True)
class Encoded:
    """`vectors` is (tokens, dimensions) with unit rows, `mean` their unit mean, `weights` (tokens,)
    how much each one's word says.
    """

    vectors: Matrix
    mean: Matrix
    weights: Matrix

    @staticmethod
    def of(tokens: TokenVectors, text: str, weights: Mapping[str, float]) -> "Encoded":
        total = tokens.vectors.sum(axis=0)
        mean = total / max(float(np.linalg.norm(total)), 1e-9)
        return Encoded(tokens.vectors, mean, _weights(tokens, text, weights))


def _weights(tokens: TokenVectors, text: str, weights: Mapping[str, float]) -> Matrix:
    """A word's weight, shared among its pieces; 0 for stop words and punctuation."""
    found = np.zeros(len(tokens.vectors), dtype=np.float32)
    if not weights:
        return found
    for first, last in _words(tokens):
        start, end = int(tokens.spans[first, 0]), int(tokens.spans[last, 1])
        said = max((weights.get(term, 0.0) for term in analyse(text[start:end])), default=0.0)
        found[first : last + 1] = said / (last + 1 - first)
    return found


def _words(tokens: TokenVectors) -> list[tuple[int, int]]:
    """First and last token of each word: pieces touch one another."""
    words: list[tuple[int, int]] = []
    for place, piece in enumerate(tokens.tokens):
        if words and piece.startswith("##"):
            words[-1] = (words[-1][0], place)
        else:
            words.append((place, place))
    return words


class SentenceVectors:
    """Sentences are encoded once, as long as they are remembered."""

    def __init__(self, embedder: TokenEmbedder) -> None:
        self._embedder = embedder
        self._remembered: OrderedDict[str, TokenVectors] = OrderedDict()

    async def read(self, texts: Sequence[str]) -> list[TokenVectors]:
        wanted = [text[:MOST_CHARACTERS] for text in texts]
        found = {text: self._remembered[text] for text in wanted if text in self._remembered}
        missing = [text for text in dict.fromkeys(wanted) if text not in found]
        if missing:
            vectors = await self._embedder.embed_tokens(missing)
            found |= dict(zip(missing, vectors, strict=True))
        for text, tokens in found.items():
            self._remembered[text] = tokens
            self._remembered.move_to_end(text)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return [found[text] for text in wanted]
