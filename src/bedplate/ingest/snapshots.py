"""Snapshots: frozen copies of a collection inside the catalog, to go back to."""

from contextlib import suppress

from bedplate.domain.retrieval import Collection, Scope
from bedplate.errors import Conflict, NotFound
from bedplate.ingest.fill import PAGE, Advance, Headway, batches, fill, quiet
from bedplate.ingest.names import COPY, automatic_name, check_name, check_room, version_of
from bedplate.state.protocol import Catalog, Version
from bedplate.stores.protocol import Store

LABEL = "rollback"
COPIED_CHUNKS = 1_000


class Snapshots:
    """Makes, lists, restores and deletes them; at most `most` of each collection."""

    def __init__(self, catalog: Catalog, store: Store, *, most: int) -> None:
        self._catalog = catalog
        self._store = store
        self._most = most

    async def create(self, scope: Scope, name: str, *, advance: Advance = quiet) -> Collection:
        """Copy the collection, as it is when this returns.

        Raises:
            InvalidInput: a name that does not fit.
            Conflict: there are as many as there may be, or one of that name.
        """
        check_name(name, "snapshot", "name")
        collection = await self._catalog.collections.get(scope)
        wanted = version_of(collection.scope, name)
        with suppress(NotFound):
            await self._catalog.collections.get(wanted)
            raise Conflict(f"There is a snapshot {name!r} already: choose another name.")
        await check_room(self._catalog, scope, self._most)
        at = version_of(scope, COPY)
        with suppress(NotFound):
            begun = await self._catalog.collections.get(at)
            if begun.embedder != collection.embedder:
                await self._catalog.collections.drop(at)
        copy = await self._catalog.collections.create(
            at, embedder=collection.embedder, dimensions=collection.dimensions
        )
        versions = self._catalog.versions
        copied = Headway(collection, advance, copy.documents, copy.chunks)
        while not await versions.rename(
            scope.tenant,
            {at.collection: wanted.collection},
            alike=(collection.index, copy.index),
        ):
            difference = await versions.difference(collection.index, copy.index, PAGE)
            await self._catalog.documents.remove(at, difference.surplus)
            for ids in batches(difference.missing, COPIED_CHUNKS):
                await versions.copy(collection.index, copy.index, ids)
                copied.add(ids, difference.missing)
        return await self._catalog.collections.get(wanted)

    async def list(self, scope: Scope) -> tuple[Version, ...]:
        """Oldest first; NotFound without the collection."""
        return await self._catalog.versions.list(scope)

    async def rollback(
        self, scope: Scope, name: str, *, advance: Advance = quiet
    ) -> tuple[Collection, str]:
        """Put the snapshot in the collection's place; the collection, and what its state before is
        kept as.

        The store is given the snapshot's passages first, and then the names are swapped at once.
        """
        former = await self._catalog.collections.get(scope)
        snapshot = await self._get(scope, name)
        await fill(self._catalog, self._store, snapshot, label=LABEL, advance=advance)
        await self._store.settle(snapshot.index)
        kept = automatic_name("rollback")
        await self._catalog.versions.rename(
            scope.tenant,
            {
                former.key: version_of(scope, kept).collection,
                snapshot.key: scope.collection,
            },
        )
        await self._catalog.placements.forget(snapshot.index, LABEL)
        return await self._catalog.collections.get(scope), kept

    async def delete(self, scope: Scope, name: str) -> None:
        """Delete a snapshot; NotFound if there is none of that name."""
        snapshot = await self._get(scope, name)
        await self._catalog.collections.drop(snapshot.scope)
        await self._store.drop(snapshot.index)

    async def _get(self, scope: Scope, name: str) -> Collection:
        kept = {version.name: version.collection for version in await self.list(scope)}
        if name not in kept:
            raise NotFound(
                f"Collection {scope.collection!r} has no snapshot {name!r}. "
                f"Known: {', '.join(kept) or 'none'}.",
                param="name",
            )
        return kept[name]
