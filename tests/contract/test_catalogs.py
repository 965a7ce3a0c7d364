"""The contract of every catalog."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import numpy as np
import pytest
from tests.contract.entries import DIMENSIONS, entry
from tests.fixtures.postgres import catalog_database

from bedplate.domain.documents import MetadataValue
from bedplate.domain.filters import Documents, Not
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.reading import Reading
from bedplate.domain.retrieval import Scope, Sort
from bedplate.errors import Conflict, NotFound, StorageError
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog, Difference, Entry, ImageVector
from bedplate.terms import TermVector

SCOPE = Scope(TenantId("t1"), "notes")


@pytest.fixture(params=CATALOGS.names())
async def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalog]:
    with place(request.param, tmp_path) as there:
        async with CATALOGS.load(request.param)(there) as opened:
            yield opened


@contextmanager
def place(name: str, folder: Path) -> Iterator[Path | str]:
    """Where a new catalog of that adapter may live."""
    if name == "postgres":
        with catalog_database() as address:
            yield address
    else:
        yield folder / "catalog.db"


async def create(catalog: Catalog, scope: Scope = SCOPE) -> None:
    await catalog.collections.create(scope, embedder="e", dimensions=DIMENSIONS)


async def listed(catalog: Catalog, scope: Scope = SCOPE) -> list[str]:
    return [d.id async for d in catalog.documents.list(scope, after=None, limit=100)]


async def test_creating_twice_gives_the_same_collection(catalog: Catalog) -> None:
    await create(catalog)
    first = await catalog.collections.get(SCOPE)
    await create(catalog)
    assert await catalog.collections.list(SCOPE.tenant) == (first,)


async def test_another_embedder_is_a_conflict(catalog: Catalog) -> None:
    await create(catalog)
    with pytest.raises(Conflict, match="'e'.*'other'"):
        await catalog.collections.create(SCOPE, embedder="other", dimensions=DIMENSIONS)


async def test_an_unknown_collection_is_named_with_the_nearest_one(catalog: Catalog) -> None:
    await create(catalog)
    with pytest.raises(NotFound, match="'notse'. Did you mean 'notes'"):
        await catalog.collections.get(Scope(SCOPE.tenant, "notse"))


async def test_tenants_do_not_see_each_other(catalog: Catalog) -> None:
    other = Scope(TenantId("t2"), "notes")
    await create(catalog)
    await create(catalog, other)
    await catalog.documents.replace(SCOPE, [entry("a", "mine")])
    assert await listed(catalog) == ["a"]
    assert await listed(catalog, other) == []
    assert await catalog.documents.hits(other, {ChunkId("a#0"): 1.0}) == ()
    assert await catalog.documents.remove(other, [DocumentId("a")]) == 0
    with pytest.raises(NotFound):
        await catalog.documents.get(other, DocumentId("a"))
    await catalog.collections.drop(other)
    assert await listed(catalog) == ["a"]


async def test_replacing_leaves_nothing_of_the_former_version(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(
        SCOPE, [entry("a", "one", "two", metadata={"price": 5, "old": "x"})]
    )
    await catalog.documents.replace(SCOPE, [entry("a", "three", metadata={"price": 7})])
    collection = await catalog.collections.get(SCOPE)
    assert (collection.documents, collection.chunks) == (1, 1)
    assert collection.fields == {"price": frozenset({"number"})}
    hits = await catalog.documents.hits(SCOPE, {ChunkId("a#1"): 2.0, ChunkId("a#0"): 1.0})
    assert [(hit.text, hit.score) for hit in hits] == [("three", 1.0)]


async def test_a_document_that_the_store_was_not_sent_has_no_fingerprint(catalog: Catalog) -> None:
    await create(catalog)
    at = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
    written = [replace(entry(name, "one"), updated_at=at) for name in "ab"]
    await catalog.documents.replace(SCOPE, written, unsent=True)
    ids = [each.document.id for each in written]

    assert await catalog.documents.fingerprints(SCOPE, ids) == {"a": "", "b": ""}
    assert await catalog.amendments.unsent(SCOPE, 9) == ("a", "b")

    earlier = at - timedelta(seconds=1)
    left = await catalog.amendments.sent(SCOPE, {ids[0]: at, ids[1]: earlier})

    assert left == ("b",)
    first = written[0].document.sha256
    assert first
    assert await catalog.documents.fingerprints(SCOPE, ids) == {"a": first, "b": ""}


async def test_hits_carry_position_and_metadata_in_the_order_asked(catalog: Catalog) -> None:
    await create(catalog)
    metadata = {"tags": ["x", "y"], "day": "2026-01-02", "none": None, "größe": 1.5}
    await catalog.documents.replace(SCOPE, [entry("a", "one", "two", metadata=metadata)])
    hits = await catalog.documents.hits(SCOPE, {ChunkId("a#1"): 0.5, ChunkId("a#0"): 0.9})
    assert [hit.chunk_id for hit in hits] == ["a#1", "a#0"]
    assert (hits[0].start, hits[0].end, hits[0].page, hits[0].heading) == (5, 8, 3, "A > B")
    assert hits[0].metadata == metadata
    fields = (await catalog.collections.get(SCOPE)).fields
    assert fields == {
        "tags": frozenset({"string"}),
        "day": frozenset({"date"}),
        "größe": frozenset({"number"}),
    }


def windowed(name: str, *texts: str, windows: Sequence[tuple[int, int] | None]) -> Entry:
    plain = entry(name, *texts)
    chunks = zip(plain.chunks, windows, strict=True)
    return replace(plain, chunks=tuple(replace(chunk, window=its) for chunk, its in chunks))


async def test_a_wide_hit_shows_the_chunks_of_its_window(catalog: Catalog) -> None:
    copy = at("notes//copy")
    await create(catalog)
    await create(catalog, copy)
    kept = windowed("a", "one", "two", "three", "four", windows=[(0, 1), (0, 1), (1, 3), None])
    await catalog.documents.replace(SCOPE, [kept, entry("b", "other")])
    await catalog.versions.copy(SCOPE, copy, [DocumentId("a")])
    [read] = await catalog.index.entries(copy, [DocumentId("a")])
    assert read.chunks == kept.chunks

    asked = {ChunkId(name): 1.0 for name in ("a#2", "a#1", "b#0", "a#3", "gone#0")}
    for scope in (SCOPE, copy):
        wide = await catalog.documents.hits(scope, asked, wide=True)
        plain = await catalog.documents.hits(scope, asked)
        own = [hit for hit in wide if hit.document_id == "a"]
        assert [hit.text for hit in own] == ["two\n\nthree\n\nfour", "one\n\ntwo", "four"]
        assert [(hit.start, hit.end) for hit in own] == [(5, 21), (0, 8), (17, 21)]
        texts = [hit.text for hit in plain if hit.document_id == "a"]
        assert texts == ["three", "two", "four"]
    found = await catalog.documents.hits(SCOPE, asked, wide=True)
    assert [hit.text for hit in found if hit.document_id == "b"] == ["other"]


async def test_chunks_that_overlap_are_shown_once_in_a_window(catalog: Catalog) -> None:
    await create(catalog)
    kept = windowed("a", "one two", "two three", windows=[(0, 1), (0, 1)])
    first, second = kept.chunks
    kept = replace(kept, chunks=(first, replace(second, start=4, end=13)))
    await catalog.documents.replace(SCOPE, [kept])
    [hit] = await catalog.documents.hits(SCOPE, {ChunkId("a#1"): 1.0}, wide=True)
    assert (hit.text, hit.start, hit.end) == ("one two three", 0, 13)


async def test_a_batch_is_kept_whole_or_not_at_all(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(SCOPE, [entry("a", "before")])
    good, bad = entry("a", "after"), entry("b", "one", "two")
    broken = type(bad)(bad.document, bad.chunks, bad.vectors[:1], bad.terms)
    with pytest.raises(ValueError, match="zip"):
        await catalog.documents.replace(SCOPE, [good, broken])
    hits = await catalog.documents.hits(SCOPE, {ChunkId("a#0"): 1.0, ChunkId("b#0"): 1.0})
    assert [hit.text for hit in hits] == ["before"]


async def test_removing_counts_what_was_there(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(SCOPE, [entry("a", "x"), entry("b", "y")])
    assert await catalog.documents.remove(SCOPE, [DocumentId("a"), DocumentId("none")]) == 1
    assert await listed(catalog) == ["b"]


async def test_fingerprints_are_given_for_known_documents_only(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(SCOPE, [entry("a", "x"), entry("b", "y")])
    ids = [DocumentId("a"), DocumentId("c")]
    assert await catalog.documents.fingerprints(SCOPE, ids) == {"a": "sha-a-1"}


async def test_listing_pages_in_order_of_id(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(SCOPE, [entry(name, name) for name in "dbca"])
    pages = [d.id async for d in catalog.documents.list(SCOPE, after=DocumentId("a"), limit=2)]
    assert pages == ["b", "c"]


async def test_odd_names_and_values_come_back_as_they_were(catalog: Catalog) -> None:
    await create(catalog)
    name = "a'b\"c#7 / ü 雨"
    await catalog.documents.replace(SCOPE, [entry(name, "x", metadata={"n": 2**70})])
    hits = await catalog.documents.hits(SCOPE, {ChunkId(f"{name}#0"): 1.0})
    assert hits[0].document_id == name
    assert hits[0].metadata == {"n": 2**70}


async def test_a_document_without_chunks_is_kept(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(SCOPE, [entry("empty")])
    assert (await catalog.documents.get(SCOPE, DocumentId("empty"))).chunks == 0


async def test_facets_count_the_values_of_each_field(catalog: Catalog) -> None:
    await create(catalog)
    await create(catalog, Scope(TenantId("t2"), "notes"))
    rows: list[dict[str, MetadataValue]] = [
        {"tag": ["x", "y"], "n": 1, "ok": True, "day": "2026-01-02", "note": "z" * 101},
        {"tag": ["y"], "n": 2.5, "ok": True, "day": "2026-03-04T05:06:07Z", "none": None},
        {"tag": "w", "n": 7},
    ]
    await catalog.documents.replace(
        SCOPE, [entry(f"d{n}", "text", metadata=row) for n, row in enumerate(rows)]
    )
    facets = await catalog.collections.facets(SCOPE)
    assert (facets.collection, facets.documents) == ("notes", 3)
    found = {(facet.name, facet.kind): facet for facet in facets.fields}
    tag = found["tag", "string"]
    assert list(tag.values.items()) == [("y", 2), ("w", 1), ("x", 1)]
    assert (tag.documents, tag.entries, tag.complete) == (3, 4, True)
    number = found["n", "number"]
    assert (number.low, number.high, number.whole) == (1, 7, False)
    assert found["ok", "boolean"].values == {True: 2}
    assert (found["day", "date"].low, found["day", "date"].high) == (
        "2026-01-02T00:00:00.000000+00:00",
        "2026-03-04T05:06:07.000000+00:00",
    )
    assert found["note", "string"].values == {}
    other = await catalog.collections.facets(Scope(TenantId("t2"), "notes"))
    assert other.fields == ()


async def test_facets_keep_the_most_frequent_values_within_the_limit(catalog: Catalog) -> None:
    await create(catalog)
    tags = [["a", "b"], ["b", "c"], ["b", "c"]]
    await catalog.documents.replace(
        SCOPE, [entry(f"d{n}", "text", metadata={"tag": row}) for n, row in enumerate(tags)]
    )
    (facet,) = (await catalog.collections.facets(SCOPE, limit=2)).fields
    assert (facet.values, facet.complete) == ({"b": 3, "c": 2}, False)


async def test_the_generation_grows_with_every_change(catalog: Catalog) -> None:
    await create(catalog)
    seen = [await catalog.collections.generation(SCOPE)]
    await catalog.documents.replace(SCOPE, [entry("a", "x")])
    seen.append(await catalog.collections.generation(SCOPE))
    await catalog.documents.remove(SCOPE, [DocumentId("a")])
    seen.append(await catalog.collections.generation(SCOPE))
    assert seen == sorted(set(seen))
    assert (await catalog.collections.facets(SCOPE)).generation == seen[-1]
    with pytest.raises(NotFound):
        await catalog.collections.facets(Scope(TenantId("t2"), "notes"))


async def test_sqlite_keeps_everything_over_a_reopen(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "catalog.db"
    for _ in range(2):
        async with CATALOGS.load("sqlite")(path) as catalog:
            await create(catalog)
            await catalog.documents.replace(SCOPE, [entry("a", "x")])
            assert await listed(catalog) == ["a"]


async def test_sqlite_refuses_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError, match="damaged or no database"):
        async with CATALOGS.load("sqlite")(tmp_path / "catalog.db"):
            pass


async def test_sqlite_refuses_a_schema_from_the_future(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "catalog.db"))
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StorageError, match="schema 999.*upgrade"):
        async with CATALOGS.load("sqlite")(tmp_path / "catalog.db"):
            pass


async def test_sqlite_says_when_the_disk_is_full_and_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    async with CATALOGS.load("sqlite")(path) as catalog:
        await create(catalog)
        await catalog.documents.replace(SCOPE, [entry("a", "kept")])
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = connection.pragma("page_count")
    connection.close()
    async with CATALOGS.load("sqlite")(path) as catalog:
        database = catalog.documents._database  # type: ignore[attr-defined]

        def cap(db: apsw.Connection) -> None:
            db.execute(f"PRAGMA max_page_count = {pages + 1}")

        await database.write(cap)
        big = [entry(f"b{n}", "x" * 50_000) for n in range(20)]
        with pytest.raises(StorageError, match="no room left"):
            await catalog.documents.replace(SCOPE, big)
        assert await listed(catalog) == ["a"]
        assert (await catalog.collections.get(SCOPE)).chunks == 1


async def test_scan_sorts_by_a_field_with_missing_values_last(catalog: Catalog) -> None:
    await create(catalog)
    prices = {"a": 3, "b": 1, "c": None, "d": 2, "e": 2}
    rows = [entry(k, "x", "y", metadata={"price": v}) for k, v in prices.items()]
    await catalog.documents.replace(SCOPE, rows)
    scan = catalog.index.scan
    up = await scan(SCOPE, filter=None, sort=Sort("price"), limit=9)
    down = await scan(SCOPE, filter=None, sort=Sort("price", descending=True), limit=2)
    rest = await scan(SCOPE, filter=None, sort=Sort("price"), limit=2, offset=3)
    assert up == ("b#0", "d#0", "e#0", "a#0", "c#0")
    assert down == ("a#0", "d#0")
    assert rest == ("a#0", "c#0")


async def test_scan_selects_named_documents(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(SCOPE, [entry(name, "x") for name in ("a", "b", "ü'\"")])
    wanted = Documents((DocumentId("ü'\""), DocumentId("b"), DocumentId("gone")))
    found = await catalog.index.scan(SCOPE, filter=wanted, sort=None, limit=9)
    assert found == ("b#0", "ü'\"#0")
    found = await catalog.index.scan(SCOPE, filter=Not(wanted), sort=None, limit=9)
    assert found == ("a#0",)


async def test_index_rows_are_what_was_kept(catalog: Catalog) -> None:
    await create(catalog)
    kept = entry("a", "rain coat", "sun")
    await catalog.documents.replace(SCOPE, [kept])
    chunks = [ChunkId("a#1"), ChunkId("a#0"), ChunkId("gone#0")]
    rows = await catalog.index.rows(SCOPE, chunks)
    assert rows.keys() == {"a#0", "a#1"}
    assert rows[ChunkId("a#1")].vector.tolist() == kept.vectors[1].tolist()
    assert rows[ChunkId("a#0")].terms.ids.tolist() == kept.terms[0].ids.tolist()
    assert await catalog.index.rows(Scope(TenantId("t2"), "notes"), chunks) == {}


async def test_token_vectors_are_kept_for_the_chunks_that_have_them(catalog: Catalog) -> None:
    await create(catalog)
    tokens = (np.asarray([[1, -2], [127, 0]], dtype=np.int8), np.zeros((0, 2), dtype=np.int8))
    await catalog.documents.replace(
        SCOPE, [replace(entry("a", "x", "y"), tokens=tokens), entry("b", "z")]
    )
    found = await catalog.index.tokens(SCOPE, [ChunkId(name) for name in ("a#0", "a#1", "b#0")])
    assert {name: matrix.tolist() for name, matrix in found.items()} == {
        "a#0": [[1, -2], [127, 0]],
        "a#1": [],
    }
    assert found[ChunkId("a#1")].shape == (0, 2)
    await catalog.documents.replace(SCOPE, [entry("a", "x")])
    assert await catalog.index.tokens(SCOPE, [ChunkId("a#0")]) == {}


async def test_terms_are_counted_as_documents_come_change_and_go(catalog: Catalog) -> None:
    await create(catalog)
    other = Scope(TenantId("t2"), "notes")
    await create(catalog, other)
    terms = TermVector.of("rain coat snow")
    names = {TermVector.of(name).ids[0]: name for name in ("rain", "coat", "snow")}

    async def counted(scope: Scope = SCOPE) -> tuple[dict[str, int], int, int]:
        found = await catalog.index.statistics(scope, terms)
        pairs = zip((names[term] for term in terms.ids), found.frequencies.tolist(), strict=True)
        return dict(pairs), found.chunks, found.length

    await catalog.documents.replace(
        SCOPE, [entry("a", "rain rain coat", "rain"), entry("b", "coat")]
    )
    await catalog.documents.replace(other, [entry("a", "snow")])
    assert await counted() == ({"rain": 2, "coat": 2, "snow": 0}, 3, 5)
    await catalog.documents.replace(SCOPE, [entry("a", "snow")])
    assert await counted() == ({"rain": 0, "coat": 1, "snow": 1}, 2, 2)
    await catalog.documents.remove(SCOPE, [DocumentId("b")])
    assert await counted() == ({"rain": 0, "coat": 0, "snow": 1}, 1, 1)
    await catalog.collections.drop(SCOPE)
    assert await counted() == ({"rain": 0, "coat": 0, "snow": 0}, 0, 0)
    assert await counted(other) == ({"rain": 0, "coat": 0, "snow": 1}, 1, 1)


async def test_terms_of_an_older_catalog_are_counted_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    async with CATALOGS.load("sqlite")(path) as catalog:
        await create(catalog)
        await catalog.documents.replace(SCOPE, [entry("a", "rain rain", "rain coat")])
    older = apsw.Connection(str(path))
    older.execute(
        "DROP TABLE push; DROP TABLE push_content; DROP TABLE push_source;"
        "DROP TABLE original; DROP TABLE original_use;"
        "DROP TABLE unsent; DROP TABLE redaction; DROP TABLE quality;"
        "DROP TABLE reading; DROP TABLE quarantine; DROP TABLE band; DROP TABLE profile; DROP TABLE source; DROP TABLE source_item; DROP TABLE source_document; DROP TABLE source_sync;"
        "DROP TABLE image; DROP TABLE term; DROP TABLE token; ALTER TABLE collection DROP COLUMN length;"
        "DROP TABLE placement; DROP INDEX collection_key; DROP INDEX collection_former_key;"
        "ALTER TABLE collection DROP COLUMN key; ALTER TABLE collection DROP COLUMN former_key;"
        "ALTER TABLE chunk DROP COLUMN window_first; ALTER TABLE chunk DROP COLUMN window_last;"
        "PRAGMA user_version = 2"
    )
    older.close()
    async with CATALOGS.load("sqlite")(path) as catalog:
        found = await catalog.index.statistics(SCOPE, TermVector.of("rain"))
        assert (found.chunks, found.length, found.frequencies.tolist()) == (2, 4, [2])


def at(name: str, tenant: str = "t1") -> Scope:
    return Scope(TenantId(tenant), name)


async def test_a_collection_is_found_by_its_key_whatever_its_name(catalog: Catalog) -> None:
    await create(catalog)
    await create(catalog, at("notes//next"))
    await catalog.documents.replace(SCOPE, [entry("a", "former rain")])
    former = await catalog.collections.get(SCOPE)
    assert "/" in former.key
    await catalog.versions.rename(SCOPE.tenant, {"notes": "notes/old", "notes//next": "notes"})
    assert await listed(catalog) == []
    assert await listed(catalog, former.index) == ["a"]
    assert (await catalog.collections.get(former.index)).name == "notes/old"
    assert await catalog.index.scan(former.index, filter=None, sort=None, limit=9) == ("a#0",)
    rain = TermVector.of("rain")
    assert (await catalog.index.statistics(former.index, rain)).frequencies.tolist() == [1]
    assert (await catalog.index.statistics(SCOPE, rain)).frequencies.tolist() == [0]


async def test_a_write_by_key_is_refused_once_the_name_went_to_another(catalog: Catalog) -> None:
    await create(catalog)
    await create(catalog, at("notes//next"))
    former = (await catalog.collections.get(SCOPE)).index
    await catalog.documents.replace(former, [entry("a", "x")])
    await catalog.versions.rename(SCOPE.tenant, {"notes": "notes/old", "notes//next": "notes"})
    with pytest.raises(Conflict, match="'notes' got another index"):
        await catalog.documents.replace(former, [entry("b", "y")])
    with pytest.raises(Conflict, match="try again"):
        await catalog.documents.remove(former, [DocumentId("a")])
    assert await listed(catalog, at("notes/old")) == ["a"]


async def test_versions_are_not_listed_and_go_with_their_collection(catalog: Catalog) -> None:
    for scope in (SCOPE, at("notes/one"), at("notes//next"), at("notes2/one"), at("note")):
        await create(catalog, scope)
    assert [c.name for c in await catalog.collections.list(SCOPE.tenant)] == ["note", "notes"]
    assert [version.name for version in await catalog.versions.list(SCOPE)] == ["one"]
    with pytest.raises(NotFound, match="Known: note, notes"):
        await catalog.collections.get(at("zzz"))
    await catalog.collections.drop(SCOPE)
    for gone in ("notes", "notes/one", "notes//next"):
        with pytest.raises(NotFound):
            await catalog.collections.get(at(gone))
    await catalog.collections.get(at("notes2/one"))


async def test_entries_are_read_back_as_they_were_kept(catalog: Catalog) -> None:
    await create(catalog)
    kept = entry("a", "rain coat", "sun", metadata={"tags": ["x"], "n": 1})
    await catalog.documents.replace(SCOPE, [kept, entry("empty")])
    names = [DocumentId(name) for name in ("empty", "gone", "a")]
    empty, read = await catalog.index.entries(SCOPE, names)
    assert (empty.document.id, empty.chunks, empty.vectors.shape) == ("empty", (), (0, DIMENSIONS))
    assert read.document == replace(kept.document, blocks=())
    assert read.chunks == kept.chunks
    assert read.vectors.tolist() == kept.vectors.tolist()
    assert [t.to_bytes() for t in read.terms] == [t.to_bytes() for t in kept.terms]
    stored = await catalog.documents.get(SCOPE, DocumentId("a"))
    assert read.updated_at == stored.updated_at
    await catalog.documents.replace(SCOPE, [read])
    assert await catalog.documents.get(SCOPE, DocumentId("a")) == stored


async def test_a_copy_holds_all_that_the_original_has(catalog: Catalog) -> None:
    copy = at("notes//copy")
    await create(catalog)
    await create(catalog, copy)
    tokens = (np.asarray([[1, -2]], dtype=np.int8), np.zeros((0, 2), dtype=np.int8))
    first = replace(entry("a", "rain", "sun", metadata={"price": 5}), tokens=tokens)
    await catalog.documents.replace(SCOPE, [first, entry("b", "snow")])
    await catalog.documents.replace(copy, [entry("a", "old"), entry("c", "too many")])
    ids = [DocumentId(name) for name in ("a", "b", "gone")]
    assert await catalog.versions.difference(SCOPE, copy, 9) == Difference({"a": 2, "b": 1}, ("c",))  # type: ignore[dict-item,arg-type]
    await catalog.versions.copy(SCOPE, copy, ids)
    await catalog.documents.remove(copy, [DocumentId("c")])
    assert not await catalog.versions.difference(SCOPE, copy, 9)
    one, two = await catalog.collections.get(SCOPE), await catalog.collections.get(copy)
    assert (one.documents, one.chunks, one.fields) == (two.documents, two.chunks, two.fields)
    chunks = [ChunkId(name) for name in ("a#0", "a#1", "b#0")]
    for scope in (SCOPE, copy):
        found = await catalog.index.tokens(scope, chunks)
        assert {name: m.tolist() for name, m in found.items()} == {"a#0": [[1, -2]], "a#1": []}
        assert (await catalog.index.rows(scope, chunks)).keys() == set(chunks)
        counted = await catalog.index.statistics(scope, TermVector.of("rain old"))
        assert (sorted(counted.frequencies.tolist()), counted.length) == ([0, 1], 3)
        assert [d.id async for d in catalog.documents.list(scope, after=None, limit=9)] == [
            "a",
            "b",
        ]
    await catalog.documents.remove(SCOPE, ids)
    assert await listed(catalog, copy) == ["a", "b"]


async def test_names_are_swapped_only_if_both_hold_the_same_documents(catalog: Catalog) -> None:
    later = at("notes//next")
    await create(catalog)
    await create(catalog, later)
    await catalog.documents.replace(SCOPE, [entry("a", "x")])
    swap = {"notes": "notes/old", "notes//next": "notes"}
    assert not await catalog.versions.rename(SCOPE.tenant, swap, alike=(SCOPE, later))
    assert await listed(catalog) == ["a"]
    await catalog.versions.copy(SCOPE, later, [DocumentId("a")])
    assert await catalog.versions.rename(SCOPE.tenant, swap, alike=(SCOPE, later))
    [version] = await catalog.versions.list(SCOPE)
    assert (version.name, version.collection.chunks, version.bytes > 0) == ("old", 1, True)
    back = {"notes": "notes/new", "notes/old": "notes"}
    assert await catalog.versions.rename(SCOPE.tenant, back)
    with pytest.raises(Conflict, match="'notes/new' already"):
        await catalog.versions.rename(SCOPE.tenant, {"notes": "notes/new"})
    assert await listed(catalog) == ["a"]


async def test_versions_of_tenants_are_apart(catalog: Catalog) -> None:
    for tenant in ("t1", "t2"):
        await create(catalog, at("notes", tenant))
        await create(catalog, at("notes/one", tenant))
    mine = await catalog.collections.get(at("notes"))
    with pytest.raises(NotFound):
        await catalog.collections.get(Scope(TenantId("t2"), mine.key))
    await catalog.collections.drop(at("notes"))
    assert [v.name for v in await catalog.versions.list(at("notes", "t2"))] == ["one"]


async def test_placements_say_what_a_store_still_needs(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(SCOPE, [entry("a", "x"), entry("b", "y", "z")])
    entries = await catalog.index.entries(SCOPE, [DocumentId("a"), DocumentId("b")])
    behind = catalog.placements.difference
    assert await behind(SCOPE, "s", 9) == Difference({"a": 1, "b": 2}, ())  # type: ignore[dict-item]
    assert (await behind(SCOPE, "s", 1)).missing == {"a": 1}
    placed = {each.document.id: each.updated_at for each in entries if each.updated_at}
    await catalog.placements.note(SCOPE, "s", placed)
    assert not await behind(SCOPE, "s", 9)
    assert len((await behind(SCOPE, "other", 9)).missing) == 2
    await catalog.documents.replace(SCOPE, [entry("a", "changed")])
    await catalog.documents.remove(SCOPE, [DocumentId("b")])
    assert await behind(SCOPE, "s", 9) == Difference({"a": 1}, ("b",))  # type: ignore[dict-item,arg-type]
    before = await catalog.collections.get(SCOPE)
    assert not await catalog.versions.rekey(SCOPE, "notes/k", store="s")
    assert (await catalog.collections.get(SCOPE)).key == before.key
    [entry_a] = await catalog.index.entries(SCOPE, [DocumentId("a")])
    assert entry_a.updated_at is not None
    await catalog.placements.note(
        SCOPE, "s", {DocumentId("a"): entry_a.updated_at}, [DocumentId("b")]
    )
    assert await catalog.versions.rekey(SCOPE, "notes/k", store="s")
    assert await listed(catalog, before.index) == ["a"]
    assert (await catalog.index.rows(before.index, [ChunkId("a#0")])).keys() == {"a#0"}
    with pytest.raises(Conflict, match="try again"):
        await catalog.documents.replace(before.index, [entry("c", "x")])
    await catalog.placements.forget(SCOPE, "s")
    assert (await behind(SCOPE, "s", 9)).missing == {"a": 1}


async def test_entries_of_a_damaged_document_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    async with CATALOGS.load("sqlite")(path) as catalog:
        await create(catalog)
        await catalog.documents.replace(SCOPE, [entry("a", "x", "y")])
        connection = apsw.Connection(str(path))
        connection.execute("DELETE FROM vector WHERE ordinal = 1")
        connection.close()
        with pytest.raises(StorageError, match="'a' has 2 passages.*of 1"):
            await catalog.index.entries(SCOPE, [DocumentId("a")])


def with_image(name: str, embedder: str, *numbers: float) -> Entry:
    vector = np.asarray(numbers, dtype=np.float32)
    return replace(entry(name, f"picture {name}"), image=ImageVector(embedder, vector))


async def test_image_vectors_are_read_by_their_embedder(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(
        SCOPE,
        [
            with_image("b", "clip", 0.0, 1.0),
            with_image("a", "clip", 1.0, 0.0),
            with_image("c", "siglip", 0.6, 0.8, 0.0),
            entry("d", "no picture"),
        ],
    )
    found = await catalog.index.images(SCOPE, "clip", 10)
    assert found.documents == ("a", "b")
    assert found.vectors.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert (await catalog.index.images(SCOPE, "clip", 1)).documents == ("a",)
    assert (await catalog.index.images(SCOPE, "siglip", 10)).vectors.shape == (1, 3)
    assert (await catalog.index.images(SCOPE, "other", 10)).documents == ()
    assert (await catalog.index.images(Scope(TenantId("t2"), "notes"), "clip", 10)).documents == ()


async def test_an_image_vector_goes_with_its_document(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(
        SCOPE, [with_image(name, "clip", 1.0, 0.0) for name in ("a", "b", "c")]
    )
    await catalog.documents.replace(SCOPE, [entry("a", "no picture now")])
    await catalog.documents.remove(SCOPE, [DocumentId("b")])
    assert (await catalog.index.images(SCOPE, "clip", 10)).documents == ("c",)
    await catalog.collections.drop(SCOPE)
    await create(catalog)
    assert (await catalog.index.images(SCOPE, "clip", 10)).documents == ()


async def test_entries_bring_their_image_vector(catalog: Catalog) -> None:
    await create(catalog)
    await catalog.documents.replace(SCOPE, [with_image("a", "clip", 0.6, 0.8), entry("b", "text")])
    shown, plain = await catalog.index.entries(SCOPE, [DocumentId("a"), DocumentId("b")])
    assert plain.image is None
    assert shown.image is not None
    assert shown.image.embedder == "clip"
    assert shown.image.vector == pytest.approx([0.6, 0.8], abs=1e-3)


async def test_a_copied_document_keeps_its_image_vector(catalog: Catalog) -> None:
    await create(catalog)
    other = Scope(SCOPE.tenant, "notes/kept")
    await create(catalog, other)
    await catalog.documents.replace(SCOPE, [with_image("a", "clip", 1.0, 0.0)])
    await catalog.versions.copy(SCOPE, other, [DocumentId("a")])
    assert (await catalog.index.images(other, "clip", 10)).documents == ("a",)


async def test_a_collection_keeps_its_age_and_what_it_was_is_made_when_it_is_put_aside(
    catalog: Catalog,
) -> None:
    await create(catalog)
    born = (await catalog.collections.get(SCOPE)).created_at
    await create(catalog, at("notes/first"))
    await create(catalog, at("notes//next"))
    before = datetime.now(UTC)
    await catalog.versions.rename(SCOPE.tenant, {"notes": "notes/old", "notes//next": "notes"})
    assert (await catalog.collections.get(SCOPE)).created_at == born
    first, old = await catalog.versions.list(SCOPE)
    assert (first.name, old.name) == ("first", "old")
    assert first.collection.created_at < before <= old.collection.created_at


async def test_what_a_slow_reading_gave_is_kept_by_collection_and_blob(catalog: Catalog) -> None:
    first = Reading("d1", {DocumentId("a"): "s1", DocumentId("b"): "s2"}, ("No text on page 2.",))
    await catalog.readings.put(SCOPE, "a.pdf", first)
    await catalog.readings.put(at("notes", "t2"), "a.pdf", Reading("other", {}))
    assert await catalog.readings.get(SCOPE, "a.pdf") == first
    assert await catalog.readings.get(SCOPE, "b.pdf") is None
    later = Reading("d2", {DocumentId("a"): "s3"})
    await catalog.readings.put(SCOPE, "a.pdf", later)
    assert await catalog.readings.get(SCOPE, "a.pdf") == later
    await catalog.readings.clear(SCOPE)
    assert await catalog.readings.get(SCOPE, "a.pdf") is None
    assert await catalog.readings.get(at("notes", "t2"), "a.pdf") == Reading("other", {})
    await catalog.readings.clear(at("notes", "t2"))
