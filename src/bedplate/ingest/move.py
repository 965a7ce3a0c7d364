"""A collection into another store, filled from the catalog and verified. Nothing is switched here:
which store is in use is a line of the configuration.
"""

import time
from dataclasses import dataclass

from bedplate.domain.retrieval import Collection, Scope
from bedplate.ingest.fill import BATCH_CHUNKS, Advance, fill, quiet
from bedplate.ingest.verify import Verification, verify
from bedplate.state.protocol import Catalog
from bedplate.stores.protocol import Store


@dataclass(frozen=True, slots=True)
class Moved:
    """`documents` were sent now; others were there from an earlier run."""

    collection: Collection
    documents: int
    seconds: float
    verification: Verification


class Move:
    """Fills the store called `name`, and compares it with the one in use."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        other: Store,
        *,
        name: str,
        batch_chunks: int = BATCH_CHUNKS,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._other = other
        self._batch_chunks = batch_chunks
        self._label = f"move:{name}"

    async def run(self, scope: Scope, *, afresh: bool = False, advance: Advance = quiet) -> Moved:
        """Send what the other store lacks, then verify all of it.

        Running it again takes it up, or brings the other store up to date. `afresh` empties it
        first; so does the run after one whose verification failed send everything again.
        """
        started = time.perf_counter()
        collection = await self._catalog.collections.get(scope)
        at = collection.index
        if afresh:
            await self._catalog.placements.forget(at, self._label)
            await self._other.drop(at)

        async def send() -> int:
            return await fill(
                self._catalog,
                self._other,
                collection,
                label=self._label,
                batch_chunks=self._batch_chunks,
                advance=advance,
            )

        sent = await send()
        await self._other.settle(at)
        verification = await verify(
            self._catalog, collection, self._other, label=self._label, against=self._store
        )
        if verification.ok:
            sent += await send()
        else:
            await self._catalog.placements.forget(at, self._label)
        return Moved(collection, sent, round(time.perf_counter() - started, 3), verification)
