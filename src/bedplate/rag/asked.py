"""The vectors of a question, made once however many collections are searched with it."""

import asyncio

import numpy as np

from bedplate.embedders.protocol import Embedder, LateVectors, gives_tokens


class Asked:
    """One text as an embedder sees it. Searches of several collections may share it."""

    def __init__(self, embedder: Embedder, text: str) -> None:
        self._embedder = embedder
        self._text = text
        self._lock = asyncio.Lock()
        self._vectors: LateVectors | None = None
        self._has_tokens = False

    async def vectors(self, *, tokens: bool) -> LateVectors:
        """With `tokens`, and an embedder that gives them, also those of late interaction."""
        async with self._lock:
            if self._vectors is None or (tokens and not self._has_tokens):
                self._vectors = await self._embed(tokens=tokens)
                self._has_tokens = tokens
            return self._vectors if tokens else _without_tokens(self._vectors)

    async def _embed(self, *, tokens: bool) -> LateVectors:
        embedder = self._embedder
        if tokens and gives_tokens(embedder):
            return (await embedder.embed_late([self._text]))[0]
        vector = (await embedder.embed([self._text]))[0]
        return LateVectors(vector, np.zeros((0, 0), dtype=np.int8), np.zeros(0, dtype=np.uint32))


def _without_tokens(late: LateVectors) -> LateVectors:
    return LateVectors(late.vector, late.tokens[:0], late.terms[:0])
