"""Uploads in the background, over a real socket."""

import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.serving import Reply, Served, serving

from bedplate.domain.ids import DEFAULT_TENANT, TenantId
from bedplate.durable.protocol import Page, State, WorkId
from bedplate.errors import Busy, NotFound
from bedplate.ingest.spool import Spool
from bedplate.ingest.uploads import ORPHAN_SECONDS
from bedplate.jobs import UPLOADS_FOLDER

DOCUMENTS = "/api/collections/c/documents"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served]:
    async with serving(tmp_path, work=True, uploads__background_bytes=2_000) as served:
        yield served


def spooled(folder: Path) -> list[Path]:
    return [path for path in (folder / "data" / UPLOADS_FOLDER).rglob("*") if path.is_file()]


async def ended(served: Served, accepted: Reply) -> dict[str, Any]:
    assert accepted.status == 202, accepted.body
    job = accepted.json["job"]
    assert accepted.headers["Location"] == f"/api/jobs/{job}"
    followed = await served.get(f"/api/jobs/{job}/events")
    assert b"event: job" in followed.body
    return (await served.get(f"/api/jobs/{job}")).json


async def test_a_list_in_the_background_is_a_job_with_its_report(
    served: Served, tmp_path: Path
) -> None:
    rows = [{"id": "a", "text": "Code alpha7x."}, {"text": "Code beta7x."}]
    accepted = await served.post(f"{DOCUMENTS}?background=true", rows)
    job = await ended(served, accepted)
    assert (job["work"], job["state"], job["result"]["status"]) == ("upload", "succeeded", "done")
    assert job["result"]["documents"]["added"] == 2
    first, second = accepted.json["ids"]
    assert first == "a"
    assert (await served.get(f"{DOCUMENTS}/{second}")).json["id"] == second
    assert spooled(tmp_path) == []


async def test_what_fails_is_told_with_its_reason_in_the_result(
    served: Served, tmp_path: Path
) -> None:
    body = b'{"id": "a", "text": "Code alpha7x."}\n{"id": "b"}\nnothing\n'
    accepted = await served.request(
        "POST", f"{DOCUMENTS}?name=rows.jsonl&background=true", data=body,
        headers={"Content-Type": "application/jsonl"},
    )  # fmt: skip
    result = (await ended(served, accepted))["result"]
    assert (result["status"], result["documents"]["added"]) == ("partly", 1)
    assert result["documents"]["failed"] == len(result["failures"]) > 0
    assert all(each["code"] and each["message"] for each in result["failures"])

    broken = await served.request(
        "POST", f"{DOCUMENTS}?name=broken.pdf&background=true", data=b"%PDF-1.7 nothing more"
    )
    result = (await ended(served, broken))["result"]
    assert (result["status"], result["documents"]["failed"]) == ("failed", 1)
    assert result["failures"][0]["source"] == "broken.pdf"
    assert spooled(tmp_path) == []


async def test_a_file_over_the_size_is_a_job_unasked(served: Served) -> None:
    small = await served.request("PUT", f"{DOCUMENTS}/small.txt", data=b"Code small7x.")
    assert small.status == 200
    text = b"Code large7x. " * 200
    for method, path in (
        ("PUT", f"{DOCUMENTS}/large.txt"),
        ("POST", f"{DOCUMENTS}?name=also.txt&stream=true"),
    ):
        job = await ended(served, await served.request(method, path, data=text))
        assert job["result"]["documents"]["added"] == 1
    assert (await served.get(f"{DOCUMENTS}/large.txt")).status == 200
    assert (await served.get(f"{DOCUMENTS}/also.txt")).status == 200


async def test_uploads_of_one_document_are_ingested_in_the_order_they_came(served: Served) -> None:
    texts = [f"Edition {number}." for number in range(4)]
    jobs = [
        await served.request("PUT", f"{DOCUMENTS}/d.txt?background=true", data=text.encode())
        for text in texts
    ]
    counts = [(await ended(served, job))["result"]["documents"] for job in jobs]
    assert [(each["added"], each["updated"]) for each in counts] == [(1, 0), (0, 1), (0, 1), (0, 1)]
    found = await served.post("/api/search", {"collection": "c", "query": "Edition"})
    assert [hit["text"] for hit in found.json["hits"]] == ["Edition 3."]


