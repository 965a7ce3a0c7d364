"""What an answer rests on: the collections that were searched, each in a state of it."""

from collections.abc import Sequence

from bedplate.domain.retrieval import Scope
from bedplate.state.protocol import Catalog


class Knowledge:
    """Stamps the state of collections, so that an answer can be told from one of another state."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def stamp(self, scopes: Sequence[Scope]) -> str:
        """Tenant, key and generation of each, in a fixed order; NotFound for an unknown collection.

        Read before the search: of a change in between, the stamp then is the older one, and what
        was answered under it is never given again.
        """
        stamps: set[str] = set()
        for scope in dict.fromkeys(scopes):
            collection = await self._catalog.collections.get(scope)
            generation = await self._catalog.collections.generation(collection.index)
            stamps.add(f"{collection.index.tenant}/{collection.index.collection}@{generation}")
        return " ".join(sorted(stamps))
