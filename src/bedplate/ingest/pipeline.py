"""Parse, scrub, chunk, embed, keep: one pipeline for files, uploads and rows."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bedplate.chunkers.protocol import Chunker
from bedplate.domain.documents import Blob, Document, Failure
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.embedders.protocol import Embedder
from bedplate.errors import Conflict, InvalidInput, NotFound, StorageError, Unavailable
from bedplate.guards.protocol import PiiGuard
from bedplate.ingest.embedding import embed_texts, embedded_text, indexed_text
from bedplate.ingest.incoming import Ledger, Source, Upload, total_size
from bedplate.ingest.names import GOOD_ID, check_name, is_good_id, unfinished
from bedplate.ingest.origins import is_below
from bedplate.ingest.pictures import Pictures
from bedplate.ingest.prepared import Batch, Prepared
from bedplate.ingest.report import Progress, Report
from bedplate.ingest.scrub import scrub
from bedplate.ingest.whole import whole
from bedplate.parsers.protocol import Parser
from bedplate.state.protocol import Catalog, Entry, ImageVector
from bedplate.stores.protocol import Store
from bedplate.terms import TermVector

T = TypeVar("T")

FORMAT = 3
"""Raised when the pipeline makes something else of the same document."""

WAITING_BATCHES = 2


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline is made of; without `pii` personal data is kept as it is.

    `former` embeds what goes into collections that were made with it; `pictures` reads images.
    """

    catalog: Catalog
    store: Store
    parser: Parser
    chunker: Chunker
    embedder: Embedder
    pii: PiiGuard | None
    former: Embedder | None = None
    pictures: Pictures | None = None


