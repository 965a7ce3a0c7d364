"""A document whose versions can be told apart: by their vectors, and by how many passages they have."""

import numpy as np
from tests.contract.entries import entry, unit
from tests.contract.shelf import Shelf

from bedplate.domain.filters import Documents
from bedplate.domain.ids import DocumentId
from bedplate.stores.protocol import StoreQuery
from bedplate.terms import TermVector

VERSIONS = 40


def passages(version: int) -> int:
    return 2 if version % 2 else 5


def vectors(document: str, version: int) -> list[np.ndarray]:
    seed = 1_000 * version + 100_000 * sum(document.encode())
    return [unit(seed + n) for n in range(passages(version))]


async def write(shelf: Shelf, document: str, version: int) -> None:
    rows = vectors(document, version)
    texts = [f"common version{version}" for _ in rows]
    await shelf.put(entry(document, *texts, vectors=rows))


async def seen(shelf: Shelf, document: str) -> tuple[list[int], int]:
    """The versions that the passages found are of, and how many passages they are."""
    query = StoreQuery(
        "hybrid", TermVector.of("common"), unit(1), 20, Documents((DocumentId(document),))
    )
    found = await shelf.ask(query, None)
    assert found.vectors is not None
    if not found.items:
        return [], 0
    versions = np.repeat(range(VERSIONS), [passages(n) for n in range(VERSIONS)])
    known = np.concatenate([vectors(document, n) for n in range(VERSIONS)])
    likeness = found.vectors @ known.T
    assert likeness.max(axis=1).min() > 0.999
    return sorted(set(versions[likeness.argmax(axis=1)].tolist())), len(found.items)
