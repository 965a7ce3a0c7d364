"""The contract of what keeps files and vector stores (objects/protocol.py)."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.fixtures.postgres import catalog_database

from bedplate.domain.batches import Batch, BatchError, BatchLine, BatchSums, BatchUsage
from bedplate.domain.ids import TenantId
from bedplate.errors import Busy, Conflict, InvalidInput, NotFound, TooLarge
from bedplate.objects import OBJECTS
from bedplate.objects.protocol import (
    Chosen,
    Chunking,
    File,
    FileBatch,
    Objects,
    Page,
    Room,
    StoreFile,
    Upload,
    UploadPart,
    VectorStore,
)
from bedplate.state import CATALOGS

T1, T2 = TenantId("t1"), TenantId("t2")
NOW = int(time.time())
ROOM = Room(3, 10_000_000)


@pytest.fixture(params=["sqlite", "postgres"])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Objects]:
    if request.param == "sqlite":
        async with OBJECTS.load("sqlite")(tmp_path / "objects.db") as opened:
            yield opened
        return
    with catalog_database() as address:
        async with CATALOGS.load("postgres")(address):
            pass
        async with OBJECTS.load("postgres")(address) as opened:
            try:
                yield opened
            finally:
                with psycopg.connect(address, autocommit=True) as db:
                    for table in ("file", "store", "batch", "upload"):
                        db.execute(f"DELETE FROM bedplate.object_{table}".encode())


def file(id: str, purpose: str = "user_data", **facts: int) -> File:
    return File(id, f"{id}.txt", purpose, facts.get("bytes", 3), NOW, facts.get("expires_at"))


def store(id: str, collection: str = "c", made_at: str = "m", **facts: int) -> VectorStore:
    return VectorStore(id, collection, made_at, id, NOW, facts.get("active_at", NOW),
                       metadata={"a": "b"}, expires_days=facts.get("days"))  # fmt: skip


def held(id: str, job: str = "j", **facts: str) -> StoreFile:
    return StoreFile("vs_1", id, job, NOW, attributes={"year": 2026, "draft": False},
                     chunking=Chunking(800, 400), batch=facts.get("batch"))  # fmt: skip


async def content(objects: Objects, tenant: TenantId, id: str) -> bytes:
    return b"".join([part async for part in objects.files.content(tenant, id)])


async def ids(objects: Objects, chosen: Chosen, page: Page) -> list[str]:
    return [each.file for each in await objects.store_files.list(T1, chosen, page)]


async def test_a_file_is_kept_whole_for_its_tenant_alone(objects: Objects) -> None:
    large = bytes(range(256)) * 10_000
    await objects.files.put(T1, file("file-1", bytes=len(large)), large, room=ROOM)
    assert await objects.files.get(T1, "file-1") == file("file-1", bytes=len(large))
    assert await content(objects, T1, "file-1") == large
    with pytest.raises(NotFound, match="file-1"):
        await objects.files.get(T2, "file-1")
    with pytest.raises(NotFound):
        await content(objects, T2, "file-1")
    assert not await objects.files.delete(T2, "file-1")
    assert await objects.files.delete(T1, "file-1")
    assert not await objects.files.delete(T1, "file-1")
    with pytest.raises(NotFound):
        await content(objects, T1, "file-1")


async def test_files_are_listed_by_time_in_pages_from_one_that_may_be_gone(
    objects: Objects,
) -> None:
    for number in (1, 2, 3, 4):
        purpose = "batch" if number == 3 else "user_data"
        await objects.files.put(T1, file(f"file-{number}", purpose), b"abc")
    await objects.files.put(T2, file("file-9"), b"abc")

    async def listed(page: Page, purpose: str | None = None) -> list[str]:
        return [each.id for each in await objects.files.list(T1, page, purpose=purpose)]

    assert await listed(Page()) == ["file-4", "file-3", "file-2", "file-1"]
    assert await listed(Page(order="asc", limit=2)) == ["file-1", "file-2"]
    assert await listed(Page(), "batch") == ["file-3"]
    assert await objects.files.delete(T1, "file-3")
    assert await listed(Page(after="file-3")) == ["file-2", "file-1"]
    assert await listed(Page(before="file-1", limit=1)) == ["file-2"]
    assert await listed(Page(order="asc", after="file-2")) == ["file-4"]


async def test_a_tenant_has_so_much_room_and_no_more(objects: Objects) -> None:
    await objects.files.put(T1, file("file-1"), b"abc", room=Room(2, 5))
    with pytest.raises(TooLarge, match="files.max_bytes"):
        await objects.files.put(T1, file("file-2"), b"abc", room=Room(2, 5))
    with pytest.raises(TooLarge, match="files.max_files"):
        await objects.files.put(T1, file("file-2"), b"abc", room=Room(1, 50))
    await objects.files.put(T2, file("file-2"), b"abc", room=Room(1, 3))
    await objects.files.put(T1, file("file-3"), b"abc", room=Room(2, 6))


async def test_what_expired_is_gone_at_once_and_due(objects: Objects) -> None:
    await objects.files.put(T1, file("file-1", expires_at=NOW - 1), b"abc")
    await objects.files.put(T1, file("file-2", expires_at=NOW + 1_000), b"abc")
    with pytest.raises(NotFound):
        await objects.files.get(T1, "file-1")
    assert [each.id for each in await objects.files.list(T1, Page())] == ["file-2"]
    assert await objects.due.files(NOW) == ((T1, "file-1"),)
    assert (T1, "file-2") in await objects.due.files(NOW + 1_000)


async def test_a_collection_is_one_vector_store_until_it_is_made_again(objects: Objects) -> None:
    first = await objects.stores.add(T1, store("vs_1"))
    assert first == store("vs_1")
    assert await objects.stores.add(T1, store("vs_2")) == first
    assert await objects.stores.get(T1, "vs_1") == first
    with pytest.raises(NotFound, match="vs_1"):
        await objects.stores.get(T2, "vs_1")
    await objects.store_files.put(T1, [held("file-1")])
    again = store("vs_3", made_at="later")
    assert await objects.stores.add(T1, again) == again
    assert await objects.stores.list(T1) == (again,)
    assert await ids(objects, Chosen(store="vs_1"), Page()) == []


async def test_a_vector_store_is_changed_used_and_deleted(objects: Objects) -> None:
    await objects.stores.add(T1, store("vs_1"))
    changed = replace(store("vs_1"), name="n", metadata={}, expires_days=1, active_at=NOW + 5)
    await objects.stores.save(T1, changed)
    assert await objects.stores.get(T1, "vs_1") == changed
    await objects.stores.touch(T1, "vs_1", NOW)
    await objects.stores.touch(T2, "vs_1", NOW + 60)
    assert (await objects.stores.get(T1, "vs_1")).active_at == NOW + 5
    await objects.stores.touch(T1, "vs_1", NOW + 60)
    assert (await objects.stores.get(T1, "vs_1")).active_at == NOW + 60
    assert not await objects.stores.delete(T2, "vs_1")
    assert await objects.stores.delete(T1, "vs_1")
    with pytest.raises(NotFound):
        await objects.stores.get(T1, "vs_1")


async def test_a_vector_store_is_due_when_nobody_used_it_for_its_days(objects: Objects) -> None:
    idle = store("vs_1", active_at=NOW - 86_400, days=1)
    await objects.stores.add(T1, idle)
    await objects.stores.add(T1, store("vs_2", "other", active_at=NOW - 86_400, days=2))
    await objects.stores.add(T1, store("vs_3", "third", active_at=0))
    assert await objects.due.stores(NOW) == ((T1, idle),)
    assert await objects.due.stores(NOW - 1) == ()
    await objects.stores.save(T1, replace(idle, expired_at=NOW))
    assert await objects.due.stores(NOW) == ()


async def test_files_of_a_vector_store_are_listed_as_they_were_put_in(objects: Objects) -> None:
    await objects.stores.add(T1, store("vs_1"))
    await objects.store_files.put(T1, [held("file-3"), held("file-1")])
    await objects.store_files.put(T1, [held("file-2", "k")])
    everything = Chosen(store="vs_1")
    assert await objects.store_files.list(T1, Chosen(file="file-1"), Page()) == (held("file-1"),)
    assert await ids(objects, everything, Page(order="asc")) == ["file-3", "file-1", "file-2"]
    assert await ids(objects, everything, Page(limit=2)) == ["file-2", "file-1"]
    assert await ids(objects, everything, Page(after="file-1")) == ["file-3"]
    assert await ids(objects, everything, Page(before="file-3", limit=1)) == ["file-1"]
    assert await ids(objects, Chosen(job="k"), Page()) == ["file-2"]
    assert await objects.store_files.list(T2, everything, Page()) == ()

    await objects.store_files.put(T1, [held("file-3", "again")])
    assert await ids(objects, everything, Page(order="asc")) == ["file-3", "file-1", "file-2"]
    assert await objects.store_files.delete(T1, "vs_1", "file-1")
    assert not await objects.store_files.delete(T1, "vs_1", "file-1")
    assert await ids(objects, everything, Page(after="file-1")) == ["file-3"]
    await objects.store_files.put(T1, [held("file-1")])
    assert await ids(objects, everything, Page(limit=1)) == ["file-1"]


async def test_only_the_job_at_work_on_a_file_ends_it(objects: Objects) -> None:
    await objects.stores.add(T1, store("vs_1"))
    await objects.store_files.put(T1, [held("file-1"), held("file-2"), held("file-3")])
    done = replace(held("file-1"), status="completed", bytes=7, documents=2)
    failed = replace(held("file-2"), status="failed", error_code="invalid_file", error="bad")
    assert not await objects.store_files.finish(T1, replace(done, job="other"))
    assert await objects.store_files.finish(T1, done)
    assert not await objects.store_files.finish(T1, replace(done, status="failed"))
    assert await objects.store_files.finish(T1, failed)
    found = await objects.store_files.list(T1, Chosen(store="vs_1"), Page(order="asc"))
    assert found == (done, failed, held("file-3"))
    assert await objects.due.jobs(NOW + 1) == ((T1, "j"),)
    assert await objects.due.jobs(NOW) == ()
    sums = await objects.store_files.sums(T1, Chosen(store="vs_1"))
    assert sums.counts == {"in_progress": 1, "completed": 1, "cancelled": 0, "failed": 1}
    assert (sums.bytes, sums.documents) == (7, 2)
    assert await objects.store_files.end(T2, Chosen(job="j"), "failed") == 0
    assert await objects.store_files.end(T1, Chosen(job="j"), "failed", error="gone") == 1
    (last,) = await objects.store_files.list(T1, Chosen(file="file-3"), Page())
    assert (last.status, last.error_code, last.error) == ("failed", "server_error", "gone")


async def test_a_batch_of_files_is_cancelled_where_it_is_not_done(objects: Objects) -> None:
    await objects.stores.add(T1, store("vs_1"))
    batch = FileBatch("vsfb_1", "vs_1", NOW)
    await objects.file_batches.add(
        T1, batch, [held("file-1", batch="vsfb_1"), held("file-2", batch="vsfb_1")]
    )
    await objects.store_files.put(T1, [held("file-3")])
    assert await objects.file_batches.get(T1, "vs_1", "vsfb_1") == batch
    for tenant, place in ((T2, "vs_1"), (T1, "vs_2")):
        with pytest.raises(NotFound, match="vsfb_1"):
            await objects.file_batches.get(tenant, place, "vsfb_1")
    assert await ids(objects, Chosen(store="vs_1", batch="vsfb_1"), Page()) == ["file-2", "file-1"]
    await objects.store_files.finish(T1, replace(held("file-1"), status="completed"))
    await objects.file_batches.cancel(T1, "vs_1", "vsfb_1")
    assert (await objects.file_batches.get(T1, "vs_1", "vsfb_1")).cancelled
    counts = (await objects.store_files.sums(T1, Chosen(store="vs_1"))).counts
    assert counts == {"in_progress": 1, "completed": 1, "cancelled": 1, "failed": 0}


def batch(id: str, **facts: Any) -> Batch:
    return Batch(id, "file-1", "/v1/embeddings", "24h", facts.pop("created_at", NOW), NOW + 86_400,
                 3_600, metadata={"a": "b"}, **facts)  # fmt: skip


async def test_batches_are_listed_newest_first_and_only_so_many_may_wait(objects: Objects) -> None:
    for id in ("batch_1", "batch_2", "batch_3"):
        await objects.batches.add(T1, batch(id), most=3)
    with pytest.raises(Busy, match="3 batches"):
        await objects.batches.add(T1, batch("batch_4"), most=3)
    await objects.batches.add(T2, batch("batch_4"), most=3)
    listed = [each.id for each in await objects.batches.list(T1, after=None, limit=2)]
    assert listed == ["batch_3", "batch_2"]
    beyond = [each.id for each in await objects.batches.list(T1, after="batch_2", limit=2)]
    assert beyond == ["batch_1"]
    with pytest.raises(NotFound, match="batch_4"):
        await objects.batches.get(T1, "batch_4")


async def test_a_batch_changes_only_from_the_status_that_it_is_thought_to_have(
    objects: Objects,
) -> None:
    await objects.batches.add(T1, batch("batch_1"), most=1)
    wrong = BatchError("invalid_json_line", "No JSON.", 2)
    begun = batch("batch_1", status="in_progress", total=3, key="k", times={"in_progress": NOW},
                  errors=(wrong,))  # fmt: skip
    assert await objects.batches.change(T1, begun, "validating")
    assert not await objects.batches.change(T1, batch("batch_1", status="failed"), "validating")
    assert not await objects.batches.change(T2, begun, "in_progress")
    assert await objects.batches.get(T1, "batch_1") == begun
    assert await objects.due.batches(NOW) == ()
    assert await objects.due.batches(NOW + 1) == ((T1, begun),)


async def test_lines_of_a_batch_are_kept_once_and_end_in_two_files(objects: Objects) -> None:
    await objects.batches.add(T1, batch("batch_1", status="finalizing"), most=1)
    usage = BatchUsage(10, 4, 2, 1)
    large = b"x" * 1_500_000 + b"\n"
    lines = [
        BatchLine(2, failed=False, content=b"two\n", usage=usage),
        BatchLine(0, failed=False, content=large, usage=usage),
        BatchLine(1, failed=True, content=b"one\n"),
    ]
    await objects.batch_lines.keep(T1, "batch_1", lines)
    await objects.batch_lines.keep(T1, "batch_1", [BatchLine(2, failed=True, content=b"again\n")])
    assert await objects.batch_lines.done(T1, "batch_1") == {0, 1, 2}
    sums = BatchSums(2, 1, BatchUsage(20, 8, 4, 2))
    assert await objects.batch_lines.sums(T1, "batch_1") == sums

    ended = batch("batch_1", status="completed")
    files = file("file-1", "batch_output"), file("file-2", "batch_output")
    assert await objects.batches.finish(T1, ended, *files, "finalizing")
    assert await content(objects, T1, "file-1") == large + b"two\n"
    assert await content(objects, T1, "file-2") == b"one\n"
    assert (await objects.files.get(T1, "file-1")).bytes == len(large) + 4
    assert await objects.batches.get(T1, "batch_1") == replace(
        ended, output_file="file-1", error_file="file-2"
    )
    assert await objects.batch_lines.sums(T1, "batch_1") == sums
    assert await objects.due.batches(NOW + 1) == ()

    others = file("file-3"), file("file-4")
    assert not await objects.batches.finish(T1, ended, *others, "finalizing")
    with pytest.raises(NotFound):
        await objects.files.get(T1, "file-3")


async def test_a_batch_without_lines_makes_no_files(objects: Objects) -> None:
    await objects.batches.add(T1, batch("batch_1"), most=1)
    failed = batch("batch_1", status="failed")
    assert await objects.batches.finish(T1, failed, file("file-1"), file("file-2"), "validating")
    assert await objects.batches.get(T1, "batch_1") == failed
    assert await objects.files.list(T1, Page()) == ()


def upload(id: str, bytes: int = 6, expires_at: int = NOW + 3600) -> Upload:
    return Upload(id, f"{id}.txt", "user_data", bytes, NOW, expires_at)


async def parts_of(objects: Objects, id: str, *contents: bytes) -> list[str]:
    names = [f"{id}_part_{number}" for number in range(len(contents))]
    for name, part in zip(names, contents, strict=True):
        await objects.uploads.add_part(T1, UploadPart(name, id, len(part), NOW), part)
    return names


async def test_parts_become_a_file_in_the_order_that_is_asked_for(objects: Objects) -> None:
    large = bytes(range(256)) * 6_000
    whole = upload("upload_1", len(large) + 6)
    await objects.uploads.add(T1, whole, most=1, room=ROOM)
    assert await objects.uploads.get(T1, "upload_1") == whole
    one, two, three = await parts_of(objects, "upload_1", b"def", large, b"abc")

    made = file("file-1", bytes=whole.bytes)
    await objects.uploads.complete(T1, "upload_1", [three, one, two], made, room=ROOM)

    assert await content(objects, T1, "file-1") == b"abcdef" + large
    done = replace(whole, status="completed", file="file-1")
    assert await objects.uploads.get(T1, "upload_1") == done
    for again in (
        objects.uploads.complete(T1, "upload_1", [one], file("file-2"), room=ROOM),
        objects.uploads.cancel(T1, "upload_1"),
        objects.uploads.add_part(T1, UploadPart("late", "upload_1", 1, NOW), b"x"),
    ):
        with pytest.raises(Conflict, match="completed"):
            await again


async def test_an_upload_is_one_tenants(objects: Objects) -> None:
    await objects.uploads.add(T1, upload("upload_1"), most=1, room=ROOM)
    [part] = await parts_of(objects, "upload_1", b"abcdef")
    await objects.uploads.add(T2, upload("upload_2"), most=1, room=ROOM)
    for call in (
        objects.uploads.get(T2, "upload_1"),
        objects.uploads.cancel(T2, "upload_1"),
        objects.uploads.add_part(T2, UploadPart("p", "upload_1", 1, NOW), b"x"),
        objects.uploads.complete(T2, "upload_2", [part], file("file-1", bytes=6), room=ROOM),
    ):
        with pytest.raises(NotFound):
            await call


async def test_what_is_not_as_it_was_announced_makes_no_file(objects: Objects) -> None:
    await objects.uploads.add(T1, upload("upload_1"), most=1, room=ROOM)
    one, two = await parts_of(objects, "upload_1", b"abc", b"def")
    with pytest.raises(TooLarge, match="6 are here, and 1 more"):
        await parts_of(objects, "upload_1", b"x")
    made = file("file-1", bytes=6)
    for parts, md5, error in (
        ([one], None, InvalidInput),
        ([one, "part_none"], None, NotFound),
        ([one, two], "0" * 32, InvalidInput),
    ):
        with pytest.raises(error):
            await objects.uploads.complete(T1, "upload_1", parts, made, room=ROOM, md5=md5)
        with pytest.raises(NotFound):
            await objects.files.get(T1, "file-1")
    digest = "e80b5017098950fc58aad83c8c14978e"
    await objects.uploads.complete(T1, "upload_1", [one, two], made, room=ROOM, md5=digest.upper())
    assert await content(objects, T1, "file-1") == b"abcdef"


async def test_uploads_have_room_together_and_so_many_at_once(objects: Objects) -> None:
    half = upload("upload_1", 6_000_000)
    await objects.uploads.add(T1, half, most=2, room=ROOM)
    with pytest.raises(TooLarge):
        await objects.uploads.add(T1, replace(half, id="upload_2"), most=2, room=ROOM)
    await objects.uploads.add(T1, upload("upload_3"), most=2, room=ROOM)
    with pytest.raises(Busy, match="files.max_uploads"):
        await objects.uploads.add(T1, upload("upload_4"), most=2, room=ROOM)
    await objects.uploads.cancel(T1, "upload_1")
    await objects.uploads.add(T1, upload("upload_5", 9_000_000), most=2, room=ROOM)
    assert (await objects.uploads.get(T1, "upload_1")).status == "cancelled"


async def test_late_uploads_are_given_up_and_forgotten_a_day_later(objects: Objects) -> None:
    await objects.uploads.add(T1, upload("upload_1", expires_at=NOW - 1), most=1, room=ROOM)
    assert (await objects.uploads.get(T1, "upload_1")).status == "expired"
    with pytest.raises(Conflict, match="expired"):
        await parts_of(objects, "upload_1", b"abc")
    await objects.uploads.sweep(NOW)
    assert (await objects.uploads.get(T1, "upload_1")).status == "expired"
    await objects.uploads.sweep(NOW + 86_400)
    with pytest.raises(NotFound):
        await objects.uploads.get(T1, "upload_1")
