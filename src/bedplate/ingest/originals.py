"""The files that documents were made from: kept where that is configured, and gone with the document.

An original is put before its document is, and other versions of it are forgotten after that; what a
crash leaves between the two is swept. It is the file as it came, which no guard has looked through.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from bedplate.domain.documents import Blob, Document
from bedplate.domain.ids import DocumentId
from bedplate.domain.originals import Original
from bedplate.domain.retrieval import Scope
from bedplate.durable.again import again
from bedplate.errors import ConfigError, NotFound
from bedplate.ingest.run import Run
from bedplate.sealing import Seals
from bedplate.state.protocol import Catalog, Entry

SWEEP_SECONDS = 3_600.0
"""Between two sweeps, and how old must be what is swept: an ingest may be about to keep its document."""


@dataclass(frozen=True, slots=True)
class OriginalLimits:
    """Of one file, and of all originals of a tenant."""

    file_bytes: int
    bytes: int


class Originals:
    """Without `limits` none is kept any more; those that are there are served, and deleted, still."""

    def __init__(
        self, catalog: Catalog, limits: OriginalLimits | None = None, seals: Seals | None = None
    ) -> None:
        self._catalog = catalog
        self._rows = catalog.originals
        self._limits = limits
        self._seals = seals

    async def put(self, scope: Scope, document: Document, blob: Blob, run: Run) -> None:
        """Keep the file of a document that is about to be kept; a warning where it is too large."""
        if self._limits is None:
            return
        size = len(blob.content)
        if size > self._limits.file_bytes:
            run.report.warnings.append(
                f"{blob.source}: its original is not kept, as it has {size:,} bytes, more than the "
                f"{self._limits.file_bytes:,} of originals.max_file_bytes."
            )
            return
        original = Original(
            document=document.id,
            fingerprint=document.sha256,
            name=blob.source,
            media_type=blob.media_type or document.media_type,
            size=size,
            content=blob.content,
            sealed=self._seals is not None,
        )
        if self._seals is not None:
            place = _place(scope, document.id, document.sha256)
            sealed = await asyncio.to_thread(self._seals.seal, blob.content, place)
            original = replace(original, content=sealed)
        if not await self._rows.put(scope, original, max_bytes=self._limits.bytes):
            run.report.warnings.append(
                f"{blob.source}: its original is not kept, as all originals have the "
                f"{self._limits.bytes:,} bytes that originals.max_bytes allows."
            )

    async def settle(self, scope: Scope, entries: Sequence[Entry]) -> None:
        """Forget the originals of what these documents were before."""
        kept = {entry.document.id: entry.document.sha256 for entry in entries}
        await self._rows.settle(scope, kept)

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        await self._rows.remove(scope, ids)

    async def clear(self, scope: Scope) -> None:
        await self._rows.clear(scope)

    async def get(self, scope: Scope, id: DocumentId) -> Original:
        """The file of a document as it stands, opened.

        Raises:
            NotFound: there is no such document, or none is kept of it.
            ConfigError: the key that it was encrypted with is not configured.
            StorageError: it was changed.
        """
        document = await self._catalog.documents.get(scope, id)
        found = await self._rows.get(scope, id, document.sha256)
        if found is None:
            raise NotFound(
                f"The original of the document {id!r} is not kept: originals.keep must have been "
                "true when it was ingested, as a file of its own.",
                param="document_id",
            )
        if not found.sealed:
            return found
        if self._seals is None:
            raise ConfigError(
                f"The original of the document {id!r} is encrypted, and originals.key is not set."
            )
        place = _place(scope, id, document.sha256)
        content = await asyncio.to_thread(self._seals.open, found.content, place)
        return replace(found, content=content, sealed=False)

    async def run(self) -> None:
        """Sweep, until it is cancelled."""
        sweep = partial(self._rows.sweep, older_seconds=SWEEP_SECONDS)
        await again("originals", sweep, SWEEP_SECONDS)


def _place(scope: Scope, document: DocumentId, fingerprint: str) -> str:
    return repr((scope.tenant, scope.collection, document, fingerprint))
