"""Files and vector stores, over a real socket."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.fixtures.serving import Reply, Served, serving

from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.durable.protocol import WorkId
from bedplate.library.moments import now
from bedplate.objects.protocol import Chosen, Page

DAY = 86_400


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    async with serving(tmp_path_factory.mktemp("served"), work=True) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def served(shared: Served) -> AsyncGenerator[Served]:
    """The one server of this file, emptied after each test."""
    yield shared
    for kind in ("vector_stores", "files"):
        for each in (await shared.get(f"/v1/{kind}?limit=100")).json["data"]:
            assert (await shared.request("DELETE", f"/v1/{kind}/{each['id']}")).status == 200


async def upload(
    served: Served, name: str, content: bytes, purpose: str = "user_data", **fields: str
) -> Reply:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("purpose", purpose)
    for key, value in fields.items():
        form.add_field(f"expires_after[{key}]", value)
    form.add_field("file", content, filename=name, content_type="text/plain")
    return await served.request("POST", "/v1/files", data=form)


async def made(served: Served, **fields: Any) -> str:
    reply = await served.post("/v1/vector_stores", fields)
    assert reply.status == 200, reply.body
    return reply.json["id"]


async def ended(served: Served, store: str, file: str) -> dict[str, Any]:
    """The file in the vector store, once its work has ended."""
    library, jobs = served.app.library, served.app.jobs
    assert library is not None
    assert jobs is not None
    (row,) = await library.objects.store_files.list(
        DEFAULT_TENANT, Chosen(store=store, file=file), Page(limit=1)
    )
    async for _ in jobs.tail(WorkId(row.job), tenant=DEFAULT_TENANT):
        pass
    return (await served.get(f"/v1/vector_stores/{store}/files/{file}")).json


async def attached(
    served: Served, store: str, name: str, content: bytes, **fields: Any
) -> dict[str, Any]:
    file = (await upload(served, name, content)).json["id"]
    reply = await served.post(f"/v1/vector_stores/{store}/files", {"file_id": file, **fields})
    assert reply.status == 200, reply.body
    assert reply.json["status"] == "in_progress"
    return await ended(served, store, file)


async def found(served: Served, store: str, query: str, **fields: Any) -> list[dict[str, Any]]:
    reply = await served.post(f"/v1/vector_stores/{store}/search", {"query": query, **fields})
    assert reply.status == 200, reply.body
    return reply.json["data"]


async def test_a_file_is_uploaded_listed_read_and_deleted(served: Served) -> None:
    before = now()
    first = (await upload(served, "folder/a.txt", b"alpha")).json
    assert first == {
        "id": first["id"], "object": "file", "bytes": 5, "created_at": first["created_at"],
        "expires_at": None, "filename": "a.txt", "purpose": "user_data", "status": "processed",
        "status_details": None,
    }  # fmt: skip
    short = (await upload(served, "b.jsonl", b"{}", "batch")).json
    assert short["expires_at"] - short["created_at"] == 30 * DAY
    timed = (await upload(served, "c.txt", b"c", anchor="created_at", seconds="3600")).json
    assert before + 3_600 <= timed["expires_at"] <= now() + 3_600

    listed = (await served.get("/v1/files?limit=2")).json
    assert [each["filename"] for each in listed["data"]] == ["c.txt", "b.jsonl"]
    assert (listed["has_more"], listed["last_id"]) == (True, short["id"])
    rest = (await served.get(f"/v1/files?after={short['id']}")).json
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([first["id"]], False)
    batches = (await served.get("/v1/files?purpose=batch&order=asc")).json
    assert [each["id"] for each in batches["data"]] == [short["id"]]

    content = await served.get(f"/v1/files/{first['id']}/content")
    assert (content.body, content.headers["Content-Length"]) == (b"alpha", "5")
    gone = await served.request("DELETE", f"/v1/files/{first['id']}")
    assert gone.json == {"id": first["id"], "object": "file", "deleted": True}
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        missing = await served.request(method, f"/v1/files/{first['id']}{path}")
        assert (missing.status, missing.error["param"]) == (404, "file_id")


async def test_bad_uploads_are_refused_by_the_field_at_fault(served: Served) -> None:
    wrong = await upload(served, "a.txt", b"x", "anything")
    assert (wrong.status, wrong.error["param"]) == (400, "purpose")
    assert "user_data" in wrong.error["message"]
    empty = await upload(served, "a.txt", b"")
    assert (empty.status, empty.error["code"]) == (422, "empty")
    soon = await upload(served, "a.txt", b"x", anchor="created_at", seconds="60")
    assert (soon.status, soon.error["param"]) == (400, "expires_after.seconds")
    anchor = await upload(served, "a.txt", b"x", anchor="last_active_at", seconds="3600")
    assert (anchor.status, anchor.error["param"]) == (400, "expires_after.anchor")
    form = aiohttp.FormData()
    form.add_field("purpose", "batch")
    form.add_field("file", "no file name")
    for options in ({"json": {"purpose": "batch"}}, {"data": form}):
        none = await served.request("POST", "/v1/files", **options)
        assert (none.status, none.error["param"]) == (400, "file"), none.body
    broken = await served.request(
        "POST", "/v1/files", data=b"--x\r\nnonsense",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )  # fmt: skip
    assert broken.status == 400
    assert (await served.get("/v1/files")).json["data"] == []


async def test_a_vector_store_is_a_collection_with_its_files_searched(served: Served) -> None:
    store = await made(served, name="notes", metadata={"team": "a"}, description="d")
    viewed = (await served.get(f"/v1/vector_stores/{store}")).json
    assert (viewed["name"], viewed["collection"], viewed["status"]) == (
        "notes",
        "notes",
        "completed",
    )
    assert viewed["metadata"] == {"team": "a"}
    assert viewed["file_counts"]["total"] == 0

    rain = await attached(
        served, store, "rain.txt", b"Rain falls in Bergen. Mail a.b@example.com.",
        attributes={"year": 2025, "wet": True},
    )  # fmt: skip
    assert (rain["status"], rain["last_error"]) == ("completed", None)
    assert rain["attributes"] == {"year": 2025, "wet": True}
    sun = await attached(
        served, store, "sun.txt", b"Sun shines in Oslo.", attributes={"year": 2026}
    )

    hits = await found(served, store, "rain in Bergen")
    assert (hits[0]["file_id"], hits[0]["filename"]) == (rain["id"], "rain.txt")
    assert hits[0]["content"][0]["text"].startswith("Rain falls")
    assert 0 < hits[0]["score"] <= 1
    assert hits[0]["attributes"]["wet"] is True
    later = {"type": "gte", "key": "year", "value": 2026}
    assert [h["file_id"] for h in await found(served, store, "Bergen", filters=later)] == [
        sun["id"]
    ]
    either = {"type": "or", "filters": [later, {"type": "eq", "key": "wet", "value": True}]}
    assert len(await found(served, store, "Bergen", filters=either)) == 2
    unknown = {"type": "eq", "key": "colour", "value": "red"}
    assert await found(served, store, "Bergen", filters=unknown) == []
    both = {"type": "and", "filters": [{**unknown, "type": "ne"}, later]}
    assert len(await found(served, store, "Bergen", filters=both)) == 1
    assert await found(served, store, "x", ranking_options={"score_threshold": 1.0}) == []
    assert len(await found(served, store, "Bergen", max_num_results=1)) == 1
    two = await found(served, store, ["rain", "sun"], ranking_options={"ranker": "none"})
    assert {hit["file_id"] for hit in two[:2]} == {rain["id"], sun["id"]}

    text = (await served.get(f"/v1/vector_stores/{store}/files/{rain['id']}/content")).json
    assert text["object"] == "vector_store.file_content.page"
    assert "example.com" not in text["data"][0]["text"]
    ours = await served.post("/api/search", {"collection": "notes", "query": "Bergen"})
    assert ours.json["hits"][0]["document_id"].startswith(rain["id"])


async def test_attributes_are_changed_and_files_taken_out_and_deleted(served: Served) -> None:
    store = await made(served)
    path = f"/v1/vector_stores/{store}/files"
    one = await attached(served, store, "one.txt", b"First note.", attributes={"tag": "a"})
    two = await attached(served, store, "two.txt", b"Second note.")
    changed = await served.post(f"{path}/{one['id']}", {"attributes": {"tag": "b", "n": 1.5}})
    assert changed.json["attributes"] == {"tag": "b", "n": 1.5}
    assert changed.json["status"] == "completed"
    tagged = {"type": "eq", "key": "tag", "value": "b"}
    assert [h["file_id"] for h in await found(served, store, "note", filters=tagged)] == [one["id"]]

    listed = (await served.get(f"{path}?order=asc&limit=1")).json
    assert ([each["id"] for each in listed["data"]], listed["has_more"]) == ([one["id"]], True)
    out = await served.request("DELETE", f"{path}/{one['id']}")
    assert out.json == {"id": one["id"], "object": "vector_store.file.deleted", "deleted": True}
    assert (await served.get(f"{path}?order=asc&after={one['id']}")).json["last_id"] == two["id"]
    assert (await served.get(f"{path}/{one['id']}")).error["param"] == "file_id"
    assert (await served.get(f"/v1/files/{one['id']}")).status == 200
    assert [h["file_id"] for h in await found(served, store, "note")] == [two["id"]]
    await served.request("DELETE", f"/v1/files/{two['id']}")
    assert await found(served, store, "note") == []
    assert (await served.get(path)).json["data"] == []


async def test_files_of_many_documents_and_ones_that_cannot_be_read(served: Served) -> None:
    store = await made(served)
    rows = b"\n".join(b'{"id": "%d", "text": "Row number %d."}' % (n, n) for n in range(3))
    many = await attached(served, store, "rows.jsonl", rows)
    assert many["status"] == "completed"
    again = await attached(served, store, "same.jsonl", rows)
    hits = await found(served, store, "Row number 2")
    assert {hit["file_id"] for hit in hits} == {many["id"], again["id"]}
    text = (await served.get(f"/v1/vector_stores/{store}/files/{many['id']}/content")).json
    assert [each["text"] for each in text["data"]] == [f"Row number {n}." for n in range(3)]
    broken = await attached(served, store, "broken.pdf", b"%PDF-1.7 nothing more")
    assert (broken["status"], broken["last_error"]["code"]) == ("failed", "invalid_file")
    strange = await attached(served, store, "a.bin", bytes(range(256)) * 9)
    assert (strange["status"], strange["last_error"]["code"]) == ("failed", "unsupported_file")
    counts = (await served.get(f"/v1/vector_stores/{store}")).json["file_counts"]
    assert (counts["completed"], counts["failed"], counts["total"]) == (2, 2, 4)


async def test_static_chunks_have_the_size_that_is_asked_for(served: Served) -> None:
    store = await made(served)
    text = b" ".join(b"Sentence number %d stands here." % n for n in range(200))
    sizes = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}
    static = {"type": "static", "static": sizes}
    cut = await attached(served, store, "a.txt", text, chunking_strategy=static)
    assert cut["chunking_strategy"] == static
    lengths = [len(h["content"][0]["text"]) for h in await found(served, store, "Sentence")]
    assert max(lengths) <= 400
    auto = await attached(served, store, "b.txt", text, chunking_strategy={"type": "auto"})
    assert auto["chunking_strategy"] == {"type": "other"}
    half = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51}
    refused = await served.post(
        f"/v1/vector_stores/{store}/files",
        {"file_id": cut["id"], "chunking_strategy": {"type": "static", "static": half}},
    )
    assert refused.status == 400
    assert "half of max_chunk_size_tokens" in refused.error["message"]


async def test_a_batch_of_files_is_worked_through_and_listed(served: Served) -> None:
    store = await made(served)
    files = [(await upload(served, f"{n}.txt", b"Note %d." % n)).json["id"] for n in range(3)]
    batch = (
        await served.post(
            f"/v1/vector_stores/{store}/file_batches",
            {"file_ids": files, "attributes": {"lot": 7}},
        )
    ).json
    assert batch["object"] == "vector_store.files_batch"
    assert batch["file_counts"]["total"] == 3
    await ended(served, store, files[-1])
    path = f"/v1/vector_stores/{store}/file_batches/{batch['id']}"
    done = (await served.get(path)).json
    assert (done["status"], done["file_counts"]["completed"]) == ("completed", 3)
    listed = (await served.get(f"{path}/files?filter=completed&order=asc")).json["data"]
    assert [each["id"] for each in listed] == files
    assert listed[0]["attributes"] == {"lot": 7}
    cancelled = (await served.post(f"{path}/cancel", None)).json
    assert (cancelled["status"], cancelled["file_counts"]["completed"]) == ("completed", 3)
    for body in ({}, {"file_ids": []}, {"file_ids": files, "files": []}):
        refused = await served.post(f"/v1/vector_stores/{store}/file_batches", body)
        assert refused.status == 400
    missing = await served.post(
        f"/v1/vector_stores/{store}/file_batches", {"files": [{"file_id": "file-none"}]}
    )
    assert (missing.status, missing.error["param"]) == (404, "file_id")


async def test_collections_that_were_made_elsewhere_are_vector_stores(served: Served) -> None:
    rows = [{"id": "docs/a", "text": "Apples."}, {"id": "b", "text": "Pears."}]
    await served.post("/api/collections/fruit/documents", rows)
    first = await made(served, name="fruit")
    listed = (await served.get("/v1/vector_stores?order=asc")).json["data"]
    by_name = {each["collection"]: each for each in listed}
    fruit = by_name.pop("fruit")
    assert ([*by_name], fruit["file_counts"]["completed"]) == ([first], 2)
    assert (await served.get("/v1/vector_stores/fruit")).json["id"] == fruit["id"]
    path = f"/v1/vector_stores/{fruit['id']}/files"
    own = await attached(served, fruit["id"], "own.txt", b"Plums.")
    ids = [each["id"] for each in (await served.get(path)).json["data"]]
    assert ids == [own["id"], "b", "docs/a"]
    assert [e["id"] for e in (await served.get(f"{path}?after=b")).json["data"]] == ["docs/a"]
    one = (await served.get(f"{path}/docs%2Fa")).json
    assert (one["id"], one["status"]) == ("docs/a", "completed")
    content = (await served.get(f"{path}/docs%2Fa/content")).json
    assert content["data"] == [{"type": "text", "text": "Apples."}]
    assert (await found(served, fruit["id"], "Apples"))[0]["file_id"] == "docs/a"
    assert (await served.post(f"{path}/b", {"attributes": {"x": 1}})).status == 409
    await served.request("DELETE", f"{path}/docs%2Fa")
    assert (await served.get("/api/collections/fruit/documents/docs/a")).status == 404

    await served.request("DELETE", "/api/collections/fruit")
    assert (await served.get(f"/v1/vector_stores/{fruit['id']}")).status == 404
    left = (await served.get("/v1/vector_stores")).json["data"]
    assert [each["id"] for each in left] == [first]


async def test_a_vector_store_is_changed_and_deleted(served: Served) -> None:
    file = (await upload(served, "a.txt", b"A note.")).json["id"]
    expiry = {"anchor": "last_active_at", "days": 3}
    store = await made(served, name="n", file_ids=[file], expires_after=expiry)
    await ended(served, store, file)
    path = f"/v1/vector_stores/{store}"
    viewed = (await served.get(path)).json
    assert viewed["expires_at"] == viewed["last_active_at"] + 3 * DAY
    assert viewed["usage_bytes"] == len("A note.")
    changed = (await served.post(path, {"name": "m", "metadata": {"k": "v"}})).json
    assert (changed["name"], changed["metadata"], changed["collection"]) == ("m", {"k": "v"}, "n")
    assert changed["expires_after"] == expiry
    forever = (await served.post(path, {"expires_after": None, "metadata": None})).json
    assert (forever["expires_at"], forever["metadata"]) == (None, {})
    gone = (await served.request("DELETE", path)).json
    assert gone == {"id": store, "object": "vector_store.deleted", "deleted": True}
    assert (await served.get(path)).error["param"] == "vector_store_id"
    assert (await served.get("/api/collections/n")).status == 404
    assert (await served.get(f"/v1/files/{file}")).status == 200


async def test_what_expires_is_given_up_by_a_sweep(served: Served) -> None:
    library = served.app.library
    assert library is not None
    store = await made(served, expires_after={"anchor": "last_active_at", "days": 1})
    kept = await made(served)
    file = (await upload(served, "a.txt", b"Soon.", anchor="created_at", seconds="3600")).json["id"]
    for place in (store, kept):
        await served.post(f"/v1/vector_stores/{place}/files", {"file_id": file})
        await ended(served, place, file)
    await library.upkeep.sweep(now() + 3_600)
    assert (await served.get(f"/v1/files/{file}")).status == 404
    assert (await served.get(f"/v1/vector_stores/{kept}")).json["file_counts"]["total"] == 0
    assert await found(served, kept, "Soon") == []
    await library.upkeep.sweep(now() + DAY)
    expired = (await served.get(f"/v1/vector_stores/{store}")).json
    assert expired["status"] == "expired"
    refused = await served.post(f"/v1/vector_stores/{store}/search", {"query": "Soon"})
    assert (refused.status, refused.error["code"]) == (409, "conflict")
    assert [s["id"] for s in (await served.get("/v1/vector_stores")).json["data"]] == [kept, store]
    assert (await served.request("DELETE", f"/v1/vector_stores/{store}")).status == 200


async def test_work_that_a_crash_lost_is_taken_up_by_a_sweep(served: Served) -> None:
    library = served.app.library
    assert library is not None
    store = await made(served)
    done = await attached(served, store, "a.txt", b"A note.")
    (row,) = await library.objects.store_files.list(
        DEFAULT_TENANT, Chosen(store=store, file=done["id"]), Page()
    )
    # As if the process had died between the two writes.
    lost = type(row)(store, done["id"], "attach-lost", row.created_at)
    await library.objects.store_files.put(DEFAULT_TENANT, [lost])
    await library.upkeep.sweep(now() + 120)
    assert (await ended(served, store, done["id"]))["status"] == "completed"


async def test_bad_filters_and_bodies_name_what_is_wrong(served: Served) -> None:
    store = await made(served)
    path = f"/v1/vector_stores/{store}/search"
    for filters, param in (
        ({"type": "like", "key": "a", "value": 1}, "filters.type"),
        ({"type": "eq", "value": 1}, "filters.key"),
        ({"type": "eq", "key": "a", "value": {"b": 1}}, "filters.value"),
        ({"type": "and", "filters": []}, "filters.filters"),
        (
            {"type": "or", "filters": [{"type": "eq", "key": "a", "value": 1}, 3]},
            "filters.filters.1",
        ),
    ):
        refused = await served.post(path, {"query": "x", "filters": filters})
        assert (refused.status, refused.error["param"]) == (400, param)
    for body in ({}, {"query": ""}, {"query": "x", "max_num_results": 51}, {"query": "x", "no": 1}):
        assert (await served.post(path, body)).status == 400
    for fields in (
        {"metadata": {str(n): "v" for n in range(17)}},
        {"metadata": {"k": "v" * 513}},
        {"expires_after": {"anchor": "created_at", "days": 1}},
    ):
        assert (await served.post("/v1/vector_stores", fields)).status == 400
    missing = await served.post("/v1/vector_stores", {"file_ids": ["file-none"]})
    assert missing.status == 404
    assert len((await served.get("/v1/vector_stores")).json["data"]) == 1


async def test_without_durable_work_it_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for path in ("/v1/files", "/v1/vector_stores"):
            refused = await served.get(path)
            assert (refused.status, refused.error["code"]) == (503, "unavailable")
