"""`terms`: the shipped fake. Texts score by the query's words in them; nothing is learned.

It is deterministic, instant and needs no model, which suits tests and dry runs. Method: BM25
(Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework"), k1 1.6 and b 0.75, over
index terms, with the texts of the call as the whole collection.
"""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict

from bedplate.errors import UpstreamTimeout
from bedplate.rerankers.protocol import Reranker
from bedplate.terms import analyse

PROVIDER = "terms"
K1 = 1.6
B = 0.75


class TermsOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TermsReranker:
    async def score(
        self, query: str, texts: Sequence[str], *, deadline: float | None
    ) -> list[float]:
        """See Reranker."""
        if not texts:
            return []
        late = UpstreamTimeout(
            "The terms reranker was not done by the deadline.", provider=PROVIDER
        )
        if deadline is not None and asyncio.get_running_loop().time() >= deadline:
            raise late
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.to_thread(_bm25, query, texts)
        except TimeoutError as error:
            raise late from error


def _bm25(query: str, texts: Sequence[str]) -> list[float]:
    wanted = Counter(analyse(query))
    counts = [Counter(analyse(text)) for text in texts]
    lengths = [count.total() for count in counts]
    average = sum(lengths) / len(lengths) or 1.0
    holding = {term: sum(term in count for count in counts) for term in wanted}
    # The floor of 1 inside the logarithm keeps a word that every text has from counting against.
    weights = {
        term: often * math.log(1 + (len(texts) - holding[term] + 0.5) / (holding[term] + 0.5))
        for term, often in wanted.items()
    }
    return [
        math.fsum(
            weight * count[term] * (K1 + 1) / (count[term] + K1 * (1 - B + B * length / average))
            for term, weight in weights.items()
            if term in count
        )
        for count, length in zip(counts, lengths, strict=True)
    ]


@asynccontextmanager
async def open_terms_reranker(options: Mapping[str, Any]) -> AsyncGenerator[Reranker]:
    """It has no options."""
    TermsOptions.model_validate(dict(options))
    yield TermsReranker()
