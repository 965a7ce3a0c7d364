"""What adapters of other libraries' models check: texts on the way in, vectors on the way out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from bedplate.embedders.protocol import Matrix
from bedplate.errors import ConfigError, UpstreamError

SMALLEST_NORM = 1e-12


def encodable(texts: Sequence[str]) -> list[str]:
    """The texts with "?" for half surrogate pairs, which tokenizers refuse."""
    return [text.encode("utf-8", "replace").decode() for text in texts]


def unit_rows(vectors: Matrix, name: str, *, provider: str) -> Matrix:
    """Rows of length 1, float32; UpstreamError of model `name` where a number is not finite.

    A zero vector gets a direction, as its cosine would be undefined.
    """
    if not np.isfinite(vectors).all():
        raise UpstreamError(
            f"The model {name!r} gave numbers that are not finite; its file may be damaged or "
            "badly quantised.",
            provider=provider,
        )
    rows = vectors.astype(np.float32)
    norms = np.linalg.norm(rows, axis=1)
    nowhere = norms < SMALLEST_NORM
    rows[nowhere, 0], rows[nowhere, 1:], norms[nowhere] = 1.0, 0.0, 1.0
    return rows / norms[:, None]


def check_dimensions(name: str, found: int, wanted: int | None) -> None:
    """ConfigError where the vectors are not as long as configured."""
    if wanted is not None and found != wanted:
        raise ConfigError(
            f"The model {name!r} gives vectors of {found} numbers; dimensions is {wanted}."
        )


def check_tokenizer(path: Path) -> None:
    """ValueError where a file is there and no tokenizer: libraries raise a bare Exception then."""
    if path.is_file():
        library: Any = Tokenizer
        library.from_buffer(path.read_bytes())


def said(error: Exception) -> str:
    """A library's message on one line, to stand within a sentence."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
