"""A parsed document made ready to be embedded."""

import asyncio
from collections import Counter
from collections.abc import Mapping

from bedplate.chunkers.protocol import Chunker
from bedplate.domain.documents import Document
from bedplate.guards.protocol import PiiGuard
from bedplate.ingest.embedding import indexed_text
from bedplate.ingest.facts import described
from bedplate.ingest.prepared import Prepared
from bedplate.ingest.quality import Remarks, quality_of
from bedplate.ingest.scrub import scrub
from bedplate.quality.language import Languages
from bedplate.state.protocol import ImageVector
from bedplate.terms import TermVector


class Preparation:
    """Scrub, describe, chunk."""

    def __init__(
        self, chunker: Chunker, chunkers: Mapping[str, Chunker], pii: PiiGuard | None
    ) -> None:
        self._chunker = chunker
        self._chunkers = chunkers
        self._pii = pii
        self._languages = Languages()

    async def cut(
        self,
        collection: str,
        document: Document,
        image: ImageVector | None,
        remarks: Remarks,
        redactions: Counter[str],
        chunker: Chunker | None = None,
    ) -> Prepared:
        """The document in chunks, as the collection has them if `chunker` is not given; what was scrubbed from it is added to `redactions`."""
        own: Counter[str] = Counter()
        scrubbed = await asyncio.to_thread(scrub, document, self._pii, own)
        redactions.update(own)
        scrubbed, profile = await asyncio.to_thread(described, scrubbed, self._languages)
        quality = await asyncio.to_thread(quality_of, scrubbed, remarks, own, self._pii)
        own_chunker = chunker or self._chunkers.get(collection, self._chunker)
        chunks = await own_chunker.chunk(scrubbed)
        terms = await asyncio.to_thread(
            lambda: tuple(TermVector.of(indexed_text(scrubbed, chunk)) for chunk in chunks)
        )
        return Prepared(scrubbed, chunks, terms, profile, image, quality)
