"""/api/collections/{collection}/documents: what a collection holds.

Documents come as JSON (one or a list), or as a file: the raw bytes as the body, its media type in
Content-Type, its name in `?name=`. POST takes the id from the file, PUT from the path.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from bedplate.api.current import CurrentApp, Deadline, Tenant, uploads_of
from bedplate.api.media_types import JSON, media_type, sent_as
from bedplate.api.schemas import (
    MAX_DOCUMENTS,
    MAX_TEXT,
    Deleted,
    Document,
    DocumentPage,
    Id,
    IngestReport,
    NewDocument,
    RelatedDocument,
    UploadAccepted,
)
from bedplate.api.sse import MEDIA_TYPE
from bedplate.api.uploads import IngestStream, Work
from bedplate.app import App
from bedplate.domain.documents import Blob
from bedplate.domain.ids import DocumentId, new_id
from bedplate.domain.profiles import Relations
from bedplate.domain.retrieval import Scope
from bedplate.errors import InvalidInput, NotFound, TooLarge, Unreadable
from bedplate.ingest.incoming import Upload
from bedplate.ingest.report import Progress, Report

ROWS = "application/jsonl"
ROWS_NAME = "documents.jsonl"
"""What failures among documents sent as JSON are named by, with the document's number."""

RESERVED = frozenset({"id", "title", "text"})

FILE_BODY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
DOCUMENT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": NewDocument.model_json_schema()}, "*/*": FILE_BODY},
    }
}

_ID = TypeAdapter[str](Id)

ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "In the background, or larger than `uploads.background_bytes`: a job.",
        "model": UploadAccepted,
    }
}

EVENTS: dict[int | str, dict[str, Any]] = {
    **ACCEPTED,
    200: {
        "description": "With `stream`: `progress` events, then one `report` event.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    },
}

Name = Annotated[str | None, Query(max_length=MAX_TEXT, description="The file's name.")]

Stream = Annotated[bool, Query(description="Tell how far it is, as server-sent events.")]

Background = Annotated[bool, Query(description="Let a job do the work, and answer with its id.")]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the client is told, and when."""

    stream: Stream = False
    background: Background = False


Answer = Annotated[_Answer, Depends()]

router = APIRouter(prefix="/api/collections/{collection}/documents", tags=["documents"])


@router.get("")
async def list_documents(
    collection: str,
    app: CurrentApp,
    tenant: Tenant,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> DocumentPage:
    """In order of id; `after` is the last id of the page before."""
    found = app.catalog.documents.list(
        app.scope(collection, tenant),
        after=None if after is None else DocumentId(after),
        limit=limit + 1,
    )
    documents = [Document.model_validate(document) async for document in found]
    page = documents[:limit]
    return DocumentPage(
        documents=page,
        has_more=len(documents) > limit,
        after=page[-1].id if page else None,
    )


@router.post("", response_model=IngestReport, responses=EVENTS, openapi_extra=DOCUMENT_BODY)
async def add_documents(
    collection: str,
    request: Request,
    app: CurrentApp,
    tenant: Tenant,
    deadline: Deadline,
    manner: Answer,
    name: Name = None,
) -> IngestReport | Response:
    """Add documents, or replace those with the same id; unchanged ones cost nothing.

    A JSON body is one document or a list of them; any other is a file. The answer tells what
    became of each; when nothing could be kept it is the error of the first.

    Streamed, it tells how far it is meanwhile; an error after the first event is an unnamed one
    with `{"error": …}`.

    In the background it is 202 with a job, as soon as the upload is safe on disk; a body larger than
    `uploads.background_bytes` always is.
    """
    if manner.stream and manner.background:
        raise InvalidInput(
            "Give stream or background: the events of a job tell how far it is.", param="stream"
        )
    scope = _scope(app, collection, tenant)
    ids: list[str] = []
    if media_type(request) == JSON:
        ids, blob = _rows(await request.body())
    elif name is None:
        raise InvalidInput(
            f"The body {sent_as(request)}, which makes it a file: say what it is called with "
            "?name=policy.pdf, or for a document as JSON send Content-Type: application/json.",
            param="name",
        )
    else:
        blob = await _file(request, name)
    if _is_for_later(app, blob, asked=manner.background):
        return await _accept(app, scope, Upload(blob), ids)
    work = _ingest(app, scope, Upload(blob), ids)
    return IngestStream(work, deadline=deadline) if manner.stream else await work(lambda _: None)


@router.put(
    "/{document_id:path}",
    response_model=IngestReport,
    responses=ACCEPTED,
    openapi_extra={"requestBody": {"content": {"*/*": FILE_BODY}}},
)
async def put_document(
    collection: str,
    document_id: str,
    request: Request,
    app: CurrentApp,
    tenant: Tenant,
    name: Name = None,
    background: Background = False,  # noqa: FBT002
) -> IngestReport | Response:
    """Make this file the document of that id. Files of many rows are for POST."""
    _check_id(document_id)
    blob = await _file(request, document_id if name is None else name)
    upload = Upload(blob, id=DocumentId(document_id))
    if _is_for_later(app, blob, asked=background):
        return await _accept(app, _scope(app, collection, tenant), upload, [])
    return await _ingest(app, _scope(app, collection, tenant), upload, [])(lambda _: None)


