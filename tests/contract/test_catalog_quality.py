"""The contract of every catalog on quality, and on documents that are changed where they stand."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.entries import DIMENSIONS, entry
from tests.contract.test_catalogs import listed, place

from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.profiles import Profile
from bedplate.domain.quality import Encoding, Quality
from bedplate.domain.retrieval import Scope
from bedplate.errors import Conflict, NotFound
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog, Entry

SCOPE = Scope(TenantId("t1"), "notes")
OTHER = Scope(TenantId("t2"), "notes")
FULL = Quality(
    language="en",
    characters=200,
    blocks=3,
    unreadable=0.01,
    repeated=0.5,
    encoding=Encoding("cp1252", 2, 1),
    warnings=("The encoding was guessed to be cp1252.", "odd: \0 ü"),
    redactions={"EMAIL": 2, "PHONE": 1},
    left_out=40,
)
A, B = DocumentId("a"), DocumentId("b")


@pytest.fixture(params=CATALOGS.names())
async def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalog]:
    with place(request.param, tmp_path) as there:
        async with CATALOGS.load(request.param)(there) as opened:
            for scope in (SCOPE, OTHER):
                await opened.collections.create(scope, embedder="e", dimensions=DIMENSIONS)
            yield opened


def rated(name: str, *texts: str, quality: Quality | None = FULL, text: str = "") -> Entry:
    return replace(entry(name, *texts), quality=quality, profile=Profile(text or name))


async def current(catalog: Catalog, name: str, scope: Scope = SCOPE) -> Entry:
    (found,) = await catalog.index.entries(scope, [DocumentId(name)])
    return found


async def test_quality_is_kept_with_its_document_and_goes_with_it(catalog: Catalog) -> None:
    await catalog.documents.replace(SCOPE, [rated("a", "one"), rated("b", "two", quality=None)])
    assert await catalog.quality.of(SCOPE, [A, B, DocumentId("c")]) == {A: FULL}
    assert await catalog.quality.of(OTHER, [A]) == {}
    assert (await current(catalog, "a")).quality == FULL
    await catalog.documents.replace(SCOPE, [rated("a", "one", quality=Quality())])
    assert await catalog.quality.of(SCOPE, [A]) == {A: Quality()}
    await catalog.documents.remove(SCOPE, [A])
    assert await catalog.quality.of(SCOPE, [A]) == {}


async def test_quality_is_summed(catalog: Catalog) -> None:
    german = Quality(
        "de", 600, 5, 0.0, 0.1, warnings=(), redactions={"EMAIL": 3}, encoding=Encoding("cp1252")
    )
    await catalog.documents.replace(
        SCOPE,
        [
            rated("a", "one", "more", text="same"),
            rated("b", "one", quality=german, text="same"),
            rated("c", "old", quality=None),
            rated("d", "plain", quality=Quality("de", 0, 0, 0.0, 0.0)),
        ],
    )
    found = await catalog.quality.summary(SCOPE)
    assert (found.documents, found.measured, found.chunks, found.characters) == (4, 3, 5, 800)
    assert (found.unreadable, found.repeated, found.left_out) == (0.0025, 0.2, 40)
    assert (found.repaired, found.warned, found.redacted) == (1, 1, 2)
    assert (found.copies, found.exact_copies) == (1, 1)
    assert found.languages == {"de": 2, "en": 1}
    assert found.encodings == {"cp1252": 2}
    assert found.redactions == {"EMAIL": 5, "PHONE": 1}
    assert (await catalog.quality.summary(OTHER)).redactions == {}
    with pytest.raises(NotFound, match="'nothing'"):
        await catalog.quality.summary(Scope(SCOPE.tenant, "nothing"))


async def test_a_copied_document_has_its_quality(catalog: Catalog) -> None:
    await catalog.documents.replace(SCOPE, [rated("a", "one")])
    to = Scope(SCOPE.tenant, "notes/copy")
    await catalog.collections.create(to, embedder="e", dimensions=DIMENSIONS)
    await catalog.versions.copy(SCOPE, to, [A])
    assert await catalog.quality.of(to, [A]) == {A: FULL}
    await catalog.collections.drop(SCOPE)
    assert await catalog.quality.of(to, [A]) == {}


async def test_an_amended_document_is_unsent_until_the_store_has_it(catalog: Catalog) -> None:
    await catalog.documents.replace(SCOPE, [rated("a", "one", "two"), rated("b", "three")])
    before = await current(catalog, "a")
    changed = replace(before, chunks=(replace(before.chunks[0], text="ONE"), before.chunks[1]))
    generation = await catalog.collections.generation(SCOPE)
    assert await catalog.amendments.put(SCOPE, [changed]) == (A,)
    assert await catalog.collections.generation(SCOPE) > generation
    now = await current(catalog, "a")
    assert [chunk.text for chunk in now.chunks] == ["ONE", "two"]
    assert (now.document, now.quality, now.profile) == (
        before.document,
        before.quality,
        before.profile,
    )
    assert now.updated_at is not None
    assert before.updated_at is not None
    assert now.updated_at > before.updated_at
    assert await catalog.amendments.unsent(SCOPE, 10) == (A,)
    assert await catalog.amendments.unsent(OTHER, 10) == ()
    # As of a time that is over: the store has something else.
    assert await catalog.amendments.sent(SCOPE, {A: before.updated_at}) == (A,)
    assert await catalog.amendments.unsent(SCOPE, 10) == (A,)
    assert await catalog.amendments.sent(SCOPE, {A: now.updated_at}) == ()
    assert await catalog.amendments.unsent(SCOPE, 10) == ()
    collection = await catalog.collections.get(SCOPE)
    assert (collection.documents, collection.chunks) == (2, 3)


async def test_a_document_that_changed_meanwhile_is_not_amended(catalog: Catalog) -> None:
    await catalog.documents.replace(SCOPE, [rated("a", "one"), rated("b", "two")])
    before = [await current(catalog, name) for name in ("a", "b")]
    await catalog.documents.replace(SCOPE, [rated("a", "newer")])
    await catalog.documents.remove(SCOPE, [B])
    assert await catalog.amendments.put(SCOPE, before) == ()
    assert await listed(catalog) == ["a"]
    hits = await catalog.documents.hits(SCOPE, {ChunkId("a#0"): 1.0})
    assert [hit.text for hit in hits] == ["newer"]
    assert await catalog.amendments.unsent(SCOPE, 10) == ()


async def test_what_is_replaced_or_deleted_is_no_longer_unsent(catalog: Catalog) -> None:
    await catalog.documents.replace(SCOPE, [rated("a", "one"), rated("b", "two")])
    await catalog.amendments.put(SCOPE, [await current(catalog, "a"), await current(catalog, "b")])
    assert await catalog.amendments.unsent(SCOPE, 1) == (A,)
    sent = (await current(catalog, "b")).updated_at
    await catalog.documents.replace(SCOPE, [rated("a", "newer")])
    await catalog.documents.remove(SCOPE, [B])
    assert await catalog.amendments.unsent(SCOPE, 10) == ()
    assert sent is not None
    assert await catalog.amendments.sent(SCOPE, {B: sent}) == (B,)


async def test_amending_by_a_key_that_lost_its_name_is_a_conflict(catalog: Catalog) -> None:
    await catalog.documents.replace(SCOPE, [rated("a", "one")])
    collection = await catalog.collections.get(SCOPE)
    found = await current(catalog, "a")
    await catalog.versions.rename(SCOPE.tenant, {collection.key: "notes/old"})
    with pytest.raises(Conflict):
        await catalog.amendments.put(collection.index, [found])
    assert await catalog.amendments.put(Scope(SCOPE.tenant, "notes/old"), [found]) == (A,)
