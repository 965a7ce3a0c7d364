"""Vector stores: collections by other names, with an expiry and metadata of their own.

A collection that was made elsewhere is one, too, from when it is first looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bedplate.domain.ids import TenantId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.errors import Conflict, NotFound
from bedplate.ingest.names import MAX_NAME
from bedplate.ingest.pipeline import Ingest
from bedplate.library.ids import new_object_id
from bedplate.library.moments import now
from bedplate.objects.protocol import Chosen, Objects, Page, Sums, VectorStore
from bedplate.state.protocol import Catalog

PREFIX = "vs_"
TOUCH_SECONDS = 60
"""Use is noted at most this often: it decides on days."""


@dataclass(frozen=True, slots=True)
class Viewed:
    """A vector store with its collection, or without where it expired, and its files summed up."""

    store: VectorStore
    collection: Collection | None
    sums: Sums

    @property
    def others(self) -> int:
        """Documents that did not come as files."""
        held = 0 if self.collection is None else self.collection.documents
        return max(0, held - self.sums.documents)


class VectorStores:
    """Makes, finds and drops them."""

    def __init__(self, objects: Objects, catalog: Catalog, ingest: Ingest) -> None:
        self._objects = objects
        self._catalog = catalog
        self._ingest = ingest

    async def create(
        self,
        tenant: TenantId,
        *,
        name: str = "",
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        expires_days: int | None = None,
    ) -> Viewed:
        """An empty collection as a vector store.

        It is called by `name` where that is free and can be a collection's, else by the id.
        """
        id = new_object_id(PREFIX)
        made = now()
        collection = await self._fresh(tenant, name, id)
        wanted = VectorStore(
            id=id,
            collection=collection.name,
            made_at=_made_at(collection),
            name=name,
            created_at=made,
            active_at=made,
            description=description,
            metadata=metadata or {},
            expires_days=expires_days,
        )
        store = await self._objects.stores.add(tenant, wanted)
        if store.id != id:
            # Somebody else made a collection of that name in the same moment, or looked at it.
            return await self.create(
                tenant,
                description=description,
                metadata={**wanted.metadata},
                expires_days=expires_days,
            )
        return await self._viewed(tenant, store)

    async def get(self, tenant: TenantId, id: str) -> Viewed:
        """By its id, or by its collection's name; NotFound."""
        return await self._viewed(tenant, await self._found(tenant, id))

    async def list(self, tenant: TenantId, page: Page) -> list[Viewed]:
        stores = {store.collection: store for store in await self._objects.stores.list(tenant)}
        collections = {each.name: each for each in await self._catalog.collections.list(tenant)}
        for name, collection in collections.items():
            known = stores.get(name)
            if known is None or known.made_at != _made_at(collection):
                stores[name] = await self._adopt(tenant, collection)
        for name, store in list(stores.items()):
            if name not in collections and store.expired_at is None:
                await self._objects.stores.delete(tenant, store.id)
                del stores[name]
        found = _page(sorted(stores.values(), key=lambda store: store.id), page)
        return [await self._viewed(tenant, store) for store in found]

    async def modify(
        self,
        tenant: TenantId,
        id: str,
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        expiry: "Expiry | None" = None,
    ) -> Viewed:
        """Change what is given; its collection keeps its name."""
        store = await self._live(tenant, id)
        changed = replace(
            store,
            name=store.name if name is None else name,
            metadata=store.metadata if metadata is None else metadata,
            expires_days=store.expires_days if expiry is None else expiry.days,
            active_at=store.active_at if expiry is None else now(),
        )
        await self._objects.stores.save(tenant, changed)
        return await self._viewed(tenant, changed)

    async def delete(self, tenant: TenantId, id: str) -> str:
        """Drop the collection with it; the id it had. Files stay."""
        store = await self._found(tenant, id)
        await self._drop(tenant, store)
        await self._objects.stores.delete(tenant, store.id)
        return store.id

    async def expire(self, tenant: TenantId, store: VectorStore) -> None:
        """Give up its contents; what it was called stays known."""
        await self._objects.store_files.end(tenant, Chosen(store=store.id), "cancelled")
        await self._drop(tenant, store)
        await self._objects.stores.save(tenant, replace(store, expired_at=now()))

    async def scope(self, tenant: TenantId, id: str) -> Scope:
        """Where to search it, which counts as a use.

        Raises:
            NotFound: there is none.
            Conflict: it has expired.
        """
        store = await self._live(tenant, id)
        await self.touch(tenant, store)
        return Scope(tenant, store.collection)

    async def touch(self, tenant: TenantId, store: VectorStore) -> None:
        moment = now()
        if moment - store.active_at >= TOUCH_SECONDS:
            await self._objects.stores.touch(tenant, store.id, moment)

    async def live(self, tenant: TenantId, id: str) -> VectorStore:
        """One whose contents are there; NotFound or Conflict as of `scope`."""
        return await self._live(tenant, id)

    async def _live(self, tenant: TenantId, id: str) -> VectorStore:
        store = await self._found(tenant, id)
        if store.expired_at is not None:
            raise Conflict(f"Vector store {id!r} has expired: make another one.")
        return store

    async def _found(self, tenant: TenantId, id: str) -> VectorStore:
        if not id.startswith(PREFIX):
            return await self._adopt(tenant, await self._collection(tenant, id, id))
        store = await self._objects.stores.get(tenant, id)
        if store.expired_at is None:
            collection = await self._collection(tenant, store.collection, id)
            if _made_at(collection) != store.made_at:
                raise _missing(id)
        return store

    async def _collection(self, tenant: TenantId, name: str, id: str) -> Collection:
        if "/" in name:
            raise _missing(id)
        try:
            return await self._catalog.collections.get(Scope(tenant, name))
        except NotFound as error:
            raise _missing(id) from error

    async def _adopt(self, tenant: TenantId, collection: Collection) -> VectorStore:
        created = int(collection.created_at.timestamp())
        store = VectorStore(
            id=new_object_id(PREFIX, created),
            collection=collection.name,
            made_at=_made_at(collection),
            name=collection.name,
            created_at=created,
            active_at=now(),
        )
        return await self._objects.stores.add(tenant, store)

    async def _fresh(self, tenant: TenantId, name: str, id: str) -> Collection:
        wanted = id
        if name.strip() == name and 0 < len(name) <= MAX_NAME and _fits(name):
            try:
                await self._catalog.collections.get(Scope(tenant, name))
            except NotFound:
                wanted = name
        scope = Scope(tenant, wanted)
        await self._ingest.create(scope)
        return await self._catalog.collections.get(scope)

    async def _drop(self, tenant: TenantId, store: VectorStore) -> None:
        scope = Scope(tenant, store.collection)
        try:
            collection = await self._catalog.collections.get(scope)
            if _made_at(collection) == store.made_at:
                await self._ingest.drop(scope)
        except NotFound:
            # Dropped elsewhere meanwhile.
            return

    async def _viewed(self, tenant: TenantId, store: VectorStore) -> Viewed:
        sums = await self._objects.store_files.sums(tenant, Chosen(store=store.id))
        if store.expired_at is not None:
            return Viewed(store, None, sums)
        return Viewed(store, await self._collection(tenant, store.collection, store.id), sums)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Days after its last use; None for never."""

    days: int | None


def _fits(name: str) -> bool:
    """Whether a collection may be called so, and is not taken for an id."""
    return "/" not in name and name.isprintable() and not name.startswith(PREFIX)


def _made_at(collection: Collection) -> str:
    return collection.created_at.isoformat()


def _missing(id: str) -> NotFound:
    return NotFound(f"There is no vector store {id!r}.", param="vector_store_id")


def _page(stores: Sequence[VectorStore], page: Page) -> list[VectorStore]:
    """Ids sort by time, so a page can begin after one that is gone."""
    ordered = list(stores) if page.order == "asc" else list(reversed(stores))

    def is_later(id: str, than: str) -> bool:
        return id > than if page.order == "asc" else id < than

    if page.after is not None:
        ordered = [each for each in ordered if is_later(each.id, page.after or "")]
    if page.before is not None:
        ordered = [each for each in ordered if is_later(page.before or "", each.id)]
        if page.after is None:
            return ordered[-page.limit :]
    return ordered[: page.limit]
