"""Questions and passages through the encoder: token vectors cut by sentence."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.chat import Passage
from bedplate.embedders.protocol import Matrix, TokenVectors
from bedplate.models.quote_question import Question
from bedplate.models.quote_scoring import Asked, Encoded
from bedplate.sentences import Sentence
from bedplate.terms import STOP_WORDS, analyse

CARRIED = 0.85
"""What a match in the sentence before, the context or the title counts beside one in the sentence."""
_WORD = re.compile(r"[^\W_]+")


def ask(question: Question, tokens: TokenVectors) -> Asked:
    content = _content(question.text, tokens)
    if not content.any():
        content = np.ones(len(tokens.tokens), dtype=bool)
    spans = tokens.spans[content]
    return Asked(
        question=question,
        terms=tuple(analyse(question.text)),
        vectors=tokens.vectors[content],
        token_terms=tuple(_term_at(question.text, int(start)) for start, _ in spans),
        whole=_mean(tokens.vectors),
    )


def head_of(passage: Passage) -> str:
    """What is read before a passage's text, as when it was indexed: its title and headings."""
    hit = passage.hit
    head = [hit.title, *([hit.heading] if hit.heading and hit.heading != hit.title else [])]
    return "\n".join(head) + "\n"


def align(
    asked: Asked, passage: Passage, sentences: Sequence[Sentence], tokens: TokenVectors
) -> Encoded:
    """What the token vectors of head and text say of the sentences.

    A sentence also gets what the one before it, its context and the head found: it often goes on
    about the same thing without naming it. One that the encoder did not reach has cosine 0.
    """
    head = head_of(passage)
    similarity = asked.vectors @ tokens.vectors.T
    similarity[:, ~_content(head + passage.hit.text, tokens)] = 0.0
    spans, shift = tokens.spans, len(head)
    own = [_best(similarity[:, _inside(spans, s.start, s.end, shift)]) for s in sentences]
    above = _best(similarity[:, _inside(spans, -shift, 0, shift)])
    alignment = np.zeros((len(sentences), len(asked.vectors)), dtype=np.float32)
    cosines = np.zeros(len(sentences), dtype=np.float32)
    for row, sentence in enumerate(sentences):
        carried = [above, own[row - 1]] if row else [above]
        if sentence.context:
            carried.append(_best(similarity[:, _inside(spans, *sentence.context, shift)]))
        alignment[row] = np.maximum(own[row], CARRIED * np.max(carried, axis=0))
        inside = _inside(spans, sentence.start, sentence.end, shift)
        cosines[row] = float(asked.whole @ _mean(tokens.vectors[inside]))
    return Encoded(
        text=passage.hit.text,
        head=head,
        title=passage.hit.title,
        sentences=tuple(sentences),
        alignment=alignment,
        cosines=cosines,
        cosine=float(asked.whole @ _mean(tokens.vectors)),
    )


def ask_whole(question: Question, vector: Matrix) -> Asked:
    """A question through an encoder that gives one vector a text: one token stands for all."""
    terms = tuple(analyse(question.text))
    return Asked(question, terms, vector[None, :], (terms[0] if terms else "",), vector)


def align_whole(
    asked: Asked, passage: Passage, sentences: Sequence[Sentence], vectors: Matrix
) -> Encoded:
    """The same with one vector a sentence."""
    cosines = vectors @ asked.whole
    return Encoded(
        text=passage.hit.text,
        head=head_of(passage),
        title=passage.hit.title,
        sentences=tuple(sentences),
        alignment=cosines[:, None],
        cosines=cosines,
        cosine=float(asked.whole @ _mean(vectors)),
    )


def _best(similarity: Matrix) -> Matrix:
    return similarity.max(axis=1, initial=0.0)


def _inside(spans: NDArray[np.int64], start: int, end: int, shift: int) -> slice:
    return slice(*(int(i) for i in np.searchsorted(spans[:, 0], [start + shift, end + shift])))


def _mean(vectors: Matrix) -> Matrix:
    """Their direction; zeros where there are none."""
    mean: Matrix = np.add.reduce(vectors, axis=0, dtype=np.float32)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    return mean


def _content(text: str, tokens: TokenVectors) -> NDArray[np.bool_]:
    """Which tokens belong to words that carry meaning."""
    meaningful = np.zeros(len(text) + 1, dtype=bool)
    for match in _WORD.finditer(text):
        if match.group().lower() not in STOP_WORDS:
            meaningful[match.start() : match.end()] = True
    return meaningful[tokens.spans[:, 0]]


def _term_at(text: str, position: int) -> str:
    for match in _WORD.finditer(text):
        if match.start() <= position < match.end():
            return next(iter(analyse(match.group())), match.group().lower())
    return text[position : position + 1]
