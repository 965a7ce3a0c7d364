"""Index terms: what keyword search compares.

English words lose their stop words and are stemmed (Snowball's "english" stemmer); words of other
scripts are kept whole; Chinese, Japanese and Korean, which write without spaces, become pairs of
neighbouring characters. A term holds letters, marks and digits only, so that every store's own
tokeniser leaves it whole.

BM25 as Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with
the idf that cannot be negative: log(1 + (N - df + 0.5) / (df + 0.5)).
"""

import re
import threading
import unicodedata
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np
import Stemmer
from numpy.typing import NDArray

STOP_WORDS = frozenset(
    """a about above after again against all also am an and any are as at be because been before
    being below between both but by can cannot could did do does doing down during each few for
    from further had has have having he her here hers herself him himself his how however i if in
    into is it its itself just let may me might more most must my myself no nor not now of off on
    once only onto or other ought our ours ourselves out over own per same shall she should since
    so some such than that the their theirs them themselves then there therefore these they this
    those through thus to too under until up upon us very was we were what when where whether which
    while who whom whose why will with within without would yet you your yours yourself yourselves
    s t d ll m re ve
    """.split()  # noqa: SIM905 - one word a line would hide the list's shape
)

K1 = 1.6
B = 0.75

_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_CACHED_WORDS = 65_536
LONGEST_WORD = 64
"""Longer ones are no words but data, kept as they are: they would fill the stemmer's cache."""

_stemmers: Any = Stemmer
_local = threading.local()


Weights = NDArray[np.float32]


def analyse(text: str) -> list[str]:
    """The terms of `text`, in order, repeats kept."""
    terms: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if word.isascii():
            if len(word) > LONGEST_WORD:
                terms.append(word)
            elif word not in STOP_WORDS:
                terms.append(_stem(word))
        elif _CJK.search(word):
            terms.extend(_split_cjk(word))
        else:
            terms.append(word)
    return terms


@lru_cache(maxsize=_CACHED_WORDS)
def _stem(word: str) -> str:
    stemmer: Any = getattr(_local, "stemmer", None)
    if stemmer is None:
        # One a thread: a stemmer object keeps state between calls and is not thread-safe.
        stemmer = _local.stemmer = _stemmers.Stemmer("english", 0)
    return str(stemmer.stemWord(word))


def _split_cjk(word: str) -> list[str]:
    terms: list[str] = []
    position = 0
    for match in _CJK.finditer(word):
        if before := word[position : match.start()]:
            terms.append(before)
        run = match.group()
        terms.extend([run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)])
        position = match.end()
    if after := word[position:]:
        terms.append(after)
    return terms


@dataclass(frozen=True, slots=True)
class TermVector:
    """The terms of one text as a sparse vector: what BM25 needs, and nothing of the text.

    `ids` are CRC-32 of the UTF-8 terms, ascending and unique; `counts` says how often each occurs.
    Two terms share an id once in four billion pairs, which ranking does not notice.
    """

    ids: NDArray[np.uint32]
    counts: NDArray[np.uint16]

    @staticmethod
    def of(text: str) -> "TermVector":
        return TermVector.count(analyse(text))

    @staticmethod
    def count(terms: Iterable[str]) -> "TermVector":
        hashes = np.fromiter((zlib.crc32(term.encode()) for term in terms), dtype=np.uint32)
        ids, counts = np.unique(hashes, return_counts=True)
        return TermVector(ids, np.minimum(counts, 65_535).astype(np.uint16))

    @property
    def length(self) -> int:
        return int(self.counts.sum(dtype=np.int64))

    def to_bytes(self) -> bytes:
        """All ids, then all counts, little-endian."""
        return self.ids.astype("<u4").tobytes() + self.counts.astype("<u2").tobytes()

    @staticmethod
    def from_bytes(content: bytes) -> "TermVector":
        size = len(content) // 6
        return TermVector(
            np.frombuffer(content, "<u4", size), np.frombuffer(content, "<u2", size, size * 4)
        )


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """What BM25 knows of a collection: its chunks, all their terms, and of some terms how many
    chunks hold each.
    """

    chunks: int
    length: int
    frequencies: NDArray[np.int64]

    @property
    def mean_length(self) -> float:
        return self.length / self.chunks if self.length else 1.0

    def idf(self) -> Weights:
        """Of each term that `frequencies` counts, in that order; 0 for one that no chunk holds."""
        counted = self.frequencies
        idf = np.log1p((self.chunks - counted + 0.5) / (counted + 0.5))
        return np.where(counted > 0, idf, 0.0).astype(np.float32)


def damped(counts: NDArray[np.uint16], length: float, mean: float) -> Weights:
    """How much each term of a text says, by its count: the document's side of BM25, 0 to K1 + 1."""
    found = counts.astype(np.float32)
    damping = np.float32(K1 * (1 - B + B * length / mean))
    return cast(Weights, np.float32(K1 + 1) * found / (found + damping))


def bm25(query: TermVector, idf: Weights, row: TermVector, mean: float) -> float:
    """The score of one text; `idf` belongs to the query's terms, in their order."""
    _, asked, there = np.intersect1d(query.ids, row.ids, assume_unique=True, return_indices=True)
    weights = query.counts[asked] * idf[asked]
    return float(weights @ damped(row.counts[there], row.length, mean))
