"""Documents pushed to a source, over a real socket, with the syncs running as in `bedplate serve`."""

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.serving import Reply, Served, serving

from bedplate.api.server import scheduling
from bedplate.api.source_schemas import Sync
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.ingest.sync import SyncRequest

DOCUMENTS = "/api/sources/feed/documents"
SETTINGS = {"push__quiet_seconds": 0.05, "sync__shrink_items": 1}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served]:
    """Pushes are kept and nothing is synced unless a test does it."""
    async with serving(tmp_path, **SETTINGS) as served:
        yield await with_feed(served)


async def with_feed(served: Served) -> Served:
    body = {"name": "feed", "collection": "c", "kind": "push"}
    assert (await served.post("/api/sources", body)).status == 201
    return served


async def put(served: Served, key: str, text: str, query: str = "", **headers: str) -> Reply:
    sent = {"Content-Type": "text/plain", **headers}
    return await served.request(
        "PUT", f"{DOCUMENTS}/{key}{query}", data=text.encode(), headers=sent
    )


async def kept(served: Served) -> list[str]:
    found = await served.get("/api/collections/c/documents")
    return [each["id"] for each in found.json["documents"]]


async def synced(served: Served, **options: bool) -> dict[str, Any]:
    """Sync here and now: what it came to."""
    request = SyncRequest(DEFAULT_TENANT, "feed", **options)
    return Sync.of(await served.app.sources.sync(request)).model_dump()


async def state(served: Served, key: str) -> str:
    found = await served.get(f"{DOCUMENTS}/{key}")
    return found.json["state"] if found.status == 200 else str(found.status)


async def until_state(served: Served, key: str, wanted: str) -> None:
    async with asyncio.timeout(30):
        while await state(served, key) != wanted:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.05)


async def test_what_is_pushed_is_found_soon_and_goes_when_told(tmp_path: Path) -> None:
    async with serving(tmp_path, work=True, **SETTINGS) as served, scheduling(served.app):
        await with_feed(served)
        query = f"?metadata={json.dumps({'team': 'blue', 'tags': ['x', 'y']})}"
        sent = await put(served, "notes/one.md", "# One\n\nCode alpha7x.", query)
        assert (sent.status, sent.json) == (
            202, {"key": "notes/one.md", "sequence": 1, "changed": True},
        )  # fmt: skip
        await until_state(served, "notes/one.md", "indexed")
        found = await served.post("/api/search", {"collection": "c", "query": "alpha7x"})
        assert found.json["hits"][0]["document_id"] == "feed/notes/one.md"
        assert found.json["hits"][0]["metadata"] == {"team": "blue", "tags": ["x", "y"]}

        again = await put(served, "notes/one.md", "# One\n\nCode alpha7x.", query)
        assert (again.status, again.json["changed"]) == (200, False)
        # Other metadata make it another version.
        assert (await put(served, "notes/one.md", "# One\n\nCode alpha7x.")).status == 202

        removed = await served.request("DELETE", f"{DOCUMENTS}/notes/one.md")
        assert (removed.status, removed.json["changed"]) == (202, True)
        await until_state(served, "notes/one.md", "404")
        assert await kept(served) == []
        assert (await served.request("DELETE", f"{DOCUMENTS}/notes/one.md")).status == 200


async def test_explicit_removals_are_believed_and_absences_only_as_elsewhere(
    served: Served,
) -> None:
    names = [f"n{number}.txt" for number in range(6)]
    for name in names:
        await put(served, name, f"Text of {name}.")
    assert (await synced(served))["documents"]["added"] == 6

    for name in names[:3]:
        await served.request("DELETE", f"{DOCUMENTS}/{name}")
    gone = await synced(served)
    assert (gone["status"], gone["documents"]["deleted"], gone["items"]["gone"]) == ("done", 3, 3)

    stated = await served.post("/api/sources/feed/complete", {"keys": [names[3]]})
    assert stated.status == 202
    assert {key: stated.json[key] for key in ("listed", "absent", "unknown")} == {
        "listed": 1, "absent": 2, "unknown": [],
    }  # fmt: skip
    held = await synced(served)
    assert (held["status"], held["complete"], held["items"]["held"]) == ("held", True, 2)
    assert await kept(served) == [f"feed/{name}" for name in names[3:]]
    # A sync that has nothing to judge lists what is new alone.
    assert (await synced(served))["complete"] is False

    allowed = await synced(served, allow_shrink=True, complete=True)
    assert (allowed["status"], allowed["documents"]["deleted"]) == ("done", 2)
    assert await kept(served) == [f"feed/{names[3]}"]
    assert await state(served, names[4]) == "404"


