"""Questions and passages through the encoder: token vectors cut by sentence."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.chat import Passage
from bedplate.embedders.protocol import LateVectors, Matrix
from bedplate.models.quote_question import Question
from bedplate.models.quote_scoring import Asked, Encoded
from bedplate.models.quote_vectors import head_of
from bedplate.sentences import Sentence
from bedplate.terms import analyse

CARRIED = 0.85
"""What a match in the sentence before, the context or the title counts beside one in the sentence."""
_WORD = re.compile(r"[^\W_]+")


def ask(question: Question, late: LateVectors) -> Asked:
    terms = tuple(analyse(question.text))
    if not len(late.tokens):
        # Stop words alone: only the passage as a whole can be near to them.
        none = np.zeros((1, late.tokens.shape[1]), dtype=np.float32)
        return Asked(question, terms, none, ("",), none[0], late.vector)
    vectors = _rows(late)
    return Asked(
        question=question,
        terms=terms,
        vectors=vectors,
        token_terms=tuple(_term_at(question.text, int(start)) for start, _ in late.spans),
        sentence=_mean(vectors),
        passage=late.vector,
    )


def align(
    asked: Asked, passage: Passage, sentences: Sequence[Sentence], late: LateVectors
) -> Encoded:
    """What the token vectors of head and text say of the sentences.

    A sentence also gets what the one before it, its context and the head found: it often goes on
    about the same thing without naming it. One that the encoder did not reach has cosine 0.
    """
    vectors = _rows(late)
    similarity = asked.vectors @ vectors.T
    starts = late.spans[:, 0]
    parts = [_inside(starts, s.start, s.end) for s in sentences]
    own = [_best(similarity[:, part]) for part in parts]
    above = _best(similarity[:, : int(np.searchsorted(starts, 0))])
    alignment = np.zeros((len(sentences), len(asked.vectors)), dtype=np.float32)
    cosines = np.zeros(len(sentences), dtype=np.float32)
    for row, sentence in enumerate(sentences):
        carried = [above, own[row - 1]] if row else [above]
        if sentence.context:
            carried.append(_best(similarity[:, _inside(starts, *sentence.context)]))
        alignment[row] = np.maximum(own[row], CARRIED * np.max(carried, axis=0))
        cosines[row] = float(asked.sentence @ _mean(vectors[parts[row]]))
    return Encoded(
        text=passage.hit.text,
        head=head_of(passage),
        title=passage.hit.title,
        sentences=tuple(sentences),
        alignment=alignment,
        cosines=cosines,
        cosine=float(asked.passage @ late.vector),
    )


def ask_whole(question: Question, vector: Matrix) -> Asked:
    """A question through an encoder that gives one vector a text: one token stands for all."""
    terms = tuple(analyse(question.text))
    return Asked(question, terms, vector[None, :], (terms[0] if terms else "",), vector, vector)


def align_whole(
    asked: Asked, passage: Passage, sentences: Sequence[Sentence], vectors: Matrix
) -> Encoded:
    """The same with one vector a sentence."""
    cosines = vectors @ asked.sentence
    return Encoded(
        text=passage.hit.text,
        head=head_of(passage),
        title=passage.hit.title,
        sentences=tuple(sentences),
        alignment=cosines[:, None],
        cosines=cosines,
        cosine=float(asked.passage @ _mean(vectors)),
    )


def _best(similarity: Matrix) -> Matrix:
    return similarity.max(axis=1, initial=0.0)


def _inside(starts: NDArray[np.int64], start: int, end: int) -> slice:
    return slice(*(int(i) for i in np.searchsorted(starts, [start, end])))


def _rows(late: LateVectors) -> Matrix:
    """Unit rows."""
    return late.tokens.astype(np.float32) / np.float32(127)


def _mean(vectors: Matrix) -> Matrix:
    """Their direction; zeros where there are none."""
    mean: Matrix = np.add.reduce(vectors, axis=0, dtype=np.float32)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    return mean


def _term_at(text: str, position: int) -> str:
    for match in _WORD.finditer(text):
        if match.start() <= position < match.end():
            return next(iter(analyse(match.group())), match.group().lower())
    return text[position : position + 1]
