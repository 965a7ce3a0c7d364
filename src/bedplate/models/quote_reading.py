"""Passages as the quote model reads them: sentences, and vectors from the embedder."""

import re
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from bedplate.domain.chat import Passage
from bedplate.embedders.protocol import Embedder, TokenEmbedder, TokenVectors
from bedplate.models.quote_choice import Material
from bedplate.models.quote_encoding import align, align_whole, ask, ask_whole, head_of
from bedplate.models.quote_freshness import day_of, family_of, has_version_of
from bedplate.models.quote_question import Question, without_years
from bedplate.sentences import Sentence, split_sentences

_SALUTATION = re.compile(
    r"(?:dear|hello|hi|hey|good (?:morning|afternoon|evening)|thanks|thank you|cheers|yours|"
    r"(?:kind|best|warm)?\s*(?:regards|wishes))\b[^.!?\n]{0,40}[,.!]?",
    re.IGNORECASE,
)
_PRICE = re.compile(r"[$€£]\s?(\d[\d,]*(?:\.\d\d)?)")
MOST_WINDOWS = 4
MORE_VERSIONS = 2
REMEMBERED = 64


class Reader:
    """Reads passages through one embedder; the latest passages' token vectors are remembered.

    `passages` is how many are read of those retrieved: encoding them is most of the work, and
    the best sentence is hardly ever in a later one.
    """

    def __init__(self, embedder: Embedder, passages: int) -> None:
        self._embedder = embedder
        self._passages = passages
        self._remembered: OrderedDict[str, TokenVectors] = OrderedDict()

    async def read(self, question: Question, passages: Sequence[Passage]) -> Material:
        chosen = pick(passages, self._passages, question.price)
        if has_version_of(chosen, question.years):
            question = without_years(question)
        sentences = [quotable(p.hit.text, about_mail=question.about_mail) for p in chosen]
        if isinstance(self._embedder, TokenEmbedder):
            return await self._by_tokens(self._embedder, question, chosen, sentences)
        return await self._by_sentences(question, chosen, sentences)

    async def _by_tokens(
        self,
        embedder: TokenEmbedder,
        question: Question,
        passages: Sequence[Passage],
        sentences: Sequence[Sequence[Sentence]],
    ) -> Material:
        texts = [head_of(p) + p.hit.text for p in passages]
        # Taken before anything is waited for: what others read meanwhile may push them out.
        tokens = {t: self._remembered[t] for t in texts if t in self._remembered}
        missing = [t for t in dict.fromkeys(texts) if t not in tokens]
        (asked,) = await embedder.embed_tokens([question.text])
        # One at a time: a batch is padded to its longest text, which would double the work.
        for text in missing:
            (vectors,) = await embedder.embed_tokens([text])
            tokens[text] = await _rest(embedder, text, vectors)
        self._remember(tokens)
        query = ask(question, asked)
        encoded = [
            align(query, p, own, tokens[text])
            for p, own, text in zip(passages, sentences, texts, strict=True)
        ]
        return Material(query, tuple(passages), tuple(encoded))

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

    def _remember(self, tokens: dict[str, TokenVectors]) -> None:
        for text, vectors in tokens.items():
            self._remembered[text] = vectors
            self._remembered.move_to_end(text)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)


async def _rest(embedder: TokenEmbedder, text: str, first: TokenVectors) -> TokenVectors:
    """The vectors of all of a text that is longer than the encoder's window, window by window."""
    parts = [first]
    for _ in range(MOST_WINDOWS - 1):
        reached = int(parts[-1].spans[-1, 1]) if len(parts[-1].spans) else len(text)
        if not any(c.isalnum() for c in text[reached:]):
            break
        (more,) = await embedder.embed_tokens([text[reached:]])
        if not len(more.spans):
            break
        parts.append(TokenVectors(more.spans + reached, more.vectors, more.tokens))
    return TokenVectors(
        np.concatenate([p.spans for p in parts]),
        np.concatenate([p.vectors for p in parts]),
        tuple(token for p in parts for token in p.tokens),
    )


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
