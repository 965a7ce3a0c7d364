"""Sources read and made ready to be embedded, in batches."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from bedplate.domain.documents import Blob, Document, Failure
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.errors import InvalidInput
from bedplate.ingest.gate import Gate
from bedplate.ingest.incoming import Source, Upload
from bedplate.ingest.names import problem_of
from bedplate.ingest.originals import Originals
from bedplate.ingest.pictures import Pictures
from bedplate.ingest.prepare import Preparation
from bedplate.ingest.prepared import Batch, Prepared
from bedplate.ingest.quality import Remarks
from bedplate.ingest.readings import Readings
from bedplate.ingest.run import Run
from bedplate.ingest.sent import as_sent
from bedplate.parsers.protocol import Parser
from bedplate.state.protocol import Catalog


@dataclass(frozen=True, slots=True)
class Intake:
    """What reads sources. A source that cannot be read is reported and stops nothing.

    `recipe` names the settings that documents of a collection are made with; `remove` deletes
    documents of one, and says how many there were.
    """

    catalog: Catalog
    parser: Parser
    pictures: Pictures | None
    readings: Readings
    originals: Originals
    gate: Gate
    make: Preparation
    batch_chunks: int
    max_file_bytes: int
    recipe: Callable[[str], str]
    remove: Callable[[Scope, Sequence[DocumentId]], Awaitable[int]]

    async def batches(
        self, scope: Scope, sources: Sequence[Source], run: Run
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
                if size >= self.batch_chunks:
                    yield Batch(items, number, run.bytes)
                    items, size = [], 0
            run.bytes = before + (source.size or 0)
            if not items:
                yield Batch([], number + 1, run.bytes)
        if items:
            yield Batch(items, len(sources), run.bytes)

    async def _read(
        self, scope: Scope, source: Source, run: Run
    ) -> tuple[Blob, list[Document]] | None:
        """What a source gave and holds; None once it is reported as failed, or as unchanged."""
        recipe = self.recipe(scope.collection) + (f"|{run.cut.name}" if run.cut else "")
        try:
            blob = await asyncio.to_thread(source.read, self.max_file_bytes)
            read = await self.readings.parse(
                scope, source, blob, run, parser=self.parser, recipe=recipe
            )
        except InvalidInput as error:
            run.refuse(source.name, source.name, error)
            return None
        if read is None:
            return None
        parsed, digest = read
        one = isinstance(source, Upload) and source.id and not source.many
        if one and len(parsed.documents) > 1:
            message = f"{source.name!r} holds many documents: send it without an id for all."
            run.fail(source.name, Failure(source.name, "many_documents", message))
            return None
        run.remarks = Remarks.of(parsed)
        for failure in parsed.failures:
            run.fail(source.name, failure)
        run.report.warnings.extend(f"{source.name}: {warning}" for warning in parsed.warnings)
        documents = [as_sent(each, blob, source, recipe) for each in parsed.documents]
        if digest is not None:
            await self.readings.keep(scope, blob, digest, parsed, documents)
        return blob, documents

    async def _prepare(self, scope: Scope, source: Source, run: Run) -> AsyncIterator[Prepared]:
        read = await self._read(scope, source, run)
        if read is None:
            return
        blob, documents = read
        share = (source.size or 0) / max(1, len(documents))
        before = run.bytes
        for start in range(0, len(documents), self.batch_chunks):
            part = documents[start : start + self.batch_chunks]
            ids = [document.id for document in part]
            known = await self.catalog.documents.fingerprints(scope, ids)
            taken = await run.own(source.name, ids)
            for number, document in enumerate(part, start + 1):
                run.bytes = before + int(share * number)
                if (problem := problem_of(document, run.seen, taken)) is not None:
                    run.fail(source.name, problem)
                    continue
                run.seen.add(document.id)
                if known.get(document.id) == document.sha256:
                    run.report.unchanged += 1
                    continue
                run.known.update(known.keys() & {document.id})
                try:
                    prepared = await self._made(scope, document, blob, source.name, run)
                except InvalidInput as error:
                    run.refuse(source.name, document.source, error)
                    continue
                if prepared is not None:
                    # A file of many would hold what was deleted, as long as one of them is left.
                    if len(documents) == 1:
                        await self.originals.put(scope, prepared.document, blob, run)
                    yield prepared

    async def _made(
        self, scope: Scope, document: Document, blob: Blob, source: str, run: Run
    ) -> Prepared | None:
        """Ready to be embedded; None for one that is held, or left out as a copy."""
        image = await self.pictures.vector(blob) if self.pictures else None
        new = document.id not in run.known
        if (held := await self.gate.check(scope, document)) is not None:
            run.fail(source, held)
            if not new:
                # What stands in the index of it may hold the same.
                run.report.deleted += await self.remove(scope, [document.id])
            return None
        prepared = await self.make.cut(
            scope.collection, document, image, run.remarks, run.report.redactions,
            run.cut and run.cut.chunker,
        )  # fmt: skip
        return None if await run.copies.skips(scope, prepared, new=new) else prepared
