"""What an embedder is: texts in, vectors out."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
"""Vectors as rows, of shape (texts, dimensions)."""


class Embedder(Protocol):
    """Texts to unit vectors: a dot product is the cosine.

    `fingerprint` names model and weights; vectors of different fingerprints do not compare.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str]) -> Matrix:
        """One row a text, in order; equal texts give equal rows whatever else is in the batch,
        to within 1e-2 in cosine for a quantised model.
        """
        ...


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """The encoder's own vectors of one text.

    `spans` is (tokens, 2), the code point offsets of each token; `vectors` is (tokens, dimensions)
    with unit rows. Special tokens are left out; text beyond the encoder's window has no tokens.
    """

    spans: NDArray[np.int64]
    vectors: Matrix
    tokens: tuple[str, ...]


@runtime_checkable
class TokenEmbedder(Protocol):
    """An embedder that also gives the vectors it pools, for late interaction."""

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]: ...


class OpenEmbedder(Protocol):
    def __call__(self, options: Mapping[str, Any]) -> AbstractAsyncContextManager[Embedder]: ...
