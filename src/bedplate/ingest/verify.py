"""Whether a store holds what the catalog does: every passage looked for, and searches compared."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bedplate.domain.filters import Documents
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Collection, Mode, Scope, StoredDocument
from bedplate.embedders.protocol import Matrix
from bedplate.ingest.fill import PAGE
from bedplate.state.protocol import Catalog, IndexRow
from bedplate.stores.protocol import Store, StoreQuery
from bedplate.terms import TermVector, bm25

PAGE_DOCUMENTS = 64
PAGE_CHUNKS = 500
QUERIES = 20
QUERY_TERMS = 8
TOP = 10
OVERLAP = 0.95
TOLERANCE = 2e-3
"""Of a vector that went through float16, or of a score that came from one."""

SHOWN = 10
NO_TERMS = TermVector.count(())


@dataclass(slots=True)
class Verification:
    """Counts and checksums (SHA-256 of the chunk ids, in order) of both sides.

    `vectors` were compared where the store returns them. `overlap` is the share of the best ten
    that another store finds too, over `queries` searches; None where there was none to compare.
    `unknown` counts what the searches brought that the catalog does not have.
    """

    documents: int = 0
    chunks: int = 0
    checksum: str = ""
    found_documents: int = 0
    found_chunks: int = 0
    found_checksum: str = ""
    missing: list[ChunkId] = field(default_factory=list[ChunkId])
    vectors: int = 0
    vectors_different: int = 0
    queries: int = 0
    overlap: float | None = None
    unknown: int = 0

    @property
    def ok(self) -> bool:
        compared = self.overlap is None or self.overlap >= OVERLAP
        same = self.checksum == self.found_checksum and self.vectors_different == 0
        return same and self.unknown == 0 and compared


Held = dict[ChunkId, Matrix | None]
"""Passages as a store returned them, with their vectors where it does."""


async def verify(
    catalog: Catalog,
    collection: Collection,
    store: Store,
    *,
    at: Scope | None = None,
    label: str = "",
    against: Store | None = None,
) -> Verification:
    """Look for every passage of the collection, and compare searches with the store `against`.

    `at` is where the passages are in the store, if not under the collection's own key. Documents
    that change meanwhile, or that the placements called `label` are behind with, are left out.
    """
    scope, target = collection.index, at or collection.index
    result = Verification()
    sums = hashlib.sha256(), hashlib.sha256()
    async for page in _pages(catalog, scope, store.abilities.most_documents):
        rows = await catalog.index.rows(scope, [name for each in page for name in _chunks(each)])
        held = await _held(store, target, page, rows)
        wanted = {document.id: _chunks(document) for document in page}
        known = {name for names in wanted.values() for name in names}
        if held.keys() != known or _different(held, rows):
            changing = await _changing(catalog, scope, page, label)
            wanted = {name: chunks for name, chunks in wanted.items() if name not in changing}
            held = {name: each for name, each in held.items() if _document(name) in wanted}
        _count(wanted, held, rows, result)
        names = [name for chunks in wanted.values() for name in chunks]
        for checksum, listed in zip(sums, (names, held), strict=True):
            checksum.update("\n".join(sorted(listed)).encode() + b"\n")
    result.checksum, result.found_checksum = (checksum.hexdigest() for checksum in sums)
    if against is not None:
        await _compare(catalog, collection, (against, scope), (store, target), label, result)
    return result


async def _pages(catalog: Catalog, scope: Scope, most: int) -> AsyncIterator[list[StoredDocument]]:
    page: list[StoredDocument] = []
    size = 0
    async for document in catalog.documents.list(scope, after=None, limit=2**62):
        page.append(document)
        size += document.chunks
        if len(page) >= min(PAGE_DOCUMENTS, most) or size >= PAGE_CHUNKS:
            yield page
            page, size = [], 0
    if page:
        yield page


def _chunks(document: StoredDocument) -> list[ChunkId]:
    return [ChunkId(f"{document.id}#{n}") for n in range(document.chunks)]


def _document(chunk: ChunkId) -> DocumentId:
    return DocumentId(chunk.rpartition("#")[0])


async def _held(
    store: Store, target: Scope, page: Sequence[StoredDocument], rows: Mapping[ChunkId, IndexRow]
) -> Held:
    """What the store gives when asked for these documents."""

    async def ask(documents: Sequence[StoredDocument], near: ChunkId) -> Held:
        ids = Documents(tuple(document.id for document in documents))
        limit = sum(document.chunks for document in documents)
        found = await store.search(
            target, StoreQuery("vector", NO_TERMS, rows[near].vector, limit, ids)
        )
        vectors = [None] * len(found.items) if found.vectors is None else found.vectors
        return {item.chunk_id: vector for item, vector in zip(found.items, vectors, strict=True)}

    held: Held = {}
    if rows:
        held |= await ask(page, next(iter(rows)))
    for document in page:
        for name in _chunks(document):
            if name in rows and name not in held:
                # An approximate index may leave out what is far from the first one asked for.
                held |= await ask([document], name)
    return held


async def _changing(
    catalog: Catalog, scope: Scope, page: Sequence[StoredDocument], label: str
) -> set[DocumentId]:
    """Documents of the page that were written since, and others that were not sent yet."""
    now = await catalog.documents.fingerprints(scope, [document.id for document in page])
    changed = {each.id for each in page if now.get(each.id, "gone") not in ("", each.sha256)}
    if label:
        behind = await catalog.placements.difference(scope, label, PAGE)
        changed |= {*behind.missing, *behind.surplus}
    return changed


def _count(
    wanted: Mapping[DocumentId, Sequence[ChunkId]],
    held: Held,
    rows: Mapping[ChunkId, IndexRow],
    result: Verification,
) -> None:
    for names in wanted.values():
        missing = [name for name in names if name not in held]
        result.documents += 1
        result.chunks += len(names)
        result.found_documents += not missing
        result.missing.extend(missing[: SHOWN - len(result.missing)])
    known = {name for names in wanted.values() for name in names}
    result.found_chunks += len(held.keys() & known)
    result.unknown += len(held.keys() - known)
    result.vectors += sum(vector is not None for vector in held.values())
    result.vectors_different += _different(held, rows)


def _different(held: Held, rows: Mapping[ChunkId, IndexRow]) -> int:
    return sum(
        vector is not None and name in rows and not _same(vector, rows[name].vector)
        for name, vector in held.items()
    )


def _same(one: Matrix, other: Matrix) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, atol=TOLERANCE))


async def sample(catalog: Catalog, collection: Collection, count: int) -> dict[ChunkId, IndexRow]:
    """Passages spread over the collection, the same ones each time; at most `count`."""
    if not collection.documents:
        return {}
    places = np.unique(np.linspace(0, collection.documents - 1, count).astype(int)).tolist()
    names: list[ChunkId] = []
    for number, place in enumerate(places):
        first = await catalog.index.scan(
            collection.index, filter=None, sort=None, limit=1, offset=place
        )
        for name in first:
            document = _document(name)
            stored = await catalog.documents.get(collection.index, document)
            names.append(ChunkId(f"{document}#{number * stored.chunks // len(places)}"))
    return await catalog.index.rows(collection.index, names)


async def _compare(
    catalog: Catalog,
    collection: Collection,
    one: tuple[Store, Scope],
    other: tuple[Store, Scope],
    label: str,
    result: Verification,
) -> None:
    """Search both by stored passages, one leg at a time, and see whether the best are the same."""
    shares: list[float] = []
    unknown: set[DocumentId] = set()
    for row in (await sample(catalog, collection, QUERIES)).values():
        for mode in ("vector", "keyword"):
            former = await _best(catalog, collection, *one, mode, row)
            now = await _best(catalog, collection, *other, mode, row)
            unknown |= now.unknown
            if former.scores:
                shares.append(_share(former.scores, now.scores))
    if unknown and label:
        behind = await catalog.placements.difference(collection.index, label, PAGE)
        unknown -= {*behind.missing, *behind.surplus}
    result.unknown += len(unknown)
    result.queries = len(shares)
    result.overlap = round(sum(shares) / len(shares), 4) if shares else None


@dataclass(frozen=True, slots=True)
class _Best:
    scores: dict[ChunkId, float]
    unknown: set[DocumentId]


async def _best(
    catalog: Catalog, collection: Collection, store: Store, at: Scope, mode: Mode, row: IndexRow
) -> _Best:
    """The best ten of a store's nominees, with exact scores."""
    terms = await _rarest(catalog, collection, row.terms)
    statistics = await catalog.index.statistics(collection.index, terms)
    query = StoreQuery(mode, terms, row.vector, TOP, idf=statistics.idf())
    found = await store.search(at, query)
    names = [item.chunk_id for item in found.items]
    rows = await catalog.index.rows(collection.index, names)

    def score(each: IndexRow) -> float:
        if mode == "vector":
            return float(each.vector @ row.vector)
        return bm25(terms, statistics.idf(), each.terms, statistics.mean_length)

    scored = sorted(((-score(each), name) for name, each in rows.items()))[:TOP]
    return _Best(
        {name: -value for value, name in scored},
        {_document(name) for name in names if name not in rows},
    )


