"""Originals from the upload to the route that serves them, over a real socket."""

import base64
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.serving import Served, serving

from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.ids import DocumentId
from bedplate.errors import ConfigError
from bedplate.ingest.incoming import Upload
from bedplate.options import original_seals
from bedplate.storage import CATALOG_FILE

DOCUMENTS = "/api/collections/c/documents"
ORIGINALS = "/api/collections/c/originals"
TEXT = b"Mail zoe.quinn@example.org about code alpha7x.\r\n"


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


async def put(served: Served, id: str, content: bytes, query: str = "") -> dict[str, Any]:
    reply = await served.request(
        "PUT", f"{DOCUMENTS}/{id}{query}", data=content, headers={"Content-Type": "text/plain"}
    )
    assert reply.status == 200, reply.body
    return reply.json


async def original(served: Served, id: str) -> bytes | int:
    """Its bytes, or the status of the refusal."""
    found = await served.get(f"{ORIGINALS}/{id}")
    return found.body if found.status == 200 else found.status


async def test_nothing_is_kept_unless_it_is_configured(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await put(served, "a.txt", TEXT)
        refused = await served.get(f"{ORIGINALS}/a.txt")
        assert (refused.status, "originals.keep" in refused.error["message"]) == (404, True)
        assert await served.app.catalog.originals.used(served.app.scope("c").tenant) == 0


async def test_an_original_is_served_as_it_came_and_goes_with_its_document(tmp_path: Path) -> None:
    async with serving(tmp_path, originals__keep=True) as served:
        await put(served, "notes/über.txt", TEXT)
        await put(served, "b.txt", TEXT)
        found = await served.get(f"{ORIGINALS}/notes/über.txt")
        assert (found.status, found.body) == (200, TEXT)
        assert found.headers["Content-Type"].startswith("text/plain")
        assert found.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%BCber.txt"
        assert found.headers["X-Content-Type-Options"] == "nosniff"

        # Unchanged, it stays; changed, only the new one is there.
        await put(served, "b.txt", TEXT)
        assert await original(served, "b.txt") == TEXT
        await put(served, "b.txt", b"Another text.")
        assert await original(served, "b.txt") == b"Another text."
        rows = served.app.catalog.originals
        tenant = served.app.scope("c").tenant
        assert await rows.used(tenant) == len(TEXT) + len(b"Another text.")

        await served.request("DELETE", f"{DOCUMENTS}/b.txt")
        assert await original(served, "b.txt") == 404
        assert await rows.used(tenant) == len(TEXT)
        await served.request("DELETE", "/api/collections/c")
        assert await rows.used(tenant) == 0


async def test_a_file_of_many_documents_has_none(tmp_path: Path) -> None:
    """It would hold what was deleted, as long as one of them is left."""
    async with serving(tmp_path, originals__keep=True) as served:
        rows = [{"id": "x", "text": "Code one7x."}, {"id": "y", "text": "Code two7x."}]
        await served.post(DOCUMENTS, rows)
        assert [await original(served, id) for id in "xy"] == [404, 404]


async def test_what_is_too_large_is_told_and_ingested_all_the_same(tmp_path: Path) -> None:
    limits = {"originals__max_file_bytes": 60, "originals__max_bytes": 70}
    async with serving(tmp_path, originals__keep=True, **limits) as served:
        await put(served, "a.txt", TEXT)
        more = await put(served, "b.txt", TEXT)
        assert (more["documents"]["added"], "originals.max_bytes" in more["warnings"][0]) == (
            1,
            True,
        )
        large = await put(served, "c.txt", TEXT * 2)
        assert "originals.max_file_bytes" in large["warnings"][0]
        assert [await original(served, id) for id in ("a.txt", "b.txt", "c.txt")] == [
            TEXT,
            404,
            404,
        ]


async def test_encrypted_it_is_nowhere_in_the_data_and_needs_its_key(tmp_path: Path) -> None:
    first, second = new_key(), new_key()
    settings: dict[str, Any] = {"originals__keep": True, "originals__key": first}
    async with serving(tmp_path, **settings) as served:
        await put(served, "a.txt", TEXT)
        assert await original(served, "a.txt") == TEXT
    files = [path for path in (tmp_path / "data").iterdir() if CATALOG_FILE in path.name]
    assert files
    # The document itself is scrubbed, and the original sealed.
    assert not [path for path in files if b"zoe.quinn" in path.read_bytes()]

    rotated = {**settings, "originals__key": second, "originals__former_keys": [first]}
    async with serving(tmp_path, **rotated) as served:
        assert await original(served, "a.txt") == TEXT
        await put(served, "b.txt", TEXT)
    async with serving(tmp_path, originals__key=second) as served:
        assert [await original(served, id) for id in ("a.txt", "b.txt")] == [500, TEXT]
    async with serving(tmp_path) as served:
        refused = await served.get(f"{ORIGINALS}/b.txt")
        assert (refused.status, "originals.key" in refused.error["message"]) == (500, True)


async def test_one_that_was_moved_to_another_document_does_not_open(tmp_path: Path) -> None:
    settings = {"originals__keep": True, "originals__key": new_key()}
    async with serving(tmp_path, **settings) as served:
        for name in ("a.txt", "b.txt"):
            await put(served, name, TEXT + name.encode())
        scope, rows = served.app.scope("c"), served.app.catalog.originals
        stored = {}
        for name in ("a.txt", "b.txt"):
            document = await served.app.catalog.documents.get(scope, DocumentId(name))
            stored[name] = await rows.get(scope, document.id, document.sha256)
        a, b = stored["a.txt"], stored["b.txt"]
        assert a is not None
        assert b is not None
        await rows.put(scope, replace(b, content=a.content), max_bytes=10**6)
        assert await original(served, "b.txt") == 503


@pytest.mark.parametrize("key", ["short", base64.b64encode(b"x" * 16).decode(), "ä" * 43])
def test_a_key_that_is_none_is_refused_by_name(key: str) -> None:
    config = load_config(environment={}, arguments={"originals.key": key}).config
    with pytest.raises(ConfigError, match=r"originals\.key must be 32 random bytes"):
        original_seals(config)


async def test_a_document_that_is_held_leaves_no_original(tmp_path: Path) -> None:
    settings = {"originals__keep": True, "ingest__secrets": "quarantine"}
    async with serving(tmp_path, **settings) as served:
        secret = b"aws key AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        report = await served.app.ingest.run(
            served.app.scope("c"), [Upload(Blob(secret, "s.txt", "text/plain"))]
        )
        assert report.failed == 1
        assert await served.app.catalog.originals.used(served.app.scope("c").tenant) == 0
