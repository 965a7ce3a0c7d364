"""The vectors of a question, made once however many collections are searched with it."""

import asyncio

import numpy as np

from bedplate.embedders.protocol import Embedder, LateVectors, checked, gives_tokens
from bedplate.telemetry.conventions import OPERATION, REQUEST_MODEL
from bedplate.telemetry.trace import span


class Asked:
    """One text as embedders see it. Searches of several collections may share it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lock = asyncio.Lock()
        self._made: dict[tuple[str, bool], LateVectors] = {}

    async def vectors(self, embedder: Embedder, *, tokens: bool) -> LateVectors:
        """With `tokens`, and an embedder that gives them, also those of late interaction."""
        async with self._lock:
            key = embedder.fingerprint
            if (key, tokens) not in self._made:
                richer = None if tokens else self._made.get((key, True))
                if richer is None:
                    with span("embeddings") as step:
                        step.set(OPERATION, "embeddings")
                        step.set(REQUEST_MODEL, embedder.fingerprint)
                        late = await self._embed(embedder, tokens=tokens)
                else:
                    late = richer
                self._made[key, tokens] = late if tokens else _without_tokens(late)
            return self._made[key, tokens]

    async def _embed(self, embedder: Embedder, *, tokens: bool) -> LateVectors:
        if tokens and gives_tokens(embedder):
            return (await embedder.embed_late([self._text]))[0]
        vector = checked(embedder, await embedder.embed([self._text]), 1)[0]
        return LateVectors(vector, np.zeros((0, 0), dtype=np.int8), np.zeros(0, dtype=np.uint32))


def _without_tokens(late: LateVectors) -> LateVectors:
    return LateVectors(late.vector, late.tokens[:0], late.terms[:0])
