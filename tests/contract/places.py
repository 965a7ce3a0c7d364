"""The kinds of source as the contract opens them: each with a place that the tests can change."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.fixtures.imap_server import ImapPlace, imap_server
from tests.fixtures.s3_server import S3Place, s3_server
from tests.fixtures.web_site import WebPlace, web_site

from bedplate.sources.protocol import Options


class Place(Protocol):
    """What a source is over. Names are short words; the texts are a document's."""

    options: Options

    async def put(self, name: str, text: str) -> None:
        """Add, or replace with something of another length."""
        ...

    async def remove(self, name: str) -> None: ...

    async def move_away(self) -> None:
        """Let the whole place be unreachable."""
        ...


OpenPlace = Callable[[Path], AbstractAsyncContextManager[Place]]
"""Sets up an empty place, in a folder of its own where it needs one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`versions`: its listing says by itself what changed. `incremental`: it lists by a cursor.

    `reads`: the text is the whole content of the blob.
    """

    name: str
    open: OpenPlace
    versions: bool = True
    incremental: bool = False
    reads: bool = True


class FolderPlace:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "files"
        self._folder.mkdir()
        self.options: dict[str, Any] = {"path": str(self._folder)}

    async def put(self, name: str, text: str) -> None:
        (self._folder / f"{name}.txt").write_text(text, encoding="utf-8")

    async def remove(self, name: str) -> None:
        (self._folder / f"{name}.txt").unlink()

    async def move_away(self) -> None:
        self._folder.rename(self._folder.with_name("away"))


@asynccontextmanager
async def folder_place(folder: Path):
    yield FolderPlace(folder)


@asynccontextmanager
async def sitemap_place(folder: Path):
    async with web_site() as site:
        yield WebPlace(site, {"sitemaps": [f"{site.url}/sitemap.xml"]})


@asynccontextmanager
async def crawled_place(folder: Path):
    async with web_site() as site:
        yield WebPlace(site, {"crawl": [f"{site.url}/links"], "exclude": ["*/links"]})


@asynccontextmanager
async def s3_place(folder: Path):
    async with s3_server() as server:
        yield S3Place(server)


@asynccontextmanager
async def imap_place(folder: Path):
    async with imap_server() as server:
        yield ImapPlace(server)


KINDS = [
    Kind("folder", folder_place),
    Kind("imap", imap_place, reads=False),
    Kind("s3", s3_place),
    Kind("web", sitemap_place, versions=False),
    Kind("web", crawled_place),
]
