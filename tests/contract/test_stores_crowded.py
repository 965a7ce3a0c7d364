"""The contract of every store over two thousand passages: recall, order, and pages.

The vectors come in clusters, as those of texts do, and one collection for each store is made once.
"""

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from tests.contract.entries import entry
from tests.contract.shelf import SCOPE, Shelf, ids
from tests.contract.shelves import AT_LENGTH

from bedplate.domain.retrieval import Mode, Scope, Sort
from bedplate.embedders import EMBEDDERS
from bedplate.embedders.protocol import Matrix
from bedplate.rag.retrieve import Ranking, Retrieve, SearchRequest
from bedplate.rag.scoring import nominate
from bedplate.state.protocol import Catalog
from bedplate.stores.protocol import Store, StoreQuery
from bedplate.terms import TermVector

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 2_000
SAME = 60
"""So many more have one vector and one text."""
DIMENSIONS = 32
CLUSTERS = 40
QUERIES = 15
WORDS = ("rain", "coat", "boots", "umbrella", "hat", "tent", "lamp", "map")


def clustered(count: int, seed: int) -> Matrix:
    """Unit rows around the same centres for every seed."""
    centres = np.random.default_rng(1).standard_normal((CLUSTERS, DIMENSIONS))
    random = np.random.default_rng(seed)
    rows = centres[random.integers(CLUSTERS, size=count)]
    rows = rows + 0.4 * random.standard_normal(rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16).astype(np.float32)


VECTORS = clustered(COUNT, seed=2)
SHARES = np.random.default_rng(3).permutation(COUNT) % 100
"""`share < p` passes p percent, spread over the clusters."""
TWIN = clustered(1, seed=4)[0]


class Crowd(Shelf):
    """With the key that the store knows the collection by, as the search flow asks."""

    def __init__(self, catalog: Catalog, store: Store, index: Scope) -> None:
        super().__init__(catalog, store)
        self.index = index


@pytest_asyncio.fixture(params=AT_LENGTH, scope="module", loop_scope="module")
async def shelf(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Crowd]:
    async with request.param.open(tmp_path_factory.mktemp("crowded")) as (catalog, store):
        collection = await catalog.collections.create(
            SCOPE, embedder=f"hashing-{DIMENSIONS}", dimensions=DIMENSIONS
        )
        entries = [
            entry(
                f"d{n:04}",
                f"{WORDS[n % 8]} {WORDS[n // 8 % 8]} item{n}",
                vectors=[VECTORS[n]],
                metadata={"share": int(SHARES[n]), "price": n % 50},
            )
            for n in range(COUNT)
        ] + [
            entry(f"twin{n:02}", "the same words", vectors=[TWIN], metadata={"twin": True})
            for n in range(SAME)
        ]
        for start in range(0, len(entries), 1_000):
            batch = entries[start : start + 1_000]
            await catalog.documents.replace(collection.index, batch)
            await store.upsert(collection.index, batch)
        await store.settle(collection.index)
        yield Crowd(catalog, store, collection.index)


async def nearest(shelf: Crowd, vector: Matrix, filter: str | None, limit: int = 10) -> list[str]:
    """The best by their exact scores of what the store nominates."""
    found = await shelf.ask(
        StoreQuery("vector", TermVector.of(""), vector, limit),
        await shelf.parsed(filter),
        scope=shelf.index,
    )
    ranked = sorted(found.items, key=lambda item: (-(item.cosine or 0.0), item.chunk_id))
    return [item.chunk_id for item in ranked[:limit]]


@pytest.mark.parametrize("percent", [1, 10, 50, 100])
async def test_the_ten_nearest_are_those_of_an_exact_scan(shelf: Crowd, percent: int) -> None:
    filter = None if percent == 100 else f"share < {percent}"
    passing = np.flatnonzero(percent > SHARES)
    share: list[float] = []
    for query in clustered(QUERIES, seed=5):
        # The tenth best: a tie with it is as good.
        least = np.sort(VECTORS[passing] @ query)[-10] - 1e-4
        found = [int(name[1:5]) for name in await nearest(shelf, query, filter) if name[0] == "d"]
        assert set(found) <= set(passing.tolist())
        share.append(sum(bool(VECTORS[n] @ query >= least) for n in found) / 10)
    assert np.mean(share) >= 0.99


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
async def test_the_same_question_has_the_same_candidates_in_the_same_order(
    shelf: Crowd, mode: Mode
) -> None:
    query = StoreQuery(mode, TermVector.of("rain coat"), clustered(1, seed=6)[0], 20)
    first = await nominate(shelf.catalog.index, shelf.store, shelf.index, query)
    assert len(first.items) >= 20
    for _ in range(3):
        again = await nominate(shelf.catalog.index, shelf.store, shelf.index, query)
        assert again.items == first.items


async def test_of_more_ties_than_are_wanted_the_same_ones_are_given(shelf: Crowd) -> None:
    query = StoreQuery("vector", TermVector.of(""), TWIN, 10)
    first = ids(await shelf.ask(query, None, scope=shelf.index))
    assert 10 <= len(first) <= 20
    assert all(name.startswith("twin") for name in first)
    assert ids(await shelf.ask(query, None, scope=shelf.index)) == first
    if shelf.store.abilities.scores:
        assert first >= {f"twin{n:02}#0" for n in range(10)}


@pytest.mark.parametrize(
    ("mode", "filter"),
    [("hybrid", None), ("hybrid", "share < 10"), ("vector", "share < 10"), ("keyword", None)],
)
async def test_pages_of_a_ranked_search_join_to_one_order(
    shelf: Crowd, mode: Mode, filter: str | None
) -> None:
    """Beyond what the first look at the store brings."""
    async with EMBEDDERS.load("hashing")({"dimensions": DIMENSIONS}) as embedder:
        retrieve = Retrieve(
            shelf.catalog, shelf.store, embedder, ranking=Ranking(candidates=20, max_limit=200)
        )

        async def page(limit: int, offset: int = 0) -> list[str]:
            request = SearchRequest(
                "rain boots", mode, filter=filter, limit=limit, offset=offset, diversity=0.2
            )
            return [hit.chunk_id for hit in (await retrieve.search(SCOPE, request)).hits]

        pages = [name for offset in range(0, 90, 30) for name in await page(30, offset)]
        whole = await page(90)
        assert pages == whole
        assert len(set(whole)) == len(whole)
        assert len(whole) == 90


@pytest.mark.parametrize("sort", [None, Sort("price"), Sort("price", descending=True)])
async def test_pages_of_a_list_join_to_one_order(shelf: Crowd, sort: Sort | None) -> None:
    filter = await shelf.parsed("share < 10")
    scan = shelf.catalog.index.scan
    whole = await scan(SCOPE, filter=filter, sort=sort, limit=250)
    pages = [
        name
        for offset in range(0, 250, 50)
        for name in await scan(SCOPE, filter=filter, sort=sort, limit=50, offset=offset)
    ]
    assert tuple(pages) == whole
    assert set(whole) == {f"d{n:04}#0" for n in np.flatnonzero(SHARES < 10)}


async def test_a_search_for_everything_gives_everything(shelf: Crowd) -> None:
    """As many as the largest page reaches, and all that pass where they are fewer."""
    assert len(await nearest(shelf, TWIN, None, limit=1_000)) == 1_000
    passing = {f"d{n:04}#0" for n in np.flatnonzero(SHARES < 10)}
    assert set(await nearest(shelf, TWIN, "share < 10", limit=1_000)) == passing
    assert await nearest(shelf, TWIN, "share > 99", limit=1_000) == []
