"""The contract of every catalog's originals."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.test_catalogs import SCOPE, create, entry, place

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.originals import Original
from bedplate.domain.retrieval import Scope
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog

A, B = DocumentId("a"), DocumentId("b")
ROOM = 1_000


@pytest.fixture(params=CATALOGS.names())
async def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalog]:
    with place(request.param, tmp_path) as there:
        async with CATALOGS.load(request.param)(there) as opened:
            yield opened
            # The PostgreSQL database is used again.
            await opened.originals.clear(SCOPE)


def original(
    id: DocumentId = A, fingerprint: str = "1", content: bytes = b"%PDF\0\xff"
) -> Original:
    return Original(id, fingerprint, f"dir/{id}.pdf", "application/pdf", 7, content, sealed=False)


async def put(catalog: Catalog, *originals: Original, scope: Scope = SCOPE) -> list[bool]:
    return [await catalog.originals.put(scope, each, max_bytes=ROOM) for each in originals]


async def test_an_original_comes_back_by_its_version(catalog: Catalog) -> None:
    assert await put(catalog, original(), original(B, "2")) == [True, True]
    assert await catalog.originals.get(SCOPE, A, "1") == original()
    assert await catalog.originals.get(SCOPE, A, "2") is None
    other = Scope(TenantId("t9"), SCOPE.collection)
    assert await catalog.originals.get(other, A, "1") is None
    await catalog.originals.clear(other)
    await catalog.originals.remove(other, [A])
    assert await catalog.originals.get(SCOPE, A, "1") is not None


async def test_other_versions_are_forgotten_once_one_is_kept(catalog: Catalog) -> None:
    await put(catalog, original(), original(A, "2", b"new"), original(B, "1"))
    await catalog.originals.settle(SCOPE, {A: "2"})
    found = [await catalog.originals.get(SCOPE, A, each) for each in ("1", "2")]
    assert [each and each.content for each in found] == [None, b"new"]
    assert await catalog.originals.get(SCOPE, B, "1") is not None
    await catalog.originals.remove(SCOPE, [A, B])
    assert await catalog.originals.used(SCOPE.tenant) == 0


async def test_a_tenant_s_originals_stay_within_their_bytes(catalog: Catalog) -> None:
    assert await put(catalog, original(content=b"x" * 600)) == [True]
    assert await put(catalog, original(B, content=b"x" * 401)) == [False]
    # One that is put again takes its own place.
    assert await put(catalog, original(content=b"x" * 500)) == [True]
    assert await put(catalog, original(B, content=b"x" * 500)) == [True]
    assert await catalog.originals.used(SCOPE.tenant) == ROOM
    await catalog.originals.clear(SCOPE)
    assert await catalog.originals.used(SCOPE.tenant) == 0


async def test_what_has_no_document_is_swept_when_it_is_old_enough(catalog: Catalog) -> None:
    await create(catalog)
    kept = entry("a", "one")
    await catalog.documents.replace(SCOPE, [kept])
    await put(catalog, original(A, kept.document.sha256), original(A, "former"), original(B))
    assert await catalog.originals.sweep(older_seconds=3_600) == 0
    assert await catalog.originals.sweep(older_seconds=-1) == 2
    assert await catalog.originals.get(SCOPE, A, kept.document.sha256) is not None
    assert await catalog.originals.get(SCOPE, A, "former") is None
    assert await catalog.originals.get(SCOPE, B, "1") is None
