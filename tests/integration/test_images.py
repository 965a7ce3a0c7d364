"""Images by what they show: from the file to the hit, beside documents of words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.serving import serving
from tests.fixtures.tiny_towers import picture, write_towers

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob, MetadataValue
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.errors import ConfigError, TooLarge
from bedplate.ingest.incoming import Upload
from bedplate.ingest.report import Report
from bedplate.rag.find import find
from bedplate.rag.images import RANK_CONSTANT, joined
from bedplate.rag.retrieve import SearchRequest

NEAR = 0.7
"""Below it, a picture of the tiny towers is of another colour."""


@asynccontextmanager
async def opened(folder: Path, **more: Any) -> AsyncIterator[App]:
    arguments = {
        "data.dir": str(folder / "data"),
        "embedder.use": "hashing",
        "image_embedder.use": "fastembed",
        "image_embedder.folder": str(write_towers(folder / "model")),
        "image_embedder.least": NEAR,
        **more,
    }
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield app


def upload(content: bytes, name: str, **metadata: MetadataValue) -> Upload:
    return Upload(Blob(content, name), metadata=metadata)


async def ingest(app: App, *sources: Upload) -> Report:
    return await app.ingest.run(app.scope("shop"), sources)


async def mixed(app: App) -> Report:
    return await ingest(
        app,
        upload(b"The red scarf is sold out.", "scarf.txt", price=10),
        upload(b"Terms of delivery.", "terms.txt", price=0),
        upload(picture(250, 20, 20), "IMG_0017.png", price=30),
        upload(picture(20, 20, 250, kind="JPEG"), "winter-coat.jpg", price=90),
    )


async def search(app: App, text: str, **more: Any) -> tuple[Hit, ...]:
    request = SearchRequest(text, images=True, **more)
    return (await app.search.search(app.scope("shop"), request)).hits


async def test_a_picture_is_found_by_what_it_shows_and_the_hit_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        report = await mixed(app)
        hits = await search(app, "red", limit=10)
    assert (report.added, report.failures) == (4, [])
    shown = {hit.source: hit.image for hit in hits}
    assert shown["IMG_0017.png"] is not None
    assert shown["IMG_0017.png"] > NEAR
    assert [name for name, image in shown.items() if image] == ["IMG_0017.png"]
    # The best passage and the best picture come first.
    assert {hit.source for hit in hits[:2]} == {"scarf.txt", "IMG_0017.png"}
    scarf = next(hit for hit in hits if hit.source == "scarf.txt")
    assert scarf.bm25
    assert scarf.image is None


async def test_a_picture_that_its_name_found_too_is_one_hit_of_both(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await mixed(app)
        first, *others = await search(app, "blue coat", limit=10)
    assert first.source == "winter-coat.jpg"
    assert first.text == "winter coat"
    assert first.bm25
    assert first.image
    assert "winter-coat.jpg" not in [hit.source for hit in others]


async def test_what_no_picture_shows_is_answered_with_passages_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await mixed(app)
        question = "a scarf in red green blue"
        request = SearchRequest(question, limit=2)
        with_images = await search(app, question, limit=2)
        without = (await app.search.search(app.scope("shop"), request)).hits
    assert with_images == without


async def test_a_filter_holds_for_pictures(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await mixed(app)
        dear = await search(app, "red", filter="price > 50")
        cheap = await search(app, "red", filter="price < 50")
    assert all(hit.image is None for hit in dear)
    assert [hit.source for hit in cheap if hit.image] == ["IMG_0017.png"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["vector", "keyword"])
async def test_one_leg_alone_looks_at_no_pictures(tmp_path: Path, mode: Any) -> None:
    async with opened(tmp_path) as app:
        await mixed(app)
        assert all(hit.image is None for hit in await search(app, "red", mode=mode))


async def test_a_picture_goes_with_its_document_and_changes_with_its_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await ingest(app, upload(picture(250, 20, 20), "a.png"))
        again = await ingest(app, upload(picture(250, 20, 20), "a.png"))
        changed = await ingest(app, upload(picture(20, 250, 20), "a.png"))
        assert (again.unchanged, changed.updated) == (1, 1)
        assert not any(hit.image for hit in await search(app, "red"))
        assert [hit.source for hit in await search(app, "green") if hit.image] == ["a.png"]
        await app.ingest.remove(app.scope("shop"), [DocumentId("a.png")])
        assert await search(app, "green") == ()


@pytest.mark.slow
async def test_another_image_embedder_makes_pictures_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await ingest(app, upload(picture(250, 20, 20), "a.png"), upload(b"words", "b.txt"))
    network = tmp_path / "model" / "text" / "model.onnx"
    other = network.read_bytes().replace(b"words", b"parts")
    async with opened(tmp_path) as app:
        pass
    network.write_bytes(other)
    arguments = {
        "data.dir": str(tmp_path / "data"),
        "embedder.use": "hashing",
        "image_embedder": {"use": "fastembed", "folder": str(tmp_path / "model"), "least": NEAR},
    }
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        assert not any(hit.image for hit in await search(app, "red"))
        again = await ingest(app, upload(picture(250, 20, 20), "a.png"), upload(b"words", "b.txt"))
        assert (again.updated, again.unchanged) == (1, 1)
        assert [hit.source for hit in await search(app, "red") if hit.image] == ["a.png"]


@pytest.mark.slow
async def test_pictures_are_found_after_a_reindex_with_another_embedder(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        await mixed(app)
    async with opened(tmp_path, **{"embedder.dimensions": 64}) as app:
        done = await app.reindex.run(app.scope("shop"))
        assert done.verification is None or done.verification.ok
        assert [hit.source for hit in await search(app, "red") if hit.image] == ["IMG_0017.png"]


async def test_a_damaged_image_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as app:
        report = await ingest(
            app, upload(picture(9, 9, 9)[:50], "cut.png"), upload(b"words", "b.txt")
        )
    assert [(f.source, f.code) for f in report.failures] == [("cut.png", "malformed")]
    assert report.added == 1


@pytest.mark.slow
async def test_more_images_than_are_compared_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    async with opened(tmp_path, **{"search.max_images": 1}) as app:
        await mixed(app)
        with pytest.raises(TooLarge, match="more than 1 images.*search.max_images"):
            await search(app, "red")
        assert await search(app, "red", mode="keyword")


async def test_without_an_image_embedder_images_are_what_the_parser_makes_of_them(
    tmp_path: Path,
) -> None:
    arguments = {"data.dir": str(tmp_path), "embedder.use": "hashing"}
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        report = await ingest(app, upload(picture(250, 20, 20), "a.png"), upload(b"red", "b.txt"))
        [hit] = await search(app, "red")
    assert [failure.code for failure in report.failures] == ["no_text"]
    assert hit.image is None
    assert hit.source == "b.txt"


async def test_a_wrong_option_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="image_embedder.nonsense"):
        async with opened(tmp_path, **{"image_embedder.nonsense": 1}):
            pass


def hit(chunk: str, **scores: float) -> Hit:
    name = DocumentId(chunk.partition("#")[0])
    return Hit(name, chunk, 0.0, "", name, name, 0, 0, **scores)  # type: ignore[arg-type]


def test_two_lists_are_joined_by_rank() -> None:
    passages = [hit("a#3", cosine=0.9), hit("a#1", cosine=0.8), hit("b#0", cosine=0.7)]
    images = [hit("b#0", image=0.4), hit("c#0", image=0.3)]
    found = joined(passages, images)
    third, first = 1 / (RANK_CONSTANT + 3), 1 / (RANK_CONSTANT + 1)
    assert [each.chunk_id for each in found] == ["b#0", "a#3", "a#1", "c#0"]
    assert found[0].score == pytest.approx(third + first)
    assert (found[0].cosine, found[0].image) == (0.7, 0.4)
    assert (found[3].cosine, found[3].image) == (None, 0.3)


def test_the_best_passage_stands_for_a_document_that_its_picture_found_too() -> None:
    found = joined([hit("a#3"), hit("a#1")], [replace(hit("a#0"), image=0.4)])
    assert [(each.chunk_id, each.image) for each in found] == [("a#3", 0.4), ("a#1", None)]


async def test_the_http_api_says_what_found_a_hit(tmp_path: Path) -> None:
    embedder = {
        "image_embedder.use": "fastembed",
        "image_embedder.folder": str(write_towers(tmp_path / "model")),
        "image_embedder.least": NEAR,
    }
    async with serving(tmp_path, **embedder) as served:
        await mixed(served.app)
        reply = await served.post("/api/search", {"collection": "shop", "query": "red"})
        shown = {hit["document_id"]: hit["image"] for hit in reply.json["hits"]}
    assert shown["IMG_0017.png"] > NEAR
    assert shown["scarf.txt"] is None


@pytest.mark.slow
async def test_a_search_that_does_not_ask_for_pictures_gets_passages_alone(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as app:
        await mixed(app)
        hits = (await find(app.search, [app.scope("shop")], SearchRequest("red", unique=True))).hits
    assert hits
    assert all(hit.image is None for hit in hits)
