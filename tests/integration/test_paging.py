"""Pages of a search are parts of one order."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.retrieval import Mode, Sort
from bedplate.errors import InvalidInput
from bedplate.ingest.incoming import Upload
from bedplate.rag.find import find
from bedplate.rag.retrieve import SearchRequest

MOST = 60
COLOURS = ("red", "blue", "green", "black")


class Shop:
    """A server's flows on a loop of their own, since hypothesis has none."""

    def __init__(self, app: App, runner: asyncio.Runner) -> None:
        self.app = app
        self.runner = runner
        self.search = app.search

    def ids(self, request: SearchRequest) -> list[str]:
        found = self.runner.run(self.search.search(self.app.scope("shop"), request))
        return [hit.chunk_id for hit in found.hits]


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """Small steps, so that most pages take several; the graph of sqlite is only nearly exact."""
    store = {"memory": {}, "sqlite": {"store.exact_rows": 8}}[request.param]
    arguments = {
        "data.dir": str(tmp_path_factory.mktemp("shop")),
        "embedder.use": "hashing",
        "store.use": request.param,
        "reranker.use": "terms",
        "search.rerank_top": 6,
        "search.candidates": 8,
        "search.max_limit": MOST,
        **store,
    }

    async def opened(stack: AsyncExitStack) -> App:
        config = load_config(environment={}, arguments=arguments).config
        app = await stack.enter_async_context(open_app(config))
        uploads = [
            Upload(
                Blob(f"A {COLOURS[n % 4]} coat, size {n % 9}, for {'rain ' * (n % 5)}".encode(),
                     f"{n:03}.txt"),
                metadata={"price": n % 7, "date": f"20{10 + n % 13}-01-01", "n": n},
            )
            for n in range(100)
        ]  # fmt: skip
        await app.ingest.run(app.scope("shop"), uploads)
        return app

    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        yield Shop(runner.run(opened(stack)), runner)
        runner.run(stack.aclose())


REQUESTS = st.one_of(
    st.builds(
        SearchRequest,
        st.sampled_from(
            ["coat", "red rain coat", "the latest green coat", "size 3", "cheapest red coat",
             "coats under 4", "three cheapest coats", "blue coats by price", "nothing"]
        ),
        st.sampled_from(["hybrid", "vector", "keyword"]),
        st.sampled_from([None, "price < 3", 'date > 2015-01-01', "price == 99"]),
        diversity=st.sampled_from([None, 0.5]),
        self_query=st.booleans(),
        by_relevance=st.booleans(),
    ),
    st.builds(
        SearchRequest,
        filter=st.sampled_from(["n >= 0", "price < 3"]),
        sort=st.sampled_from([None, Sort("price"), Sort("price", descending=True), Sort("n")]),
    ),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(REQUESTS, st.lists(st.integers(1, 25), min_size=1, max_size=6))
def test_pages_join_to_what_one_larger_page_gives(
    shop: Shop, request_: SearchRequest, sizes: list[int]
) -> None:
    while sum(sizes) > MOST:
        sizes.pop()
    whole = shop.ids(replace(request_, limit=sum(sizes)))
    pages: list[str] = []
    offset = 0
    for size in sizes:
        page = shop.ids(replace(request_, limit=size, offset=offset))
        assert len(page) <= size
        pages += page
        offset += size
    assert pages == whole
    assert len(set(pages)) == len(pages)


@pytest.mark.parametrize("mode", ["hybrid", "vector"])
def test_pages_reach_beyond_the_candidates(shop: Shop, mode: Mode) -> None:
    request = SearchRequest("red coat", mode, limit=20)
    pages = [shop.ids(replace(request, offset=offset)) for offset in (0, 20, 40)]
    assert [len(page) for page in pages] == [20, 20, 20]
    assert len({name for page in pages for name in page}) == MOST


def test_scores_fall_through_a_page_however_it_was_found(shop: Shop) -> None:
    request = SearchRequest("the latest red coat", diversity=0.3, limit=MOST)
    found = shop.runner.run(shop.search.search(shop.app.scope("shop"), request))
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == MOST


def test_a_page_after_the_last_is_empty_and_read_as_the_others_are(shop: Shop) -> None:
    request = SearchRequest("three cheapest coats", self_query=True, limit=3)
    scope = shop.app.scope("shop")
    first = shop.runner.run(shop.search.search(scope, request))
    second = shop.runner.run(shop.search.search(scope, replace(request, offset=3)))
    assert (len(first.hits), second.hits) == (3, ())
    assert first.self_query == second.self_query
    assert second.self_query is not None
    assert second.self_query.applied


def test_pages_of_several_collections_are_parts_of_one_order(shop: Shop) -> None:
    scopes = [shop.app.scope("shop")]
    request = SearchRequest("red coat", limit=12)
    whole = shop.runner.run(find(shop.search, scopes, request)).hits
    page = shop.runner.run(find(shop.search, scopes, replace(request, limit=5, offset=7))).hits
    assert page == whole[7:]


@pytest.mark.parametrize(("offset", "limit"), [(-1, 5), (MOST, 1), (MOST - 4, 5), (10**30, 1)])
@pytest.mark.parametrize("text", ["", "coat", "cheapest coats"])
def test_a_page_out_of_bounds_is_refused(shop: Shop, text: str, offset: int, limit: int) -> None:
    request = SearchRequest(text, filter="n >= 0", limit=limit, offset=offset, self_query=True)
    with pytest.raises(InvalidInput, match=r"both together at most 60") as refused:
        shop.ids(request)
    assert refused.value.param == "offset"