async def test_bad_requests_leave_no_job_and_no_file(served: Served, tmp_path: Path) -> None:
    both = await served.post(f"{DOCUMENTS}?background=true&stream=true", {"text": "x"})
    assert (both.status, both.error["param"]) == (400, "stream")
    name = await served.post("/api/collections/.hidden%2F/documents?background=true", {"text": "x"})
    assert name.status in (400, 404)
    empty = await served.request("PUT", f"{DOCUMENTS}/e.txt?background=true", data=b"")
    assert empty.status == 422
    assert (await served.get("/api/jobs")).json["jobs"] == []
    assert spooled(tmp_path) == []


async def test_a_full_spool_says_when_to_come_again(tmp_path: Path) -> None:
    settings = {"uploads__max_bytes": 1_000}
    async with serving(tmp_path, work=True, **settings) as served:
        over = await served.request("PUT", f"{DOCUMENTS}/d.txt?background=true", data=b"x " * 600)
        assert (over.status, over.error["code"]) == (503, "busy")
        assert "uploads.max_bytes" in over.error["message"]
        assert int(over.headers["Retry-After"]) > 0
        assert spooled(tmp_path) == []
        fits = await served.request("PUT", f"{DOCUMENTS}/d.txt?background=true", data=b"x " * 400)
        assert (await ended(served, fits))["result"]["status"] == "done"


async def test_a_cancelled_job_gives_its_file_up_and_says_so_when_it_is_resumed(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, work=True) as served:
        jobs, uploads = served.app.jobs, served.app.uploads
        assert jobs is not None
        assert uploads is not None
        text = "\n".join(json.dumps({"id": str(n), "text": f"Row {n}."}) for n in range(2_000))
        accepted = await served.request(
            "POST", f"{DOCUMENTS}?name=rows.jsonl&background=true", data=text.encode()
        )
        id = accepted.json["job"]
        assert (await served.post(f"/api/jobs/{id}/cancel", None)).json["state"] == "cancelled"
        await uploads.sweep()
        assert spooled(tmp_path) == []
        resumed = await served.post(f"/api/jobs/{id}/resume", None)
        assert resumed.status == 200
        async for _ in jobs.tail(WorkId(id), tenant=DEFAULT_TENANT):
            pass
        job = await jobs.get(WorkId(id), tenant=DEFAULT_TENANT)
        assert (job.state, job.failure and job.failure.code) == (State.FAILED, "not_found")


async def test_without_durable_work_it_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        refused = await served.post(f"{DOCUMENTS}?background=true", {"text": "x"})
        assert (refused.status, refused.error["code"]) == (503, "unavailable")


async def test_a_sweep_leaves_what_waits_and_what_is_new(served: Served, tmp_path: Path) -> None:
    uploads, jobs = served.app.uploads, served.app.jobs
    assert uploads is not None
    assert jobs is not None
    spool = Spool(tmp_path / "data" / UPLOADS_FOLDER, max_files=10, max_bytes=1_000)
    await spool.put(DEFAULT_TENANT, "upload-new", b"of a request under way")
    await uploads.sweep()
    assert await spool.get(DEFAULT_TENANT, "upload-new") == b"of a request under way"
    assert await jobs.list(DEFAULT_TENANT, Page()) == ()


async def test_a_sweep_clears_away_what_a_crash_left_without_a_job(
    served: Served, tmp_path: Path
) -> None:
    uploads = served.app.uploads
    assert uploads is not None
    spool = Spool(tmp_path / "data" / UPLOADS_FOLDER, max_files=10, max_bytes=1_000)
    for id in ("upload-old", "upload-half.part"):
        await spool.put(DEFAULT_TENANT, id, b"text")
    for file in spooled(tmp_path):
        age = file.stat().st_mtime - ORPHAN_SECONDS - 1
        os.utime(file, (age, age))
    await uploads.sweep()
    assert spooled(tmp_path) == []


async def test_the_spool_keeps_files_by_tenant_within_its_limits(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", max_files=2, max_bytes=10)
    up, other = TenantId(".."), TenantId("a/b")
    await spool.put(up, "x", b"12345")
    await spool.put(other, "x", b"678")
    with pytest.raises(Busy, match="max_files"):
        await spool.put(up, "y", b"")
    assert await spool.get(up, "x") == b"12345"
    assert await spool.get(other, "x") == b"678"
    assert {(found.tenant, found.id) for found in await spool.list()} == {(up, "x"), (other, "x")}
    await spool.drop(up, "x")
    await spool.drop(up, "x")
    with pytest.raises(NotFound, match="send it again"):
        await spool.get(up, "x")
    with pytest.raises(Busy, match="max_bytes"):
        await spool.put(up, "y", b"12345678")
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]  # noqa: ASYNC240
