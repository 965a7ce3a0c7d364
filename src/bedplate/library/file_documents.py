"""The documents that a file became in a collection: their ids begin with the file's."""

from collections.abc import AsyncGenerator

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope, StoredDocument
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.redact import runs_of
from bedplate.library.ids import file_of, is_file_id
from bedplate.state.protocol import Catalog

PAGE = 500


async def ids_of(catalog: Catalog, scope: Scope, file: str) -> AsyncGenerator[list[DocumentId]]:
    """In bounded parts, in order; of a document that is no file's, itself."""
    if not is_file_id(file):
        yield [DocumentId(file)]
        return
    first = f"{file}/"
    after = DocumentId(first)
    while True:
        listed = catalog.documents.list(scope, after=after, limit=PAGE)
        ids = [document.id async for document in listed]
        found = [id for id in ids if id.startswith(first)]
        if found:
            yield found
        if len(found) < PAGE:
            return
        after = found[-1]


async def remove(catalog: Catalog, ingest: Ingest, scope: Scope, file: str) -> int:
    """Take its documents out; how many there were. NotFound without the collection."""
    count = 0
    async for ids in ids_of(catalog, scope, file):
        count += await ingest.remove(scope, ids)
    return count


async def texts_of(catalog: Catalog, scope: Scope, file: str) -> list[str]:
    """The text of each document as it is kept, which guards may have changed."""
    index = (await catalog.collections.get(scope)).index
    texts: list[str] = []
    async for ids in ids_of(catalog, scope, file):
        entries = await catalog.index.entries(index, ids)
        texts += ["\n\n".join(run.text for run in runs_of(each.chunks)) for each in entries]
    return texts


async def others(
    catalog: Catalog, scope: Scope, *, after: str | None, limit: int
) -> list[StoredDocument]:
    """Documents that came in by another way than as a file, in order of id."""
    found: list[StoredDocument] = []
    cursor = None if after is None else DocumentId(after)
    while len(found) < limit:
        listed = catalog.documents.list(scope, after=cursor, limit=PAGE)
        page = [document async for document in listed]
        for document in page:
            cursor = document.id
            if (file := file_of(document.id)) != document.id:
                # Past all of that file's: "0" comes after "/".
                cursor = DocumentId(f"{file}0")
                break
            found.append(document)
        else:
            if len(page) < PAGE:
                break
    return found[:limit]
