"""Blobs that took long to read, as pictures of text do, are not read again while nothing changed."""

import hashlib
import time
from collections.abc import Sequence

from bedplate.domain.documents import Blob, Document, Parsed
from bedplate.domain.reading import Reading
from bedplate.domain.retrieval import Scope
from bedplate.ingest.incoming import Source, Upload
from bedplate.ingest.run import Run
from bedplate.parsers.protocol import Parser
from bedplate.state.protocol import Catalog

SLOW_SECONDS = 1.0
"""What is read sooner is read again: looking it up would cost about as much."""

MOST_DOCUMENTS = 100
"""Of one blob; files of more are rows, which take no time each."""


class Readings:
    """Keeps what slow readings gave, and says when another would give the same.

    `recipe` names all that readings depend on besides the blob: settings, versions, what is
    installed.
    """

    def __init__(self, catalog: Catalog, *, recipe: str, slow: float = SLOW_SECONDS) -> None:
        self._catalog = catalog
        self._recipe = recipe
        self._slow = slow

    async def parse(
        self, scope: Scope, source: Source, blob: Blob, run: Run, *, parser: Parser, recipe: str
    ) -> tuple[Parsed, str | None] | None:
        """What the blob holds, and the digest to `keep` it by if that took long; None, with all of
        it counted as unchanged, where its documents stand as the last reading gave them.

        `recipe` is that of the collection. Raises as Parser does.
        """
        digest = self._digest(source, blob, recipe)
        # Whose documents are whose is for a ledger to hear each time.
        if run.ledger is None and await self._stands(scope, source, blob, digest, run):
            return None
        started = time.perf_counter()
        parsed = await parser.parse(blob)
        slow = time.perf_counter() - started >= self._slow
        # What failed is tried again.
        good = not parsed.failures and 0 < len(parsed.documents) <= MOST_DOCUMENTS
        return parsed, digest if slow and good and run.ledger is None else None

    async def keep(
        self, scope: Scope, blob: Blob, digest: str, parsed: Parsed, documents: Sequence[Document]
    ) -> None:
        """`documents` are those of `parsed` with their last fingerprints, kept yet or not."""
        given = {document.id: document.sha256 for document in documents}
        if len(given) == len(documents):
            reading = Reading(digest, given, parsed.warnings)
            await self._catalog.readings.put(scope, blob.source, reading)

    async def _stands(
        self, scope: Scope, source: Source, blob: Blob, digest: str, run: Run
    ) -> bool:
        last = await self._catalog.readings.get(scope, blob.source)
        if last is None or last.digest != digest or not run.seen.isdisjoint(last.documents):
            return False
        # One that was held, left out, deleted or replaced since makes it worth reading.
        there = await self._catalog.documents.fingerprints(scope, list(last.documents))
        if there != last.documents:
            return False
        run.seen.update(last.documents)
        run.report.unchanged += len(last.documents)
        run.report.warnings.extend(f"{source.name}: {warning}" for warning in last.warnings)
        return True

    def _digest(self, source: Source, blob: Blob, recipe: str) -> str:
        said = (
            (source.id, source.way, sorted(source.metadata.items()))
            if isinstance(source, Upload)
            else ()
        )
        facts = repr((self._recipe, recipe, blob.source, blob.media_type, said))
        digest = hashlib.sha256(facts.encode(errors="backslashreplace"))
        digest.update(b"\0")
        digest.update(blob.content)
        return digest.hexdigest()