async def _rarest(catalog: Catalog, collection: Collection, terms: TermVector) -> TermVector:
    """As many of a passage's terms as a question has, those that say the most."""
    idf = (await catalog.index.statistics(collection.index, terms)).idf()
    chosen = np.sort(np.argsort(-idf, kind="stable")[:QUERY_TERMS])
    return TermVector(terms.ids[chosen], terms.counts[chosen])


def _share(wanted: Mapping[ChunkId, float], found: Mapping[ChunkId, float]) -> float:
    """How many of the wanted are found, or tie with the last that was."""
    last = min(found.values(), default=np.inf) * (1 + TOLERANCE)
    return sum(name in found or score <= last for name, score in wanted.items()) / len(wanted)


def complaint(result: Verification, name: str) -> str:
    """What is wrong, in a sentence for people."""
    parts: list[str] = []
    if result.found_chunks != result.chunks:
        shown = ", ".join(result.missing)
        parts.append(
            f"{result.chunks - result.found_chunks:,} of {result.chunks:,} passages are missing "
            f"({shown}, ...)"
        )
    if result.vectors_different:
        parts.append(f"{result.vectors_different:,} vectors differ")
    if result.unknown:
        parts.append(f"{result.unknown:,} passages were found that the catalog does not have")
    if result.overlap is not None and result.overlap < OVERLAP:
        parts.append(f"only {result.overlap:.0%} of the best hits agree, fewer than {OVERLAP:.0%}")
    return f"{name}: {'; '.join(parts) or 'the checksums differ'}."
