"""Blobs that took long to read are not read again while nothing has changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bedplate.app import App, open_app
from bedplate.chunkers import CHUNKERS
from bedplate.config import load_config
from bedplate.domain.documents import Blob, Failure, Parsed
from bedplate.domain.ids import DocumentId
from bedplate.ingest.incoming import Upload
from bedplate.ingest.pipeline import Ingest, Parts
from bedplate.ingest.readings import Readings
from bedplate.ingest.report import Report
from bedplate.parsers.protocol import Parser

BOOTS = Blob(b"Boots are brown.", "boots.txt")


class Remarking:
    """The app's parser, with a remark about each blob, and the names of those that it read."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self.read: list[str] = []
        self.failures: tuple[Failure, ...] = ()

    async def parse(self, blob: Blob) -> Parsed:
        self.read.append(blob.source)
        parsed = await self._parser.parse(blob)
        return replace(parsed, warnings=("No text on page(s) 2.",), failures=self.failures)


class Desk:
    """An ingest for which each reading is a slow one, unless told otherwise."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.parser = Remarking(app.parser)

    async def put(
        self, *uploads: Upload, recipe: str = "", own: str = "", slow: float = 0
    ) -> Report:
        app = self.app
        async with CHUNKERS.load("structure")({}) as chunker:
            ingest = Ingest(
                Parts(app.catalog, app.store, self.parser, chunker, app.embedder, None),
                batch_chunks=4,
                max_file_bytes=10**6,
                token_chunks=0,
                recipe=lambda _: own,
                readings=Readings(app.catalog, recipe=recipe, slow=slow),
            )
            self.parser.read.clear()
            return await ingest.run(app.scope("c"), uploads)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Desk]:
    arguments = {"data.dir": str(folder), "embedder.use": "hashing"}
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        yield Desk(app)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as desk:
        yield desk


async def test_a_slow_blob_is_read_once_and_its_remarks_are_said_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        first = await desk.put(Upload(BOOTS))
        assert (first.added, desk.parser.read) == (1, ["boots.txt"])
    async with opened(tmp_path) as desk:
        again = await desk.put(Upload(BOOTS))
        assert (again.unchanged, again.added, desk.parser.read) == (1, 0, [])
        assert again.warnings == first.warnings == ["boots.txt: No text on page(s) 2."]


async def test_a_quick_blob_is_read_again(desk: Desk) -> None:
    await desk.put(Upload(BOOTS), slow=60)
    assert (await desk.put(Upload(BOOTS), slow=60)).unchanged == 1
    assert desk.parser.read == ["boots.txt"]


@pytest.mark.parametrize(
    ("upload", "settings", "updated"),
    [
        (Upload(Blob(b"Boots are black.", "boots.txt")), {}, 1),
        (Upload(BOOTS, metadata={"price": 9}), {}, 1),
        (Upload(BOOTS), {"own": "another chunker"}, 1),
        (Upload(BOOTS), {"recipe": "another reader"}, 0),
    ],
)
async def test_whatever_a_reading_depends_on_makes_another(
    desk: Desk, upload: Upload, settings: dict[str, str], updated: int
) -> None:
    await desk.put(Upload(BOOTS))
    report = await desk.put(upload, **settings)
    assert desk.parser.read == ["boots.txt"]
    assert (report.updated, report.unchanged) == (updated, 1 - updated)


async def test_a_document_that_is_gone_is_read_again(desk: Desk) -> None:
    await desk.put(Upload(BOOTS))
    await desk.app.ingest.remove(desk.app.scope("c"), [DocumentId("boots.txt")])
    assert (await desk.put(Upload(BOOTS))).added == 1
    await desk.app.ingest.drop(desk.app.scope("c"))
    assert (await desk.put(Upload(BOOTS))).added == 1
    assert desk.parser.read == ["boots.txt"]


async def test_what_failed_is_tried_again(desk: Desk) -> None:
    desk.parser.failures = (Failure("boots.txt#2", "timeout", "Too slow."),)
    await desk.put(Upload(BOOTS))
    report = await desk.put(Upload(BOOTS))
    assert (report.failed, desk.parser.read) == (1, ["boots.txt"])


async def test_the_same_document_twice_in_one_run_is_said(desk: Desk) -> None:
    await desk.put(Upload(BOOTS))
    report = await desk.put(Upload(BOOTS), Upload(BOOTS))
    assert report.unchanged == 1
    assert [failure.code for failure in report.failures] == ["duplicate_id"]
