"""A batch of documents into the catalog and then the store, so that nothing stays half written."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bedplate.domain.retrieval import Collection
from bedplate.errors import StorageError, Unavailable
from bedplate.state.protocol import Catalog, Entry
from bedplate.stores.protocol import Store


async def write(
    catalog: Catalog, store: Store, collection: Collection, entries: Sequence[Entry]
) -> None:
    """Put the entries in place of the documents with their ids.

    Until the store is known to have them they have no fingerprint, and so count as changed: the
    next run sends them again, whatever ended this one. StorageError or Unavailable, with the
    remedy, when the store fails.
    """
    if store.abilities.follows:
        await catalog.documents.replace(collection.index, entries)
        await store.upsert(collection.index, entries)
        return
    times = {entry.document.id: datetime.now(UTC) for entry in entries}
    timed = [replace(each, updated_at=times[each.document.id]) for each in entries]
    await catalog.documents.replace(collection.index, timed, unsent=True)
    try:
        await store.upsert(collection.index, timed)
    except (StorageError, Unavailable) as error:
        raise type(error)(
            f"{error.message} The documents of this batch are in the catalog and not, or not "
            f"whole, in the index: ingest them again, or run `bedplate reindex -c "
            f"{collection.scope.collection}`."
        ) from error
    await catalog.amendments.sent(collection.index, times)
