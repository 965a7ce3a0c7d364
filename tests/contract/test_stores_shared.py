"""The contract of every store with many at work on it: tasks, threads, and processes.

A search that begins after a write has returned finds the new version whole, whoever made it. While
it is written a search finds passages of one version, and never some of each: all of them where the
store is the catalog's own or keeps a document in one commit, and perhaps not all of them where
passages go to a server one batch after the other.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.contract.shelf import Shelf
from tests.contract.shelves import AT_LENGTH, OpenShelf
from tests.contract.versions import VERSIONS, passages, seen, write

ROOT = Path(__file__).parents[2]
WRITES = 8
OWN = {"memory"}
"""Kept by one process for itself: another one finds there nothing of what the first wrote."""


class Other:
    """The second process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, what: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, "the other process failed"
        return json.loads(line)


@asynccontextmanager
async def other_process(shelf: OpenShelf, folder: Path, options: Any) -> AsyncIterator[Other]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contract.other_process",
        shelf.catalog, shelf.store, str(folder),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    other = Other(process)
    try:
        assert await other.tell(dict(options)) == "ready"
        yield other
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Watch:
    """What a reader sees of one document, and whether that may be."""

    def __init__(self, shelf: Shelf, document: str) -> None:
        self._shelf = shelf
        self._document = document
        self.written = 0
        self.looks = 0

    async def look(self) -> None:
        """At any time."""
        least = self.written
        versions, count = await seen(self._shelf, self._document)
        assert len(versions) == 1, (versions, count)
        assert versions[0] >= least
        if self._shelf.store.abilities.scores:
            assert count == passages(versions[0])
        self.looks += 1
        # A store in memory answers without ever letting another task in.
        await asyncio.sleep(0)

    async def look_still(self) -> None:
        """While nobody writes."""
        assert await seen(self._shelf, self._document) == (
            [self.written],
            passages(self.written),
        )


shelves = pytest.mark.parametrize("opened", AT_LENGTH)


@shelves
async def test_tasks_that_read_and_write_see_whole_and_fresh_versions(
    opened: OpenShelf, tmp_path: Path
) -> None:
    async with opened.open(tmp_path) as (catalog, store):
        shelf = Shelf(catalog, store)
        watches = {name: Watch(shelf, name) for name in ("a", "b", "c")}
        for name in watches:
            await write(shelf, name, 0)
        writing = len(watches)

        async def change(name: str) -> None:
            nonlocal writing
            for version in range(1, WRITES):
                await write(shelf, name, version)
                watches[name].written = version
                await watches[name].look_still()
            writing -= 1

        async def read(name: str) -> None:
            while writing:
                await watches[name].look()

        async with asyncio.TaskGroup() as tasks:
            for name in watches:
                tasks.create_task(change(name))
                tasks.create_task(read(name))
        assert min(watch.looks for watch in watches.values()) > 0


@shelves
async def test_stores_on_two_threads_see_what_the_other_wrote(
    opened: OpenShelf, tmp_path: Path
) -> None:
    """Each with a loop and a connection of its own, as two servers in one process."""
    if opened.id in OWN:
        pytest.skip("a store in memory belongs to whoever opened it")
    async with opened.serve(tmp_path) as options:

        async def writer() -> None:
            async with opened.reach(tmp_path, options) as (catalog, store):
                for version in range(1, WRITES):
                    await write(Shelf(catalog, store), "a", version)
                    loop.call_soon_threadsafe(setattr, watch, "written", version)

        async with opened.reach(tmp_path, options) as (catalog, store):
            shelf = Shelf(catalog, store)
            await write(shelf, "a", 0)
            watch = Watch(shelf, "a")
            loop = asyncio.get_running_loop()
            thread = asyncio.ensure_future(asyncio.to_thread(asyncio.run, writer()))
            while not thread.done():
                await watch.look()
            await thread
            await watch.look_still()
            assert watch.written == WRITES - 1


@shelves
async def test_processes_see_what_the_other_wrote(opened: OpenShelf, tmp_path: Path) -> None:
    async with (
        opened.serve(tmp_path) as options,
        opened.reach(tmp_path, options) as (catalog, store),
        other_process(opened, tmp_path, options) as other,
    ):
        shelf = Shelf(catalog, store)
        ours, theirs = Watch(shelf, "ours"), Watch(shelf, "theirs")
        await write(shelf, "ours", 0)
        if opened.id in OWN:
            assert await other.tell({"read": "ours"}) == [[], 0]
            return
        assert await other.tell({"write": 0, "document": "theirs"}) == 0

        async def told() -> None:
            for version in range(1, WRITES):
                theirs.written = await other.tell({"write": version, "document": "theirs"})
                await theirs.look_still()

        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(told())
            version = 0
            while not telling.done():
                await theirs.look()
                version = min(version + 1, VERSIONS - 1)
                await write(shelf, "ours", version)
                ours.written = version
                await ours.look_still()
        assert version > 1
        assert await other.tell({"read": "ours"}) == [[version], passages(version)]
        assert theirs.looks > 1
