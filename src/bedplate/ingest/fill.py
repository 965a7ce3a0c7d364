"""A store filled from the catalog: in batches, taken up where it was cut off, until it is level."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.state.protocol import Catalog
from bedplate.stores.protocol import Store

PAGE = 10_000
"""Documents that are compared at once."""

BATCH_CHUNKS = 500


@dataclass(slots=True)
class Headway:
    """How many documents and chunks of a collection are in their new place; each batch is told.

    Others may be added while it runs, so they can be more than the collection has here. All is done
    when it waits so many `waiting_seconds` for searches that began on what was replaced.
    """

    collection: Collection
    advance: "Advance"
    documents: int = 0
    chunks: int = 0
    waiting_seconds: float | None = None

    def add(self, ids: Sequence[DocumentId], counts: Mapping[DocumentId, int]) -> None:
        """These are done; `counts` has the chunks of each."""
        self.documents += len(ids)
        self.chunks += sum(counts[id] for id in ids)
        self.advance(self)


Advance = Callable[[Headway], None]


def quiet(now: Headway) -> None:
    """Tells nobody."""


async def fill(
    catalog: Catalog,
    store: Store,
    collection: Collection,
    *,
    label: str,
    at: Scope | None = None,
    batch_chunks: int = BATCH_CHUNKS,
    advance: Advance = quiet,
) -> int:
    """Put the collection into the store, with what is written meanwhile; how many documents went.

    `label` is what the catalog calls the work; documents that it has as placed are not sent again.
    `at` is where they go in the store, if not under the collection's own key. A store that follows
    the catalog has them already.
    """
    if store.abilities.follows:
        return 0
    sent = Headway(collection, advance)
    scope, target = collection.index, at or collection.index
    while difference := await catalog.placements.difference(scope, label, PAGE):
        if difference.surplus:
            await store.delete(target, difference.surplus)
            await catalog.placements.note(scope, label, {}, difference.surplus)
        for ids in batches(difference.missing, batch_chunks):
            entries = await catalog.index.entries(scope, ids)
            await store.upsert(target, entries)
            placed = {each.document.id: each.updated_at for each in entries if each.updated_at}
            await catalog.placements.note(scope, label, placed)
            sent.add(ids, difference.missing)
    return sent.documents


def batches(documents: Mapping[DocumentId, int], chunks: int) -> Iterator[list[DocumentId]]:
    """The documents in order, so many together as have about that number of chunks."""
    batch: list[DocumentId] = []
    size = 0
    for document, count in documents.items():
        batch.append(document)
        # A document without chunks weighs something too.
        size += max(1, count)
        if size >= chunks:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
