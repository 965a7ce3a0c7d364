"""One question to several collections, and the time it may take."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.fixtures.serving import asked

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.answers import Grounding
from bedplate.domain.chat import ChatRequest
from bedplate.domain.documents import Blob
from bedplate.embedders.protocol import Embedder, Matrix, gives_tokens
from bedplate.errors import NotFound, UpstreamTimeout
from bedplate.ingest.incoming import Upload
from bedplate.judges.protocol import Case, Hearing, Judge
from bedplate.rag.answer import Ask
from bedplate.rag.checks.release import CheckedAnswers
from bedplate.rag.find import find
from bedplate.rag.gather import Gather
from bedplate.rag.interpret import Interpret
from bedplate.rag.retrieve import Ranking, Retrieve, SearchRequest
from bedplate.rag.rewriter import Rewriter


class Counting:
    """Counts what is embedded; `silent` never answers."""

    def __init__(self, embedder: Embedder, *, silent: bool = False) -> None:
        self._embedder = embedder
        self._silent = silent
        self.fingerprint, self.dimensions = embedder.fingerprint, embedder.dimensions
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Matrix:
        self.texts += texts
        if self._silent:
            await asyncio.Event().wait()
        return await self._embedder.embed(texts)


class Sure:
    async def likely(self, request: ChatRequest) -> float:
        return 1.0


class SilentJudge:
    threshold = 0.5

    async def check(self, case: Case, answer: str) -> Grounding:
        await asyncio.Event().wait()
        raise AssertionError("it never ends")

    def hear(self, case: Case) -> Hearing:
        raise AssertionError("it is asked of whole answers")


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[App]:
    arguments = {
        "data.dir": str(folder),
        "embedder.use": "hashing",
        "models.default.use": "scripted",
        "models.default.replies": ["Boots are brown [1]."],
    }
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        for name, text in {"a": "Boots are brown.", "b": "Boots are black."}.items():
            await app.ingest.run(app.scope(name), [Upload(Blob(text.encode(), f"{name}.txt"))])
        yield app


def retrieve(app: App, embedder: Embedder) -> Retrieve:
    return Retrieve(app.catalog, app.store, embedder, ranking=Ranking(max_limit=10))


async def test_collections_are_searched_with_one_embedding_and_take_turns(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        embedder = Counting(app.embedder)
        scopes = [app.scope("b"), app.scope("a")]
        hits = (await find(retrieve(app, embedder), scopes, SearchRequest("boots"))).hits
    assert [hit.source for hit in hits] == ["b.txt", "a.txt"]
    assert embedder.texts == ["boots"]


async def test_a_passage_brings_the_vectors_that_it_was_compared_by(tmp_path: Path) -> None:
    async with open_app(
        load_config(environment={}, arguments={"data.dir": str(tmp_path)}).config
    ) as app:
        scope = app.scope("a")
        await app.ingest.run(scope, [Upload(Blob(b"Boots are brown.", "a.txt"))])
        search = retrieve(app, app.embedder)
        [hit] = (await search.search(scope, SearchRequest("boots"))).hits
        [keyword] = (await search.search(scope, SearchRequest("boots", mode="keyword"))).hits
        kept = hit.indexed
        assert kept is not None
        assert (kept.embedder, kept.text) == (app.embedder.fingerprint, hit.text)
        assert gives_tokens(app.embedder)
        [made] = await app.embedder.embed_late([f"{hit.title}\n{hit.text}"])
        assert kept.tokens == made.tokens.tobytes()
        assert keyword.indexed is None


async def test_a_collection_named_twice_gives_its_passages_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        scopes = [app.scope("a"), app.scope("b"), app.scope("a")]
        hits = (await find(app.search, scopes, SearchRequest("boots"))).hits
    assert [hit.source for hit in hits] == ["a.txt", "b.txt"]


async def test_the_error_of_one_collection_is_the_error_of_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        with pytest.raises(NotFound, match="no collection 'c'"):
            await find(app.search, [app.scope("a"), app.scope("c")], SearchRequest("boots"))


async def test_a_search_past_its_deadline_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        search = retrieve(app, Counting(app.embedder, silent=True))
        request = SearchRequest("boots", deadline=asyncio.get_running_loop().time() + 0.05)
        with pytest.raises(UpstreamTimeout, match="'a' was not searched by the deadline"):
            await search.search(app.scope("a"), request)


def asking(app: App, search: Interpret, judge: Judge) -> Ask:
    checked = CheckedAnswers(app.turn, judge, app.reviews)
    gather = Gather(search, Rewriter(app.turn, seconds=1), answerability=Sure())
    return Ask(app.turn, gather, checked)


async def test_a_question_is_not_searched_for_beyond_its_deadline(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        silent = retrieve(app, Counting(app.embedder, silent=True))
        ask = asking(app, silent, app.safeguards.grounding)
        late = asyncio.get_running_loop().time() + 0.05
        with pytest.raises(UpstreamTimeout, match="not searched by the deadline"):
            await ask.answer(app.question("a", "Which boots?", deadline=late))


async def test_an_answer_is_not_checked_beyond_its_deadline(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        ask = asking(app, app.search, SilentJudge())
        late = asyncio.get_running_loop().time() + 1
        with pytest.raises(UpstreamTimeout, match="not checked against its sources"):
            await ask.answer(app.question("a", "Which boots?", deadline=late))


async def test_an_answer_is_given_no_copies_and_as_many_passages_as_there_are(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as app:
        copies = [Upload(Blob(b"Boots are brown.", f"{n}/a.txt")) for n in range(10)]
        others = [Upload(Blob(f"Boot number {n}.".encode(), f"{n}.txt")) for n in range(12)]
        await app.ingest.run(app.scope("a"), [*copies, *others])
        await app.ask.answer(app.question("a", "Which boots are brown?"))
        [request] = asked(app)
    texts = [passage.hit.text for passage in request.passages]
    assert len(texts) == len(set(texts)) == 8
    assert "Boots are brown." in texts


async def test_diversity_puts_another_subject_before_a_repetition(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        uploads = [
            Upload(Blob(text.encode(), f"{name}.txt"))
            for name, text in {
                "x": "brown boots of leather",
                "y": "brown boots of leather, too",
                "z": "black boots for mountains",
                "w": "the price of hats",
            }.items()
        ]
        await app.ingest.run(app.scope("d"), uploads)
        found: dict[float, list[str]] = {}
        for weight in (0.0, 0.6):
            request = SearchRequest("brown leather boots", diversity=weight)
            hits = (await app.search.search(app.scope("d"), request)).hits
            found[weight] = [hit.document_id[0] for hit in hits]
        default = await retrieve(app, app.embedder).search(
            app.scope("d"), SearchRequest("brown leather boots")
        )
        varied = Retrieve(
            app.catalog,
            app.store,
            app.embedder,
            ranking=Ranking(diversity=0.6, max_limit=10),
        )
        same = await varied.search(app.scope("d"), SearchRequest("brown leather boots"))
    assert [hit.document_id[0] for hit in default.hits] == found[0.0]
    assert [hit.document_id[0] for hit in same.hits] == found[0.6]
    assert set(found[0.0][:2]) == {"x", "y"}
    assert found[0.6][1] in {"z", "w"}
