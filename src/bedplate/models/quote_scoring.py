"""How well each sentence of the retrieved passages answers: a fixed mix of five scores.

BM25 over sentences (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework") and
late interaction (MaxSim: Khattab and Zaharia 2020, "ColBERT") over the encoder's own token
vectors, each passage encoded once; then the sentence's cosine, the passage's rank in the
retrieval (its scores do not compare across collections), and whether the asked kind of thing is
there. All but the last are z-normalised over the sentences in play.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedplate.embedders.protocol import Matrix
from bedplate.models.quote_question import Question, type_match
from bedplate.sentences import Sentence, Span
from bedplate.terms import analyse

Column = NDArray[np.float64]
Places = NDArray[np.int64]
Terms = Mapping[str, float]

BM25_WEIGHT = 0.3
MAXSIM_WEIGHT = 0.5
COSINE_WEIGHT = 0.2
PASSAGE_WEIGHT = 0.2
TYPE_WEIGHT = 0.2
K1, B = 1.2, 0.5
CONTEXT_TERM = 0.5
"""What a term of the title, heading or lead-in counts beside one of the sentence itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as vectors: `vectors` has a row a content token, each standing in the index term
    of `token_terms`. `sentence` and `passage` are all of it as one unit vector: of the kind that
    sentences, and that passages have.
    """

    question: Question
    terms: tuple[str, ...]
    vectors: Matrix
    token_terms: tuple[str, ...]
    sentence: Matrix
    passage: Matrix


@dataclass(frozen=True, slots=True)
class Encoded:
    """A passage, its sentences that may be quoted, and what the encoder says of them. `head` is
    its title and headings.

    `alignment` is (sentences, question tokens): the best cosine that each question token finds in
    the sentence or, at a discount, in what leads to it. `cosines` is one a sentence, `cosine` the
    whole passage's.
    """

    text: str
    head: str
    title: str
    sentences: tuple[Sentence, ...]
    alignment: Matrix
    cosines: Matrix
    cosine: float

    def words(self, sentence: Sentence) -> str:
        return self.text[sentence.start : sentence.end]


@dataclass(frozen=True, slots=True)
class Scored:
    """Every sentence in play, flattened: element i of each field is sentence i, and `passage`
    is its passage's place in the sequence that was scored. `idf` is over these sentences;
    `unseen` is that of a term none of them has.
    """

    passage: Places
    sentences: tuple[Sentence, ...]
    words: tuple[str, ...]
    terms: tuple[Terms, ...]
    alignment: Matrix
    token_weights: Column
    cosine: Column
    bm25: Column
    maxsim: Column
    types: Column
    score: Column
    idf: Terms
    unseen: float

    def span(self, row: int) -> Span:
        """Where the sentence stands in its passage."""
        return self.sentences[row].start, self.sentences[row].end

    def weight(self, term: str) -> float:
        return self.idf.get(term, self.unseen)


def score_sentences(asked: Asked, passages: Sequence[Encoded]) -> Scored:
    """`passages` is in the retrieval's order and holds one sentence at least."""
    rows = [(p, s) for p, passage in enumerate(passages) for s in range(len(passage.sentences))]
    sentences = tuple(passages[p].sentences[s] for p, s in rows)
    words = tuple(passages[p].words(passages[p].sentences[s]) for p, s in rows)
    terms = tuple(
        _terms(w, passages[p], sentence)
        for w, (p, _), sentence in zip(words, rows, sentences, strict=True)
    )
    place = np.array([p for p, _ in rows], dtype=np.int64)
    idf, unseen = _idf(terms), _rarity(0, len(rows))
    weights = np.array([idf.get(t, unseen) for t in asked.token_terms], dtype=np.float64)
    weights /= max(float(weights.sum()), 1e-9)
    alignment = np.array([passages[p].alignment[s] for p, s in rows], dtype=np.float32)
    cosine = np.array([passages[p].cosines[s] for p, s in rows], dtype=np.float64)
    bm25 = _bm25(Counter(asked.terms), terms, idf)
    maxsim = np.asarray(alignment @ weights, dtype=np.float64)
    types = np.array([type_match(asked.question, w) for w in words])
    return Scored(
        passage=place,
        sentences=sentences,
        words=words,
        terms=terms,
        alignment=alignment,
        token_weights=weights,
        cosine=cosine,
        bm25=bm25,
        maxsim=maxsim,
        types=types,
        score=BM25_WEIGHT * _z(bm25)
        + MAXSIM_WEIGHT * _z(maxsim)
        + COSINE_WEIGHT * _z(cosine)
        + PASSAGE_WEIGHT * _z(-place.astype(np.float64))
        + TYPE_WEIGHT * types,
        idf=idf,
        unseen=unseen,
    )


def _terms(words: str, passage: Encoded, sentence: Sentence) -> Terms:
    context = passage.text[slice(*sentence.context)] if sentence.context else ""
    around = dict.fromkeys(analyse(f"{passage.head} {context}"), CONTEXT_TERM)
    return {**around, **Counter(analyse(words))}


def _z(values: Column) -> Column:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)


def _bm25(wanted: Mapping[str, int], texts: Sequence[Terms], idf: Terms) -> Column:
    lengths = np.array([sum(t.values()) for t in texts], dtype=np.float64)
    norms = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1e-9))
    scores = np.zeros(len(texts))
    for row, text in enumerate(texts):
        for term, times in wanted.items():
            if frequency := text.get(term):
                gain = frequency * (K1 + 1) / (frequency + norms[row])
                scores[row] += times * idf[term] * gain
    return scores


def _idf(texts: Sequence[Terms]) -> Terms:
    seen = Counter(_each(texts))
    return {term: _rarity(count, len(texts)) for term, count in seen.items()}


def _each(texts: Iterable[Terms]) -> Iterable[str]:
    return (term for text in texts for term in text)


def _rarity(count: int, of: int) -> float:
    return float(np.log(1 + (of - count + 0.5) / (count + 0.5)))
