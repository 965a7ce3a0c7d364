"""What an embedder is: texts in, vectors out."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bedplate.errors import UpstreamError

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


Spans = NDArray[np.int64]
"""Where tokens stand in their text, in code points: of shape (tokens, 2)."""


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """The encoder's own vectors of one text.

    `spans` has the offsets of each token; `vectors` is (tokens, dimensions) with unit rows. Special tokens are left out; text beyond the encoder's window has no tokens.
    """

    spans: Spans
    vectors: Matrix
    tokens: tuple[str, ...]


@runtime_checkable
class TokenEmbedder(Protocol):
    """An embedder that also gives the vectors it pools, for late interaction."""

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]: ...


TokenMatrix = NDArray[np.int8]
"""Token vectors as they are kept: rows of length 127, of shape (tokens, width)."""


@dataclass(frozen=True, slots=True)
class LateVectors:
    """One text for late interaction, out of one pass.

    `vector` is what `embed` gives. `tokens` leaves out stop words and punctuation; `terms` names
    for each token the index term (as in TermVector) whose word it is a part of, `spans` where the
    token stands.
    """

    vector: Matrix
    tokens: TokenMatrix
    terms: NDArray[np.uint32]
    spans: Spans = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))


@runtime_checkable
class LateEmbedder(Embedder, Protocol):
    """An embedder whose token vectors can be kept and compared (ColBERT: Khattab and Zaharia 2020,
    arXiv:2004.12832). `token_width` is None where its weights have no projection for that.
    """

    @property
    def token_width(self) -> int | None: ...

    async def embed_late(self, texts: Sequence[str]) -> list[LateVectors]: ...

    async def late_spans(self, texts: Sequence[str]) -> list[Spans]:
        """The `spans` that `embed_late` gives, without its cost: for vectors that were kept."""
        ...


def gives_tokens(embedder: Embedder) -> TypeGuard[LateEmbedder]:
    """Whether `embed_late` can be called."""
    return isinstance(embedder, LateEmbedder) and embedder.token_width is not None


def checked(embedder: Embedder, rows: Matrix, count: int) -> Matrix:
    """The same rows; UpstreamError where they are not as many unit vectors as the embedder says.

    Kept once, such a vector would spoil every search of its collection.
    """
    if rows.shape != (count, embedder.dimensions):
        raise UpstreamError(
            f"Embedder {embedder.fingerprint!r} gave vectors of the shape {rows.shape} for {count} "
            f"texts and {embedder.dimensions} dimensions. Nothing of them was kept; check the "
            "embedder's options.",
            provider=embedder.fingerprint,
        )
    if not np.isfinite(rows).all():
        raise UpstreamError(
            f"Embedder {embedder.fingerprint!r} gave a vector that holds NaN or an infinite "
            "number. Nothing of them was kept; check the embedder's options.",
            provider=embedder.fingerprint,
        )
    return rows


class OpenEmbedder(Protocol):
    def __call__(self, options: Mapping[str, Any]) -> AbstractAsyncContextManager[Embedder]: ...


class ImageEmbedder(Protocol):
    """Images and texts to unit vectors of one space (CLIP: Radford et al. 2021, arXiv:2103.00020).

    It is not the space of any Embedder. `fingerprint` names both towers and their weights. `least`
    is the cosine of text and image below which the image does not show what the text says.
    """

    @property
    def fingerprint(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def least(self) -> float: ...

    async def embed_images(self, images: Sequence[bytes]) -> Matrix:
        """One row a file's content, in order. From ingest these are plain pictures (PPM), decoded
        by a parser process.

        Unreadable where one is no image that can be decoded, TooLarge where it has too many pixels.
        """
        ...

    async def embed_texts(self, texts: Sequence[str]) -> Matrix:
        """One row a text, in order."""
        ...


class OpenImageEmbedder(Protocol):
    def __call__(
        self, options: Mapping[str, Any]
    ) -> AbstractAsyncContextManager[ImageEmbedder]: ...
