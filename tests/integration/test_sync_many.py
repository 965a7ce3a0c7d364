"""Sources of very many items: a sync holds a bounded number of them at once."""

import gc
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bedplate.app import open_app, sync_limits
from bedplate.config import load_config
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.sources import KnownItem, SourceSpec
from bedplate.errors import Unavailable
from bedplate.ingest.sync import LIST_PAGE, SyncRequest, SyncSource
from bedplate.sources import folder
from bedplate.sources.folder import open_folder
from bedplate.sources.protocol import Fetched, Gap, Item

MANY = 20_000


def living() -> int:
    """Items that anybody holds."""
    return sum(isinstance(each, Item | KnownItem) for each in gc.get_objects())


class Many:
    """A source that lists many items, is away when one is read, and counts what is alive."""

    incremental = False

    def __init__(self) -> None:
        self.before = living()
        self.most = 0
        self.reads = 0

    async def list(self, since: str | None) -> AsyncIterator[Item | Gap]:
        for number in range(MANY):
            if number % 4000 == 0:
                self.most = max(self.most, living() - self.before)
            yield Item(f"k{number}", "1", 10)

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched | None:
        self.reads += 1
        if self.reads == 10:
            self.most = max(self.most, living() - self.before)
        raise Unavailable("It is away.")


async def test_a_sync_holds_a_page_of_items_however_many_there_are(tmp_path: Path) -> None:
    arguments = {"data.dir": str(tmp_path), "embedder.use": "hashing"}
    config = load_config(environment={}, arguments=arguments).config
    many = Many()

    @asynccontextmanager
    async def open_many(_: SourceSpec) -> AsyncGenerator[Many]:
        yield many

    async with open_app(config) as app:
        await app.catalog.sources.add(SourceSpec(DEFAULT_TENANT, "many", "c", "folder", {}))
        limits = sync_limits(config)
        limits = replace(limits, read=replace(limits.read, in_a_row=20))
        flow = SyncSource(app.catalog, app.ingest, open_many, limits)
        with pytest.raises(Unavailable, match="away"):
            await flow.run(SyncRequest(DEFAULT_TENANT, "many"))
        (told,) = await app.catalog.sources.syncs(DEFAULT_TENANT, "many", 5)
    assert told.counts.listed == told.counts.new == MANY
    # A source that is away is not asked for each of them.
    assert 20 <= many.reads < 100
    assert many.most <= LIST_PAGE + 1000


async def test_a_folder_of_many_tiny_files_is_listed_a_page_at_a_time(tmp_path: Path) -> None:
    for number in range(MANY // 2):
        os.close(os.open(tmp_path / f"{number}.txt", os.O_CREAT | os.O_WRONLY))
    # Tests before this one may have left some.
    before, count, most = living(), 0, 0
    async with open_folder({"path": str(tmp_path)}, name="s") as source:
        async for _ in source.list(None):
            count += 1
            if count % 2000 == 0:
                most = max(most, living() - before)
    assert count == MANY // 2
    assert most <= 2 * folder.PAGE