async def test_one_that_is_absent_is_gone_where_that_is_believed(served: Served) -> None:
    for name in "abcd":
        await put(served, name, f"Text of {name}.")
    await synced(served)
    stated = await served.post("/api/sources/feed/complete", {"keys": ["a", "b", "d", "new"]})
    assert (stated.json["unknown_count"], stated.json["unknown"]) == (1, ["new"])
    done = await synced(served)
    assert (done["status"], done["documents"]["deleted"]) == ("done", 1)
    assert await kept(served) == ["feed/a", "feed/b", "feed/d"]


async def test_what_is_put_while_its_removal_waits_stays(served: Served) -> None:
    await put(served, "a", "Code old7x.")
    await synced(served)
    await served.request("DELETE", f"{DOCUMENTS}/a")
    await put(served, "a", "Code new7x.")
    await synced(served)
    assert (await kept(served), await state(served, "a")) == (["feed/a"], "indexed")
    found = await served.post("/api/search", {"collection": "c", "query": "new7x"})
    assert "new7x" in found.json["hits"][0]["text"]


async def test_a_document_that_cannot_be_read_says_so_and_is_tried_when_sent_again(
    served: Served,
) -> None:
    headers = {"Content-Type": "application/pdf"}
    bad = b"%PDF-1.7 nothing more"
    await served.request("PUT", f"{DOCUMENTS}/bad.pdf", data=bad, headers=headers)
    assert (await synced(served))["status"] == "partly"
    found = (await served.get(f"{DOCUMENTS}/bad.pdf")).json
    assert found["state"] == "failed"
    assert found["code"]
    assert found["error"]
    assert (await put(served, "bad.pdf", "Plain text by now.")).status == 202
    assert (await synced(served))["status"] == "done"
    assert await state(served, "bad.pdf") == "indexed"


async def test_when_all_is_to_be_read_again_what_is_not_kept_is_asked_for(served: Served) -> None:
    await put(served, "a", "Text of a.")
    await synced(served)
    afresh = await synced(served, afresh=True)
    assert (afresh["status"], afresh["items"]["failed"]) == ("partly", 1)
    assert (await served.get(f"{DOCUMENTS}/a")).json["code"] == "not_kept"
    assert await kept(served) == ["feed/a"]
    assert (await put(served, "a", "Text of a.")).status == 202
    assert (await synced(served))["status"] == "done"


REFUSED = [
    ("PUT", f"{DOCUMENTS}/a", b"", 422, "empty"),
    ("PUT", f"{DOCUMENTS}/%20a", b"x", 400, "spaces"),
    ("PUT", f"{DOCUMENTS}/{'k' * 1_020}", b"x", 400, "1019"),
    ("PUT", f"{DOCUMENTS}/a?metadata=[1]", b"x", 400, "metadata"),
    ("PUT", f'{DOCUMENTS}/a?metadata={{"a":{{}}}}', b"x", 400, "a: "),
    ("PUT", f"{DOCUMENTS}/a?metadata={{", b"x", 400, "JSON"),
    ("PUT", "/api/sources/fed/documents/a", b"x", 404, "'feed'"),
    ("GET", f"{DOCUMENTS}/never", None, 404, "'never'"),
    ("POST", "/api/sources/feed/complete", b"{}", 400, "keys"),
    ("POST", "/api/sources/feed/complete", b'{"keys": [1]}', 400, "keys"),
    ("POST", "/api/sources/feed/complete", b"nothing", 400, "keys"),
]


async def test_what_cannot_be_is_refused_by_name(served: Served) -> None:
    for method, path, body, status, word in REFUSED:
        refused = await served.request(method, path, data=body)
        assert (refused.status, word in refused.error["message"]) == (status, True), refused.body
    body = {"name": "f", "collection": "c", "kind": "push", "options": {"x": 1}}
    refused = await served.post("/api/sources", body)
    assert (refused.status, "no such option" in refused.error["message"]) == (400, True)


async def test_limits_are_told_with_their_remedy(tmp_path: Path) -> None:
    limits = {"push__max_waiting": 1, "ingest__max_file_bytes": 2_000}
    async with serving(tmp_path, **SETTINGS, **limits) as served:
        await with_feed(served)
        large = await put(served, "large", "x" * 2_001)
        assert (large.status, "max_file_bytes" in large.error["message"]) == (413, True)
        await put(served, "a", "Text of a.")
        busy = await put(served, "b", "Text of b.")
        assert (busy.status, busy.error["code"]) == (503, "busy")
        assert int(busy.headers["Retry-After"]) > 0
        await synced(served)
        assert (await put(served, "b", "Text of b.")).status == 202


async def test_removing_the_source_takes_its_documents_along(served: Served) -> None:
    await put(served, "a", "Text of a.")
    await synced(served)
    await put(served, "b", "Text of b.")
    removed = await served.request("DELETE", "/api/sources/feed")
    assert removed.json == {"name": "feed", "deleted": 1}
    assert await kept(served) == []
    assert (await put(served, "a", "Text of a.")).status == 404
