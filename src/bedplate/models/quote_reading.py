"""Passages as the quote model reads them: sentences, and vectors from the embedder."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from bedplate.domain.chat import Passage
from bedplate.embedders.protocol import Embedder, gives_tokens
from bedplate.models.quote_choice import Material
from bedplate.models.quote_encoding import align, align_whole, ask, ask_whole
from bedplate.models.quote_freshness import day_of, family_of, has_version_of
from bedplate.models.quote_question import Question, without_years
from bedplate.models.quote_vectors import PassageVectors
from bedplate.sentences import Sentence, split_sentences

_SALUTATION = re.compile(
    r"(?:dear|hello|hi|hey|good (?:morning|afternoon|evening)|thanks|thank you|cheers|yours|"
    r"(?:kind|best|warm)?\s*(?:regards|wishes))\b[^.!?\n]{0,40}[,.!]?",
    re.IGNORECASE,
)
_PRICE = re.compile(r"[$€£]\s?(\d[\d,]*(?:\.\d\d)?)")
MORE_VERSIONS = 2
_CODE = re.compile(
    r"[\w\])]\.[a-z_]\w*\(|\w\(\)|[\w\])] ?[+\-*/:|&]?==? ?[\"'\w\[{(]|[{};]\s*$|=>|->|::|[(\[,]\s*$|"
    r"^\s*[)\]}]|(?<!\w)--[a-z]|\$ ?[a-z_]\w*\b|^\s*(?:def|class|import|from|return|const|let|var|SELECT) ",
    re.MULTILINE,
)
CODE_MARKS, WORDS_A_MARK = 2, 4
"""A paragraph with as many signs of code, and one for so many words at least, is code."""
_PARAGRAPH = re.compile(r"[^\n]+(?:\n[^\S\n]*[^\s][^\n]*)*")


class Reader:
    """Reads passages through one embedder.

    `passages` is how many are read of those retrieved: the best sentence is hardly ever in a later
    one.
    """

    def __init__(self, embedder: Embedder, passages: int) -> None:
        self._embedder = embedder
        self._passages = passages
        self._vectors = PassageVectors(embedder) if gives_tokens(embedder) else None

    async def read(self, question: Question, passages: Sequence[Passage]) -> Material:
        chosen = pick(passages, self._passages, question.price)
        if has_version_of(chosen, question.years):
            question = without_years(question)
        sentences = [quotable(p.hit.text, question) for p in chosen]
        if gives_tokens(self._embedder) and self._vectors is not None:
            (asked,) = await self._embedder.embed_late([question.text])
            query = ask(question, asked)
            vectors = await self._vectors.of(chosen)
            encoded = map(partial(align, query), chosen, sentences, vectors)
            return Material(query, tuple(chosen), tuple(encoded))
        return await self._by_sentences(question, chosen, sentences)

    async def _by_sentences(
        self,
        question: Question,
        passages: Sequence[Passage],
        sentences: Sequence[Sequence[Sentence]],
    ) -> Material:
        words = [
            p.hit.text[s.start : s.end]
            for p, own in zip(passages, sentences, strict=True)
            for s in own
        ]
        vectors = await self._embedder.embed([question.text, *words])
        query = ask_whole(question, vectors[0])
        cuts = np.cumsum([1, *(len(own) for own in sentences)])
        encoded = [
            align_whole(query, p, own, vectors[a:b])
            for p, own, a, b in zip(passages, sentences, cuts, cuts[1:], strict=False)
        ]
        return Material(query, tuple(passages), tuple(encoded))


def pick(
    passages: Sequence[Passage], limit: int, price: tuple[float, float] | None = None
) -> list[Passage]:
    """The first `limit`, and further versions of the same documents: the newest may be below.

    With bounds on the price, only passages with a price within them count, where any has one.
    """
    if price and any(price_of(p) is not None for p in passages):
        low, high = price
        passages = [p for p in passages if low <= (price_of(p) or -1.0) <= high]
    first = list(passages[:limit])
    families = {family_of(p) for p in first if day_of(p)}
    more = [p for p in passages[limit:] if day_of(p) and family_of(p) in families]
    return first + more[:MORE_VERSIONS]


def price_of(passage: Passage) -> float | None:
    """From the metadata, else the only amount of money in the text."""
    price = passage.hit.metadata.get("price")
    if isinstance(price, int | float) and not isinstance(price, bool):
        return float(price)
    named = {float(p.replace(",", "")) for p in _PRICE.findall(passage.hit.text)}
    return named.pop() if len(named) == 1 else None


def quotable(text: str, question: Question) -> list[Sentence]:
    """The sentences that may be an answer: no headings or questions, and mail headers and code only
    when the question is about such things.
    """
    barred = {"heading", "question"} if question.about_mail else {"heading", "question", "header"}
    code = () if question.about_code else (*_code(text),)
    return [
        s
        for s in split_sentences(text)
        if s.form not in barred
        and not _SALUTATION.fullmatch(text, s.start, s.end)
        and not any(start <= s.start < end for start, end in code)
    ]


def _code(text: str) -> Iterator[tuple[int, int]]:
    for match in _PARAGRAPH.finditer(text):
        if is_code(match[0]):
            yield match.span()


def is_code(text: str) -> bool:
    """Whether a paragraph is lines of a program or a command rather than words about one."""
    marks = len(_CODE.findall(text))
    return marks >= CODE_MARKS and marks * WORDS_A_MARK >= len(text.split())
