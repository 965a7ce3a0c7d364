"""Small passages are found and wide ones shown; and what stands before passages when embedded."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.serving import serving

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.errors import ConfigError
from bedplate.ingest.incoming import Upload
from bedplate.ingest.report import Report
from bedplate.rag.retrieve import SearchRequest

FACTS = (
    "The otter sleeps in the reeds by the river.",
    "The heron stands still in shallow water.",
    "The badger digs its sett under the old oak.",
    "The kestrel hovers above the dry meadow.",
    "The newt winters under a rotten log.",
    "The adder basks on the warm south bank.",
)
CHILDREN: dict[str, Any] = {
    "collections.c.chunker.use": "parent_child",
    "collections.c.chunker.size": 100,
}


@asynccontextmanager
async def opened(folder: Path, **more: Any) -> AsyncIterator[App]:
    arguments = {"data.dir": str(folder), "embedder.use": "hashing", **more}
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield app


async def ingest(app: App, texts: Mapping[str, str], collection: str = "c") -> Report:
    blobs = [Upload(Blob(text.encode(), name), DocumentId(name)) for name, text in texts.items()]
    return await app.ingest.run(app.scope(collection), blobs)


async def found(app: App, query: str, **more: Any) -> tuple[Hit, ...]:
    request = replace(SearchRequest(query, limit=3), **more)
    return (await app.search.search(app.scope("c"), request)).hits


def around(number: int, count: int) -> str:
    return " ".join(FACTS[max(0, number - count) : number + count + 1])


async def test_a_sentence_is_found_and_its_neighbours_are_shown_with_it(tmp_path: Path) -> None:
    options = {"collections.c.chunker.use": "sentence_window", "collections.c.chunker.window": 1}
    async with opened(tmp_path, **options, **{"collections.c.chunker.shortest": 0}) as app:
        await ingest(app, {"animals.txt": " ".join(FACTS)})
        [small, *_] = await found(app, "badger sett")
        wide = await found(app, "badger sett", wide=True)
        assert small.text.strip() == FACTS[2]
        assert (wide[0].text.strip(), wide[0].chunk_id) == (around(2, 1), small.chunk_id)
        assert wide[0].end - wide[0].start == len(wide[0].text)


async def test_a_parent_is_shown_once_however_many_of_its_children_are_found(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, **CHILDREN) as app:
        texts = {f"{n}.txt": " ".join(FACTS) + f" This is pond {n}." for n in range(4)}
        await ingest(app, texts)
        small = await found(app, "the heron the otter the badger", limit=4)
        wide = await found(app, "the heron the otter the badger", limit=4, wide=True)
        page = await found(app, "the heron the otter the badger", limit=2, offset=2, wide=True)
        assert max(len(hit.text) for hit in small) <= 120
        assert sorted(hit.text for hit in wide) == sorted(texts.values())
        assert page == wide[2:]


async def test_an_answer_reads_the_parent_and_cites_the_child(tmp_path: Path) -> None:
    async with opened(tmp_path, **CHILDREN) as app:
        await ingest(app, {"animals.txt": " ".join(FACTS)})
        gathered = await app.ask.gather(app.question("c", "Where does the newt winter?"))
        assert [passage.hit.text for passage in gathered.passages] == [" ".join(FACTS)]
        answer = await app.ask.answer(app.question("c", "Where does the newt winter?"))
        assert "rotten log" in answer.text
        [citation, *_] = answer.citations
        assert citation.document_id == "animals.txt"


async def test_where_no_chunk_has_a_window_a_wide_search_is_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await ingest(app, {f"{n}.txt": fact for n, fact in enumerate(FACTS)})
        assert await found(app, "oak meadow", wide=True) == await found(app, "oak meadow")


async def test_windows_outlive_a_snapshot_and_a_rescrub(tmp_path: Path) -> None:
    text = " ".join(FACTS) + " Ask jo@example.com about it."
    async with opened(tmp_path, **CHILDREN, **{"guards.pii": False}) as app:
        await ingest(app, {"animals.txt": text})
        await app.reindex.run(app.scope("c"), embed=True)
        [hit] = await found(app, "kestrel", wide=True)
        assert hit.text == text
    async with opened(tmp_path, **CHILDREN) as app:
        assert (await app.rescrub.run(app.scope("c"))).changed == 2
        [hit] = await found(app, "kestrel", wide=True)
        assert hit.text == text.replace("jo@example.com", "[EMAIL]")
        assert hit.end - hit.start == len(hit.text)


async def test_wide_is_asked_for_over_http(tmp_path: Path) -> None:
    async with serving(tmp_path, **CHILDREN) as served:
        sent = {"id": "a", "title": "Animals", "text": " ".join(FACTS)}
        await served.post("/api/collections/c/documents", sent)
        body = {"collection": "c", "query": "kestrel", "limit": 1}
        small = (await served.post("/api/search", body)).json["hits"]
        wide = (await served.post("/api/search", {**body, "wide": True})).json["hits"]
    assert FACTS[3] in small[0]["text"]
    assert len(small[0]["text"]) <= 120
    assert wide[0]["text"] == " ".join(FACTS)


@pytest.mark.parametrize(
    ("header", "by_title", "by_heading"),
    [
        ("full", True, True),
        ("title", True, False),
        ("headings", False, True),
        ("none", False, False),
    ],
)
async def test_a_header_is_embedded_as_the_collection_has_it(
    tmp_path: Path, header: str, by_title: bool, by_heading: bool
) -> None:
    texts = {"zebra.md": "# Hooves\n\nIt grazes.", "other.md": "# Feathers\n\nIt flies."}
    async with opened(tmp_path, **{"collections.c.chunk_header": header}) as app:
        titled = [
            Upload(Blob(f"---\ntitle: {name[:5]}\n---\n{text}".encode(), name))
            for name, text in texts.items()
        ]
        await app.ingest.run(app.scope("c"), titled)
        # Words of the heading stand in the text of its first passage: they are taken away here.
        index = (await app.catalog.collections.get(app.scope("c"))).index
        entries = await app.catalog.index.entries(index, [DocumentId("zebra.md")])
        [chunk] = entries[0].chunks
        text = [entries[0].document.title] * by_title + [chunk.heading or ""] * by_heading
        [expected] = await app.embedder.embed(["\n".join([*text, chunk.text])])
        assert entries[0].vectors[0] @ expected > 0.999


async def test_another_header_makes_documents_changed_and_a_reindex_uses_it(tmp_path: Path) -> None:
    texts = {"zebra.txt": "It grazes."}
    titled = {"collections.c.chunk_header": "full"}
    async with opened(tmp_path, **titled) as app:
        assert (await ingest(app, texts)).added == 1
        assert (await ingest(app, texts)).unchanged == 1
    async with opened(tmp_path) as app:
        assert (await ingest(app, texts)).unchanged == 1
    async with opened(tmp_path, **{"ingest.chunk_header": "none"}) as app:
        await app.reindex.run(app.scope("c"), embed=True, keep=False)
        index = (await app.catalog.collections.get(app.scope("c"))).index
        [entry] = await app.catalog.index.entries(index, [DocumentId("zebra.txt")])
        [bare] = await app.embedder.embed(["It grazes."])
        assert entry.vectors[0] @ bare > 0.999
        assert (await ingest(app, texts)).updated == 1


async def test_an_unknown_header_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chunk_header"):
        async with opened(tmp_path, **{"collections.c.chunk_header": "titel"}):
            pass
