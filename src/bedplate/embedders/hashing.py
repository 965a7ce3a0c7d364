"""`hashing`: the shipped fake. Texts that share words get near vectors; nothing is learned.

It is deterministic, instant and needs no model, which suits tests and dry runs; it knows no
meaning, so "rain" and "umbrella" are strangers. Method: signed feature hashing (Weinberger et al.
2009, "Feature Hashing for Large Scale Multitask Learning") over index terms.
"""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.terms import analyse


class HashingOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    dimensions: int = Field(default=256, ge=8, le=4096)


class HashingEmbedder:
    def __init__(self, options: HashingOptions) -> None:
        self.dimensions = options.dimensions

    @property
    def fingerprint(self) -> str:
        return f"hashing-{self.dimensions}"

    async def embed(self, texts: Sequence[str]) -> Matrix:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            # A text without terms still needs a direction: its cosine would be undefined.
            for term in analyse(text) or [""]:
                digest = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest())
                row[digest % self.dimensions] += 1.0 if digest >> 63 else -1.0
            norm = float(np.linalg.norm(row))
            if norm == 0.0:
                row[0], norm = 1.0, 1.0
            row /= norm
        return vectors


@asynccontextmanager
async def open_hashing_embedder(options: Mapping[str, Any]) -> AsyncGenerator[Embedder]:
    yield HashingEmbedder(HashingOptions.model_validate(dict(options)))