@router.get("/{document_id:path}")
async def get_document(
    collection: str, document_id: str, app: CurrentApp, tenant: Tenant
) -> RelatedDocument:
    scope = app.scope(collection, tenant)
    found = await app.catalog.documents.get(scope, DocumentId(document_id))
    relations = (await app.catalog.profiles.related(scope, [found.id])).get(found.id, Relations())
    quality = (await app.catalog.quality.of(scope, [found.id])).get(found.id)
    shown = {"quality": None if quality is None else asdict(quality)}
    return RelatedDocument.model_validate({**asdict(found), **asdict(relations), **shown})


@router.delete("/{document_id:path}")
async def delete_document(
    collection: str, document_id: str, app: CurrentApp, tenant: Tenant
) -> Deleted:
    scope = app.scope(collection, tenant)
    if not await app.ingest.remove(scope, [DocumentId(document_id)]):
        raise NotFound(
            f"There is no document {document_id!r} in collection {collection!r}.",
            param="document_id",
        )
    return Deleted(id=document_id)


def _scope(app: App, collection: str, tenant: Tenant) -> Scope:
    return app.scope(collection, tenant)


def _is_for_later(app: App, blob: Blob, *, asked: bool) -> bool:
    return asked or len(blob.content) > app.config.uploads.background_bytes


async def _accept(app: App, scope: Scope, upload: Upload, ids: list[str]) -> Response:
    job = await uploads_of(app).start(scope, upload)
    accepted = UploadAccepted(job=job.id, collection=scope.collection, ids=ids)
    headers = {"Location": f"/api/jobs/{job.id}"}
    return Response(accepted.model_dump_json(), 202, headers, media_type=JSON)


def _ingest(app: App, scope: Scope, upload: Upload, ids: list[str]) -> Work:
    async def work(progress: Callable[[Progress], None]) -> IngestReport:
        report = await app.ingest.run(scope, [upload], progress=progress)
        _raise_if_nothing_kept(report)
        return IngestReport.of(report, ids)

    return work


def _raise_if_nothing_kept(report: Report) -> None:
    if report.kept or not report.failures:
        return
    first = report.failures[0]
    if first.code == TooLarge.code:
        raise TooLarge(first.message)
    raise Unreadable(first.message, reason=first.code)


def _check_id(document_id: str) -> None:
    try:
        _ID.validate_python(document_id)
    except ValidationError as error:
        raise InvalidInput(
            f"The path ends with the document's id, here {document_id[:MAX_TEXT]!r}: it must be "
            f"printable, 1 to {MAX_TEXT} characters, without spaces around it.",
            param="document_id",
        ) from error


async def _file(request: Request, name: str) -> Blob:
    if not name.strip() or not name.isprintable():
        raise InvalidInput(f"The name {name!r} holds unprintable characters.", param="name")
    content = await request.body()
    if not content:
        raise Unreadable(f"{name!r} is empty.", reason="empty")
    return Blob(content, name, media_type(request) or None)


def _rows(body: bytes) -> tuple[list[str], Blob]:
    """Documents as lines of JSON, which keeps the types of their metadata; and their ids."""
    documents = _read(body)
    ids = [document.id or new_id() for document in documents]
    lines = [
        msgspec.json.encode({**_fields(document), "id": id})
        for id, document in zip(ids, documents, strict=True)
    ]
    return ids, Blob(b"\n".join(lines), ROWS_NAME, ROWS)


def _fields(document: NewDocument) -> dict[str, Any]:
    titled = {} if document.title is None else {"title": document.title}
    return {**document.metadata, **titled, "text": document.text}


def _read(body: bytes) -> list[NewDocument]:
    try:
        raw: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"The body is not valid JSON: {error}.") from error
    many = isinstance(raw, list)
    items = cast(list[object], raw) if many else [raw]
    if not 0 < len(items) <= MAX_DOCUMENTS:
        raise InvalidInput(f"The body has {len(items)} documents; give 1 to {MAX_DOCUMENTS:,}.")
    return [_document(item, f"{at}." if many else "") for at, item in enumerate(items)]


def _document(item: object, prefix: str) -> NewDocument:
    try:
        document = NewDocument.model_validate(item)
    except ValidationError as error:
        problem = error.errors()[0]
        param = prefix + ".".join(map(str, problem["loc"]))
        raise InvalidInput(f"{param or 'The body'}: {problem['msg']}.", param=param) from error
    if taken := sorted(RESERVED & document.metadata.keys()):
        param = f"{prefix}metadata.{taken[0]}"
        raise InvalidInput(f"{param}: the document has this field of its own.", param=param)
    return document
