"""The contract of every store, with the catalog written first as the pipeline does."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.contract.entries import entry, unit
from tests.contract.shelf import SCOPE, Shelf, ids
from tests.contract.shelves import SHELVES

from bedplate.domain.documents import MetadataValue
from bedplate.domain.filters import And, Documents, Not
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.stores import STORES
from bedplate.stores.protocol import StoreQuery
from bedplate.terms import TermVector

OTHER_TENANT = Scope(TenantId("t2"), "notes")
OTHER_COLLECTION = Scope(TenantId("t1"), "letters")


@pytest.fixture(params=SHELVES, ids=lambda shelf: shelf.id)
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with request.param.open(tmp_path) as (catalog, store):
        yield Shelf(catalog, store)


def test_every_store_is_held_to_this_contract() -> None:
    assert {shelf.store for shelf in SHELVES} == set(STORES.names())


async def test_keyword_search_finds_only_chunks_with_a_term(shelf: Shelf) -> None:
    await shelf.put(entry("a", "red boots", "blue hat"), entry("b", "green boots"))
    assert ids(await shelf.find("boot", mode="keyword")) == {"a#0", "b#0"}
    assert ids(await shelf.find("nothing", mode="keyword")) == set()


async def test_both_scores_are_given_for_every_candidate_of_a_hybrid_search(shelf: Shelf) -> None:
    await shelf.put(*[entry(f"d{n}", f"word{n} common") for n in range(30)])
    found = await shelf.find("word7", limit=5)
    assert "d7#0" in ids(found)
    assert len(found.items) >= 5
    assert all(c.cosine is not None and c.bm25 is not None for c in found.items)
    assert {c.chunk_id for c in found.items if c.bm25} == {"d7#0"}


async def test_cosine_is_the_dot_product_with_the_query(shelf: Shelf) -> None:
    await shelf.put(*[entry(f"d{n}", "x", vectors=[unit(n)]) for n in range(20)])
    found = await shelf.find(mode="vector", seed=3, limit=3)
    best = max(found.items, key=lambda c: c.cosine or 0)
    assert best.chunk_id == "d3#0"
    for candidate in found.items:
        n = int(candidate.chunk_id[1:-2])
        assert candidate.cosine == pytest.approx(float(unit(n) @ unit(3)), abs=2e-3)


async def test_bm25_ranks_rare_terms_and_short_texts_higher(shelf: Shelf) -> None:
    await shelf.put(
        entry("a", "rare word"),
        entry("b", "rare word " + "filler " * 30),
        entry("c", "common word"),
        entry("d", "common word again common"),
    )
    scores = {c.chunk_id: c.bm25 or 0 for c in (await shelf.find("rare common", limit=9)).items}
    assert scores["a#0"] > scores["b#0"] > 0
    assert scores["d#0"] > 0


async def test_all_stores_give_the_same_scores(tmp_path: Path) -> None:
    answers: list[dict[str, tuple[float, float]]] = []
    texts = ["rain coat for rain", "umbrella", "rain boots and a hat", "sun hat"]
    for number, each in enumerate(SHELVES):
        async with each.open(tmp_path / str(number)) as (catalog, store):
            shelf = Shelf(catalog, store)
            await shelf.put(*[entry(f"d{n}", text) for n, text in enumerate(texts)])
            found = await shelf.find("rain rain hat")
            answers.append({c.chunk_id: (c.bm25 or 0, c.cosine or 0) for c in found.items})
    for answer in answers[1:]:
        assert answer.keys() == answers[0].keys()
        for chunk, scores in answer.items():
            assert scores == pytest.approx(answers[0][chunk], abs=2e-3)


async def test_a_write_is_seen_by_the_next_search(shelf: Shelf) -> None:
    await shelf.put(entry("a", "first"))
    assert ids(await shelf.find("first", mode="keyword")) == {"a#0"}
    await shelf.put(entry("a", "second", "third"))
    assert ids(await shelf.find("first", mode="keyword")) == set()
    assert ids(await shelf.find("third", mode="keyword")) == {"a#1"}
    await shelf.remove("a")
    assert ids(await shelf.find("second third")) == set()


async def test_many_small_writes_and_removals_leave_exactly_what_remains(shelf: Shelf) -> None:
    for n in range(40):
        await shelf.put(entry(f"d{n}", f"common number{n}"))
        if n % 3 == 0:
            await shelf.remove(f"d{n}")
        await shelf.find("common", mode="keyword")
    left = {f"d{n}#0" for n in range(40) if n % 3}
    assert ids(await shelf.find("common", mode="keyword", limit=100)) == left
    assert ids(await shelf.find(mode="vector", limit=100)) == left


async def test_scopes_are_apart(shelf: Shelf) -> None:
    for scope in (SCOPE, OTHER_TENANT, OTHER_COLLECTION):
        name = f"{scope.tenant}-{scope.collection}"
        await shelf.put(entry(name, "shared secret", metadata={"x": 1}), scope=scope)
    for scope in (SCOPE, OTHER_TENANT, OTHER_COLLECTION):
        name = f"{scope.tenant}-{scope.collection}#0"
        assert ids(await shelf.find("secret", scope=scope, filter={"x": 1})) == {name}
        assert await shelf.catalog.index.scan(scope, filter=None, sort=None, limit=9) == (name,)


async def test_a_scope_without_documents_gives_nothing(shelf: Shelf) -> None:
    await shelf.put(entry("a", "x"))
    await shelf.remove("a")
    assert (await shelf.find("x")).items == ()
    assert await shelf.catalog.index.scan(SCOPE, filter=None, sort=None, limit=5) == ()


METADATA: Mapping[str, Mapping[str, MetadataValue]] = {
    "cheap": {"price": 5, "tags": ["rain", "sale"], "day": "2025-01-05", "ok": True},
    "dear": {"price": 99.5, "tags": ["sun"], "day": "2026-03-01T10:00:00Z", "ok": False},
    "odd": {"price": None, "tags": [], "name": 'O\'Brien "x" 雨'},
    "text": {"price": "on request", "name": "plain"},
}

CASES: list[tuple[object, list[str]]] = [
    ("price < 50", ["cheap"]),
    ("price <= 99.5", ["cheap", "dear"]),
    ("price > 5", ["dear"]),
    ("price == 5", ["cheap"]),
    ("price != 5", ["dear", "odd", "text"]),
    ('price == "on request"', ["text"]),
    ({"price": {"$in": [5, 7]}}, ["cheap"]),
    ({"price": {"$nin": [5, 7]}}, ["dear", "odd", "text"]),
    ({"price": {"$exists": True}}, ["cheap", "dear", "text"]),
    ({"price": {"$exists": False}}, ["odd"]),
    ('tags == "rain"', ["cheap"]),
    ('tags in ("sun", "sale")', ["cheap", "dear"]),
    ('tags != "rain"', ["dear", "odd", "text"]),
    ("ok == true", ["cheap"]),
    ("ok != true", ["dear", "odd", "text"]),
    ("day >= 2026-01-01", ["dear"]),
    ("day < 2026-03-01", ["cheap"]),
    ({"day": "2025-01-05"}, ["cheap"]),
    ({"name": 'O\'Brien "x" 雨'}, ["odd"]),
    ({"$or": [{"price": {"$lt": 10}}, {"ok": False}]}, ["cheap", "dear"]),
    ({"$not": {"price": {"$lt": 10}}}, ["dear", "odd", "text"]),
    ('price < 50 and not tags == "sun"', ["cheap"]),
    ({"$and": [{"price": {"$gte": 5}}, {"price": {"$lt": 50}}]}, ["cheap"]),
]


@pytest.mark.parametrize(("filter", "expected"), CASES, ids=lambda value: str(value)[:40])
async def test_filters_mean_the_same_everywhere(
    shelf: Shelf, filter: object, expected: list[str]
) -> None:
    await shelf.put(*[entry(name, "thing", metadata=data) for name, data in METADATA.items()])
    wanted = {f"{name}#0" for name in expected}
    for mode in ("hybrid", "vector", "keyword"):
        assert ids(await shelf.find("thing", mode=mode, filter=filter)) == wanted
    parsed = await shelf.parsed(filter)
    assert set(await shelf.catalog.index.scan(SCOPE, filter=parsed, sort=None, limit=9)) == wanted


async def test_filters_apply_before_ranking(shelf: Shelf) -> None:
    near = [entry(f"n{n}", "x", vectors=[unit(1)], metadata={"k": 0}) for n in range(50)]
    await shelf.put(*near, entry("far", "x", vectors=[-unit(1)], metadata={"k": 1}))
    assert ids(await shelf.find(mode="vector", limit=3, filter={"k": 1})) == {"far#0"}


async def test_named_documents_are_a_filter(shelf: Shelf) -> None:
    await shelf.put(*[entry(f"d{n}", "x", "y") for n in range(20)])
    named = Documents((DocumentId("d3"), DocumentId("d7"), DocumentId("gone")))
    query = StoreQuery("hybrid", TermVector.of("x"), unit(1), 10, named)
    assert ids(await shelf.store.search(SCOPE, query)) == {"d3#0", "d3#1", "d7#0", "d7#1"}
    query = replace(
        query, filter=And([Not(named), Documents((DocumentId("d1"), DocumentId("d3")))])
    )
    assert ids(await shelf.store.search(SCOPE, query)) == {"d1#0", "d1#1"}


async def test_vectors_are_given_with_the_candidates(shelf: Shelf) -> None:
    await shelf.put(*[entry(f"d{n}", "x", vectors=[unit(n)]) for n in range(20)])
    found = await shelf.find("x", limit=5)
    assert found.vectors is not None
    for candidate, vector in zip(found.items, found.vectors, strict=True):
        n = int(candidate.chunk_id[1:-2])
        assert vector.tolist() == pytest.approx(unit(n).tolist(), abs=1e-3)


async def test_ties_at_the_limit_are_all_candidates(shelf: Shelf) -> None:
    await shelf.put(*[entry(f"d{n}", "same", vectors=[unit(1)]) for n in range(8)])
    assert len((await shelf.find("same", limit=4)).items) == 8


async def test_settling_changes_no_answer(shelf: Shelf) -> None:
    await shelf.put(*[entry(f"d{n}", f"word{n % 7}") for n in range(50)])
    before = await shelf.find("word3", limit=50)
    await shelf.store.settle(SCOPE)
    after = await shelf.find("word3", limit=50)
    assert ids(after) == ids(before)
    scores = {c.chunk_id: (c.bm25, c.cosine) for c in after.items}
    for candidate in before.items:
        expected = (candidate.bm25, candidate.cosine)
        assert scores[candidate.chunk_id] == pytest.approx(expected, abs=2e-3)


async def test_a_dropped_scope_starts_empty_again(shelf: Shelf) -> None:
    await shelf.put(entry("a", "x"))
    await shelf.catalog.collections.drop(SCOPE)
    await shelf.store.drop(SCOPE)
    await shelf.put(entry("b", "x"))
    assert ids(await shelf.find("x")) == {"b#0"}


async def test_writes_after_settling_are_seen_and_removals_too(shelf: Shelf) -> None:
    await shelf.put(*[entry(f"d{n}", f"word{n}") for n in range(60)])
    await shelf.store.settle(SCOPE)
    await shelf.remove(*[f"d{n}" for n in range(30)])
    await shelf.put(entry("d45", "changed"), entry("new", "fresh", vectors=[unit(900)]))
    left = {f"d{n}#0" for n in range(30, 60)} | {"new#0"}
    assert ids(await shelf.find(mode="vector", limit=100)) == left
    assert ids(await shelf.find("word45 changed fresh word3", mode="keyword", limit=100)) == {
        "d45#0",
        "new#0",
    }
    best = await shelf.find(mode="vector", seed=900, limit=1)
    assert ids(best) == {"new#0"}
    await shelf.store.settle(SCOPE)
    assert ids(await shelf.find(mode="vector", limit=100)) == left


async def test_vectors_are_compared_as_they_were_given(shelf: Shelf) -> None:
    vectors = [unit(n) for n in range(200)]
    await shelf.put(*[entry(f"d{n}", "x", vectors=[v]) for n, v in enumerate(vectors)])
    scores = np.stack(vectors) @ unit(500)
    best = {f"d{n}#0" for n in np.argsort(-scores)[:10]}
    assert ids(await shelf.find(mode="vector", seed=500, limit=10)) == best


async def test_a_filter_may_name_more_values_than_sql_binds(shelf: Shelf) -> None:
    await shelf.put(entry("a", "x", metadata={"k": "v7"}), entry("b", "x", metadata={"k": "no"}))
    members = [f"v{n}" for n in range(1000)]
    filter = {"$or": [{"k": {"$in": members}} for _ in range(40)]}
    assert ids(await shelf.find("x", filter=filter)) == {"a#0"}


@pytest.mark.parametrize("said", ["'; DROP TABLE document; --", '" OR 1=1) /*', "x\\') %s {0} $1"])
async def test_what_callers_write_is_data_everywhere(shelf: Shelf, said: str) -> None:
    """As tenant, collection, id, text, name of a field, and value."""
    scope = Scope(TenantId(said), said)
    await shelf.put(
        entry(said, f"{said} boots", metadata={said: said}),
        entry("other", "boots", metadata={said: "x", "k": said}),
        scope=scope,
    )
    await shelf.put(entry("kept", "boots"))
    for filter in ({said: said}, {said: {"$in": [said, "y"]}}, {"k": {"$ne": said}}):
        for mode in ("hybrid", "keyword"):
            found = await shelf.find(f"{said} boots", mode=mode, filter=filter, scope=scope)
            assert ids(found) == {f"{said}#0"}
    await shelf.remove(said, scope=scope)
    assert ids(await shelf.find("boots", scope=scope)) == {"other#0"}
    assert ids(await shelf.find("boots")) == {"kept#0"}
