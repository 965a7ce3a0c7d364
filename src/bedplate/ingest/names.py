"""What collections and documents may be called, and what versions of a collection are called.

No user can give the names of versions: they hold a "/".
"""

from collections.abc import Mapping, Set
from contextlib import suppress
from datetime import UTC, datetime

from bedplate.domain.documents import Document, Failure
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Collection, Scope
from bedplate.errors import Conflict, InvalidInput, NotFound
from bedplate.state.protocol import Catalog

MAX_NAME = 200
MAX_ID = 1024
GOOD_ID = f"1 to {MAX_ID} printable characters"
NEXT, COPY, OLD = "/next", "/copy", "/old"
"""An index being built, a snapshot being copied, and a former index about to be dropped."""


def check_name(name: str, what: str, param: str) -> None:
    """InvalidInput for a name that does not fit into one segment of a path."""
    if not name.strip() or len(name) > MAX_NAME or "/" in name or not name.isprintable():
        raise InvalidInput(
            f"A {what} cannot be called {name[:MAX_NAME]!r}: give 1 to {MAX_NAME} printable "
            "characters without '/'.",
            param=param,
        )


def is_good_id(document_id: DocumentId) -> bool:
    return 0 < len(document_id) <= MAX_ID and document_id.isprintable()


def version_of(scope: Scope, name: str) -> Scope:
    return Scope(scope.tenant, f"{scope.collection}/{name}")


def collection_of(name: str) -> str:
    """The collection that a version of this name is one of; a collection's own name otherwise."""
    return name.partition("/")[0]


def automatic_name(reason: str) -> str:
    """A snapshot's name that nobody chose: the reason and the time."""
    return f"before-{reason}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"


async def unfinished(catalog: Catalog, scope: Scope) -> list[Collection]:
    """What work under way, or cut off, has left."""
    found: list[Collection] = []
    for name in (NEXT, COPY, OLD):
        with suppress(NotFound):
            found.append(await catalog.collections.get(version_of(scope, name)))
    return found


async def check_room(catalog: Catalog, scope: Scope, most: int) -> None:
    """Conflict when no further snapshot may be kept."""
    kept = await catalog.versions.list(scope)
    if len(kept) >= most:
        names = ", ".join(version.name for version in kept)
        raise Conflict(
            f"Collection {scope.collection!r} has {len(kept)} snapshots, and data.max_snapshots is "
            f"{most}: delete one first (`bedplate snapshots delete -c {scope.collection} NAME`). "
            f"There are: {names}."
        )


def problem_of(
    document: Document, seen: Set[DocumentId], taken: Mapping[DocumentId, str]
) -> Failure | None:
    """Why a document cannot be kept under its id; `taken` are ids of other items, with whose."""
    id = document.id
    if not is_good_id(id):
        message = f"{id[:80]!r} is no document id: give {GOOD_ID}."
        return Failure(document.source, "bad_id", message)
    if id in taken:
        message = f"The document {id!r} belongs to another item ({taken[id]})."
        return Failure(document.source, "duplicate_id", message)
    if id in seen:
        message = f"Another document of this run has the id {id!r} already."
        return Failure(document.source, "duplicate_id", message)
    return None