class Ingest:
    """Documents in. Each one replaces its former version at once or stays as it was."""

    def __init__(
        self,
        parts: Parts,
        *,
        batch_chunks: int,
        max_file_bytes: int,
        token_chunks: int,
        recipe: str,
    ) -> None:
        """Wire the flow.

        Token vectors are kept in collections of up to `token_chunks` chunks.

        `recipe` names the settings that shape the result: documents made by another one count as
        changed.
        """
        self._catalog = parts.catalog
        self._store = parts.store
        self._parser = parts.pictures or parts.parser
        self._pictures = parts.pictures
        self._chunker = parts.chunker
        self._embedder = parts.embedder
        self._former = parts.former
        self._pii = parts.pii
        self._batch_chunks = batch_chunks
        self._max_file_bytes = max_file_bytes
        self._token_chunks = token_chunks
        # Without the embedder: a collection has one, and reindexing must not make all look changed.
        self.recipe = f"{FORMAT}|{recipe}"

    async def run(
        self,
        scope: Scope,
        sources: Sequence[Source],
        *,
        prune: Sequence[str] = (),
        ledger: Ledger | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Report:
        """Ingest every source; what cannot be read is reported and stops nothing.

        Documents are durable as soon as `progress` counts them, so a run that was cut off is
        taken up by running it again. `prune` names origins, or folders of them: documents from
        there that were not found this time are deleted, except those of a source that failed.

        With a `ledger` the run is a part of something longer, which calls `settle` at its end.

        Raises:
            Conflict: the collection belongs to another embedder.
            StorageError: the catalog cannot be written.
        """
        started = time.perf_counter()
        collection = await self.create(scope)
        tokens = collection.chunks < self._token_chunks
        run = _Run(Report(scope.collection), tokens, ledger)
        batches: asyncio.Queue[Batch | None] = asyncio.Queue(WAITING_BATCHES)

        total = total_size(sources)

        def report(done: int, size: int) -> None:
            source = sources[done].name if done < len(sources) else ""
            progress(Progress.of(run.report, done, len(sources), source, size, total))

        async def prepare() -> None:
            async for batch in self._batches(scope, sources, run):
                if batch.items:
                    run.waiting += 1
                    await batches.put(batch)
                elif not run.waiting:
                    report(batch.sources, batch.bytes)
            await batches.put(None)

        async def keep() -> None:
            while (batch := await batches.get()) is not None:
                await self._keep(scope, batch.items, run)
                run.waiting -= 1
                report(batch.sources, batch.bytes)

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(prepare())
                tasks.create_task(keep())
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        if prune:
            await self._prune(scope, prune, run)
        await self._settle(scope, run)
        report(len(sources), run.bytes)
        run.report.seconds = round(time.perf_counter() - started, 3)
        return run.report

    async def settle(self, scope: Scope) -> str | None:
        """Let the index rebuild what it wants to after many changes; a warning if it cannot."""
        try:
            await self._store.settle((await self._catalog.collections.get(scope)).index)
        except (StorageError, Unavailable) as error:
            # The documents are durable and found without it.
            return error.message
        return None

    async def create(self, scope: Scope) -> Collection:
        """An empty collection, or the one that is there.

        Raises:
            InvalidInput: a name that does not fit into one segment of a path.
            Conflict: it is there, with another embedder.
        """
        check_name(scope.collection, "collection", "collection")
        embedder = self._embedder
        if self._former is not None:
            with suppress(NotFound):
                embedder = self._embedder_of(await self._catalog.collections.get(scope))
        return await self._catalog.collections.create(
            scope, embedder=embedder.fingerprint, dimensions=embedder.dimensions
        )

    async def drop(self, scope: Scope) -> None:
        """Delete a collection with its documents and versions; NotFound if there is none."""
        dropped = [
            await self._catalog.collections.get(scope),
            *[version.collection for version in await self._catalog.versions.list(scope)],
            *await unfinished(self._catalog, scope),
        ]
        await self._catalog.collections.drop(scope)
        for collection in dropped:
            await self._store.drop(collection.index)

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> int:
        """Delete documents; how many there were."""

        async def work(collection: Collection) -> int:
            count = await self._catalog.documents.remove(collection.index, ids)
            await self._store.delete(collection.index, ids)
            return count

        return await self._written(scope, work)

    async def _written(self, scope: Scope, work: Callable[[Collection], Awaitable[T]]) -> T:
        """Do `work` on the collection, again if its name went to another index meanwhile."""
        collection = await self._catalog.collections.get(scope)
        while True:
            try:
                return await work(collection)
            except (Conflict, NotFound):
                before, collection = collection, await self._catalog.collections.get(scope)
                if collection.key == before.key:
                    raise

    def _embedder_of(self, collection: Collection) -> Embedder:
        """The former one where the collection is its; else the configured one, fitting or not."""
        former = self._former
        return former if former and former.fingerprint == collection.embedder else self._embedder

    async def _batches(
        self, scope: Scope, sources: Sequence[Source], run: "_Run"
    ) -> AsyncIterator[Batch]:
        """Full batches as they fill up, and an empty one where a source left nothing to keep."""
        items: list[Prepared] = []
        size = 0
        for number, source in enumerate(sources):
            before = run.bytes
            async for prepared in self._prepare(scope, source, run):
                items.append(prepared)
                # A document without chunks weighs something too.
                size += max(1, len(prepared.chunks))
                if size >= self._batch_chunks:
                    yield Batch(items, number, run.bytes)
                    items, size = [], 0
            run.bytes = before + (source.size or 0)
            if not items:
                yield Batch([], number + 1, run.bytes)
        if items:
            yield Batch(items, len(sources), run.bytes)

    async def _prepare(self, scope: Scope, source: Source, run: "_Run") -> AsyncIterator[Prepared]:
        try:
            blob = await asyncio.to_thread(source.read, self._max_file_bytes)
            parsed = await self._parser.parse(blob)
        except InvalidInput as error:
            run.refuse(source.name, source.name, error)
            return
        if isinstance(source, Upload) and source.id and len(parsed.documents) > 1:
            message = f"{source.name!r} holds many documents: send it without an id for all."
            run.fail(source.name, Failure(source.name, "many_documents", message))
            return
        for failure in parsed.failures:
            run.fail(source.name, failure)
        run.report.warnings.extend(f"{source.name}: {warning}" for warning in parsed.warnings)
        documents = [self._finish(document, blob, source) for document in parsed.documents]
        share = (source.size or 0) / max(1, len(documents))
        before = run.bytes
        for start in range(0, len(documents), self._batch_chunks):
            part = documents[start : start + self._batch_chunks]
            ids = [document.id for document in part]
            known = await self._catalog.documents.fingerprints(scope, ids)
            taken = await run.own(source.name, ids)
            for number, document in enumerate(part, start + 1):
                run.bytes = before + int(share * number)
                if (problem := _problem(document, run, taken)) is not None:
                    run.fail(source.name, problem)
                    continue
                run.seen.add(document.id)
                if known.get(document.id) == document.sha256:
                    run.report.unchanged += 1
                    continue
                try:
                    image = await self._pictures.vector(blob) if self._pictures else None
                except InvalidInput as error:
                    run.refuse(source.name, document.source, error)
                    continue
                run.known.update({document.id} & known.keys())
                yield await self._cut(document, image, run)

    def _finish(self, document: Document, blob: Blob, source: Source) -> Document:
        """The document with what its sender said of it, and a fingerprint of all that shapes it."""
        origin = blob.source
        if isinstance(source, Upload):
            origin = f"{source.way}{origin}"
            document = replace(
                document,
                id=source.id or document.id,
                metadata={**document.metadata, **source.metadata},
            )
        said = repr(sorted(document.metadata.items()))
        facts = f"{self.recipe}|{document.sha256}|{document.title}|{said}"
        return replace(document, origin=origin, sha256=hashlib.sha256(facts.encode()).hexdigest())

    async def _cut(self, document: Document, image: ImageVector | None, run: "_Run") -> Prepared:
        scrubbed = await asyncio.to_thread(scrub, document, self._pii, run.report.redactions)
        chunks = await self._chunker.chunk(scrubbed)
        terms = await asyncio.to_thread(
            lambda: tuple(TermVector.of(indexed_text(scrubbed, chunk)) for chunk in chunks)
        )
        return Prepared(scrubbed, chunks, terms, image)

    async def _keep(self, scope: Scope, batch: Sequence[Prepared], run: "_Run") -> None:
        async def work(collection: Collection) -> list[Entry]:
            entries = await self._embed(collection, batch, run)
            # A client that leaves must not do so between the two.
            await whole(self._write(collection, entries, scope))
            return entries

        entries = await self._written(scope, work)
        for entry in entries:
            if entry.document.id in run.known:
                run.report.updated += 1
            else:
                run.report.added += 1
            run.report.chunks += len(entry.chunks)

    async def _write(self, collection: Collection, entries: list[Entry], scope: Scope) -> None:
        await self._catalog.documents.replace(collection.index, entries)
        try:
            await self._store.upsert(collection.index, entries)
        except (StorageError, Unavailable) as error:
            raise type(error)(
                f"{error.message} The documents of this batch are in the catalog and not, or "
                f"not whole, in the index: run `bedplate reindex -c {scope.collection}`."
            ) from error

    async def _embed(
        self, collection: Collection, batch: Sequence[Prepared], run: "_Run"
    ) -> list[Entry]:
        embedder = self._embedder_of(collection)
        if embedder.fingerprint != collection.embedder:
            # Reindexed with another embedder since this run began.
            await self.create(collection.scope)
        texts = [embedded_text(item.document, chunk) for item in batch for chunk in item.chunks]
        rows, tokens = await embed_texts(
            embedder, texts, batch=self._batch_chunks, tokens=run.tokens
        )
        entries: list[Entry] = []
        start = 0
        for item in batch:
            end = start + len(item.chunks)
            entries.append(
                Entry(item.document, item.chunks, rows[start:end], item.terms,
                      tuple(tokens[start:end]), image=item.image)
            )  # fmt: skip
            start = end
        return entries

    async def _settle(self, scope: Scope, run: "_Run") -> None:
        if run.ledger is None and (warning := await self.settle(scope)):
            run.report.warnings.append(warning)

    async def _prune(self, scope: Scope, roots: Sequence[str], run: "_Run") -> None:
        gone: list[DocumentId] = []
        async for document in self._catalog.documents.list(scope, after=None, limit=2**62):
            inside = any(is_below(document.origin, root) for root in roots)
            if inside and document.id not in run.seen and document.origin not in run.failed:
                gone.append(document.id)
        if gone:
            run.report.deleted = await self.remove(scope, gone)


@dataclass(slots=True)
class _Run:
    report: Report
    tokens: bool
    ledger: Ledger | None = None
    seen: set[DocumentId] = field(default_factory=set[DocumentId])
    known: set[DocumentId] = field(default_factory=set[DocumentId])
    failed: set[str] = field(default_factory=set[str])
    waiting: int = 0
    bytes: int = 0

    def fail(self, source: str, failure: Failure) -> None:
        self.failed.add(source)
        self.report.failures.append(failure)
        if self.ledger is not None:
            self.ledger.fail(source, failure)

    def refuse(self, source: str, part: str, error: InvalidInput) -> None:
        self.fail(source, Failure(part, getattr(error, "reason", error.code), error.message))

    async def own(self, source: str, ids: Sequence[DocumentId]) -> Mapping[DocumentId, str]:
        if self.ledger is None:
            return {}
        return await self.ledger.own(source, [id for id in ids if is_good_id(id)])


def _problem(document: Document, run: _Run, taken: Mapping[DocumentId, str]) -> Failure | None:
    id = document.id
    if not is_good_id(id):
        message = f"{id[:80]!r} is no document id: give {GOOD_ID}."
        return Failure(document.source, "bad_id", message)
    if id in taken:
        message = f"The document {id!r} belongs to another item ({taken[id]})."
        return Failure(document.source, "duplicate_id", message)
    if id in run.seen:
        message = f"Another document of this run has the id {id!r} already."
        return Failure(document.source, "duplicate_id", message)
    return None
