"""Passages as the quote model reads them: sentences, and vectors from the embedder."""

import re
from collections.abc import Sequence
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
        sentences = [quotable(p.hit.text, about_mail=question.about_mail) for p in chosen]
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


def quotable(text: str, *, about_mail: bool) -> list[Sentence]:
    """The sentences that may be an answer: no headings or questions, and mail headers only when
    the question is about the mail.
    """
    barred = {"heading", "question"} if about_mail else {"heading", "question", "header"}
    return [
        s
        for s in split_sentences(text)
        if s.form not in barred and not _SALUTATION.fullmatch(text, s.start, s.end)
    ]
