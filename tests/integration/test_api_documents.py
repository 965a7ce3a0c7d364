import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.fixtures.serving import Reply, Served, serving

DOCUMENTS = "/api/collections/shop/documents"
COAT: dict[str, Any] = {
    "id": "coat",
    "title": "Trench coat",
    "text": "A coat for rainy weather.",
    "metadata": {"price": 129.5, "stock": 3, "sale": True, "tags": ["rain", "wool"]},
}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[Served]:
    async with serving(tmp_path) as served:
        yield served


async def put(served: Served, path: str, content: bytes, media_type: str, **query: str) -> Reply:
    return await served.request(
        "PUT",
        f"{DOCUMENTS}/{quote(path)}",
        data=content,
        headers={"Content-Type": media_type},
        params=query,
    )


async def test_a_collection_is_made_once_listed_and_deleted(served: Served):
    made = await served.post("/api/collections", {"name": "shop"})
    again = await served.post("/api/collections", {"name": "shop"})
    listed = await served.get("/api/collections")
    deleted = await served.request("DELETE", "/api/collections/shop")
    gone = await served.get("/api/collections/shop")

    assert (made.status, again.status) == (201, 200)
    assert made.json == again.json
    assert made.json["embedder"] == "hashing-256"
    assert listed.json == {"collections": [made.json]}
    assert (deleted.status, deleted.json) == (200, {"id": "shop", "deleted": True})
    assert (gone.status, gone.error["param"]) == (404, "collection")


@pytest.mark.parametrize("name", ["", " ", "a/b", "a\nb", "x" * 201])
async def test_a_name_that_no_path_could_hold_is_refused(served: Served, name: str):
    reply = await served.post("/api/collections", {"name": name})

    assert (reply.status, reply.error["param"]) == (400, "collection")


async def test_documents_are_added_updated_and_left_alone(served: Served):
    first = await served.post(DOCUMENTS, COAT)
    second = await served.post(DOCUMENTS, [COAT, {**COAT, "id": "hat", "title": "Hat"}])
    third = await served.post(DOCUMENTS, [{**COAT, "text": "Sold out."}])

    assert first.json["documents"] == {
        "added": 1,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "skipped": 0,
        "failed": 0,
    }
    assert first.json["collection"] == "shop"
    assert first.json["ids"] == ["coat"]
    assert set(first.json) >= {"chunks", "redactions", "failures", "seconds"}
    assert second.json["documents"]["added"] == 1
    assert second.json["documents"]["unchanged"] == 1
    assert third.json["documents"]["updated"] == 1


async def test_metadata_keeps_its_types(served: Served):
    await served.post(DOCUMENTS, COAT)

    document = (await served.get(f"{DOCUMENTS}/coat")).json
    collection = (await served.get("/api/collections/shop")).json

    assert document["title"] == "Trench coat"
    assert {k: document["metadata"][k] for k in COAT["metadata"]} == COAT["metadata"]
    assert collection["fields"]["price"] == ["number"]
    assert collection["fields"]["sale"] == ["boolean"]
    assert (collection["documents"], collection["chunks"]) == (1, 1)


async def test_documents_without_an_id_get_new_ones(served: Served):
    text = {"text": "Same text."}

    first, second = await served.post(DOCUMENTS, text), await served.post(DOCUMENTS, [text, text])

    ids = [*first.json["ids"], *second.json["ids"]]
    assert len(set(ids)) == 3
    listed = await served.get(DOCUMENTS)
    assert [document["id"] for document in listed.json["documents"]] == sorted(ids)


async def test_documents_are_listed_in_pages(served: Served):
    await served.post(DOCUMENTS, [{"id": f"d{n}", "text": f"Number {n}."} for n in range(5)])

    first = (await served.get(DOCUMENTS, params={"limit": "3"})).json
    second = (await served.get(DOCUMENTS, params={"limit": "3", "after": first["after"]})).json

    assert [d["id"] for d in first["documents"]] == ["d0", "d1", "d2"]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert [d["id"] for d in second["documents"]] == ["d3", "d4"]


async def test_a_document_is_deleted_once(served: Served):
    await served.post(DOCUMENTS, COAT)

    deleted = await served.request("DELETE", f"{DOCUMENTS}/coat")
    again = await served.request("DELETE", f"{DOCUMENTS}/coat")

    assert (deleted.status, deleted.json["id"]) == (200, "coat")
    assert (again.status, again.error["param"]) == (404, "document_id")


async def test_a_file_is_put_under_an_id_that_may_look_like_a_path(served: Served):
    reply = await put(served, "policies/a b?.md", b"# Returns\n\nWithin 30 days.", "text/markdown")
    found = await served.get(f"{DOCUMENTS}/{quote('policies/a b?.md')}")

    assert reply.json["documents"]["added"] == 1
    assert found.json["title"] == "Returns"
    assert found.json["media_type"] == "text/markdown"


async def test_a_file_of_rows_is_posted_and_each_row_is_a_document(served: Served):
    rows = b'{"id":"a","text":"One."}\n{"id":"b","text":"Two."}\n{nope\n'

    reply = await served.request("POST", DOCUMENTS, data=rows, params={"name": "rows.jsonl"})

    assert reply.status == 200
    assert reply.json["documents"]["added"] == 2
    [failure] = reply.json["failures"]
    assert failure["source"] == "rows.jsonl:3"


async def test_a_file_of_rows_is_not_put_under_one_id(served: Served):
    rows = b'{"id":"a","text":"One."}\n{"id":"b","text":"Two."}\n'

    reply = await put(served, "x", rows, "application/jsonl")

    assert (reply.status, reply.error["code"]) == (422, "many_documents")
    assert (await served.get(DOCUMENTS)).json["documents"] == []


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.txt", "empty"),
        (b"%PDF-1.7 truncated", "a.pdf", None),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "a.txt", "unsupported"),
        (b"PK\x03\x04broken", "a.docx", None),
    ],
)
async def test_a_file_that_cannot_be_read_is_422_with_the_reason(
    served: Served, content: bytes, name: str, code: str | None
):
    reply = await served.request("POST", DOCUMENTS, data=content, params={"name": name})

    assert (reply.status, reply.error["type"]) == (422, "invalid_request_error")
    assert name in reply.error["message"]
    assert code is None or reply.error["code"] == code


@pytest.mark.parametrize("id", ["", " ", "a\tb", "x" * 501])
async def test_an_id_that_cannot_be_read_back_is_refused(served: Served, id: str):
    reply = await put(served, id, b"Text", "text/plain")

    assert (reply.status, reply.error["param"]) == (400, "document_id")


async def test_an_upload_needs_a_name(served: Served):
    reply = await served.request("POST", DOCUMENTS, data=b"Text")

    assert (reply.status, reply.error["param"]) == (400, "name")


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"id": "x"}, "text"),
        ([COAT, {"text": 3}], "1.text"),
        ({"text": "x", "txet": "y"}, "txet"),
        ({"text": "x", "id": ""}, "id"),
        ({"text": "x", "id": " "}, "id"),
        ({"text": "x", "id": "a\0"}, "id"),
        ({"text": "x", "metadata": {"title": "y"}}, "metadata.title"),
        ({"text": "x", "metadata": [1]}, "metadata"),
        ([], None),
        (["x"], "0."),
    ],
)
async def test_a_wrong_document_is_refused_by_its_field_and_nothing_is_kept(
    served: Served, sent: Any, param: str | None
):
    reply = await served.post(DOCUMENTS, sent)

    assert (reply.status, reply.error["param"]) == (400, param)
    assert (await served.get("/api/collections/shop")).status == 404


async def test_broken_json_is_refused(served: Served):
    reply = await served.request(
        "POST", DOCUMENTS, data=b'{"text": ', headers={"Content-Type": "application/json"}
    )

    assert reply.status == 400
    assert "not valid JSON" in reply.error["message"]


@pytest.mark.parametrize("form", [{"Content-Type": "application/x-www-form-urlencoded"}, {}])
@pytest.mark.parametrize(
    ("path", "sent"),
    [(DOCUMENTS, {"text": "x"}), ("/api/search", {"collection": "c", "query": "x"}),
     ("/api/collections", {"name": "c"})],
)  # fmt: skip
async def test_json_that_is_called_something_else_is_refused_with_the_way_out(
    served: Served, path: str, sent: Any, form: dict[str, str]
):
    """As curl sends it."""
    skipped = () if form else ("Content-Type",)
    reply = await served.request(
        "POST", path, data=json.dumps(sent).encode(), headers=form, skip_auto_headers=skipped
    )

    assert reply.status == 400
    said = form.get("Content-Type", "without a Content-Type")
    assert said in reply.error["message"]
    assert "Content-Type: application/json" in reply.error["message"]


async def test_a_document_with_an_empty_text_is_422(served: Served):
    reply = await served.post(DOCUMENTS, {"text": "  "})

    assert (reply.status, reply.error["code"]) == (422, "empty")


async def test_many_writers_at_once_lose_nothing(served: Served):
    async with asyncio.TaskGroup() as tasks:
        sent = [
            tasks.create_task(served.post(DOCUMENTS, {"id": f"d{n:02}", "text": f"Number {n}."}))
            for n in range(20)
        ]

    assert [task.result().json["documents"]["added"] for task in sent] == [1] * 20
    listed = (await served.get(DOCUMENTS)).json["documents"]
    assert [document["id"] for document in listed] == [f"d{n:02}" for n in range(20)]


async def test_personal_data_does_not_get_into_the_index(served: Served):
    reply = await served.post(DOCUMENTS, {"id": "m", "text": "Write to jane.doe@example.com now."})
    hits = (await served.post("/api/search", {"collection": "shop", "query": "write"})).json["hits"]

    assert reply.json["redactions"] == {"EMAIL": 1}
    assert "jane.doe" not in json.dumps(hits)


def events_of(reply: Reply) -> list[tuple[str, dict[str, Any]]]:
    parts = [each.decode().split("\n") for each in reply.body.split(b"\n\n")[:-1]]
    return [(name.removeprefix("event: "), json.loads(data[6:])) for name, data in parts]


async def test_a_stream_of_progress_ends_with_the_report(served: Served):
    rows = b"\n".join(b'{"id": "%d", "text": "text %d"}' % (n, n) for n in range(400))
    path = f"{DOCUMENTS}?name=rows.jsonl"
    streamed = await served.request("POST", f"{path}&stream=true", data=rows)
    plain = await served.request("POST", path, data=rows)

    *told, (last, report) = events_of(streamed)
    assert streamed.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert {name for name, _ in told} == {"progress"}
    assert told[-1][1]["bytes"] == told[-1][1]["total_bytes"] == len(rows)
    assert (told[-1][1]["done"], told[-1][1]["documents"]) == (1, 400)
    assert (last, report["documents"]["added"]) == ("report", 400)
    assert report.keys() == plain.json.keys()


async def test_documents_as_json_are_streamed_with_their_ids(served: Served):
    reply = await served.post(f"{DOCUMENTS}?stream=true", [COAT, {"text": ""}])
    report = events_of(reply)[-1][1]
    assert report["ids"][0] == "coat"
    assert (report["documents"]["added"], report["documents"]["failed"]) == (1, 1)


async def test_what_is_refused_outright_is_an_error_with_or_without_a_stream(served: Served):
    for path in (f"{DOCUMENTS}?name=a.bin", f"{DOCUMENTS}?name=a.bin&stream=true"):
        reply = await served.request("POST", path, data=b"\x00\x01\x02" * 20)
        assert (reply.status, reply.error["code"]) == (422, "binary")


async def test_a_client_that_leaves_a_stream_ends_it_and_what_was_kept_stays(tmp_path: Path):
    count = 4_000
    rows = b"\n".join(b'{"id": "%05d", "text": "text %d"}' % (n, n) for n in range(count))
    path = f"{DOCUMENTS}?name=rows.jsonl"
    async with serving(tmp_path, ingest__batch_chunks=20) as served:
        url = f"{served.url}{path}&stream=true"
        async with served.session.post(url, data=rows) as response:
            await response.content.readuntil(b"\n\n")
            response.close()
        before = -1
        kept = (await served.get("/api/collections")).json["collections"][0]["documents"]
        while kept != before:
            await asyncio.sleep(0.3)
            before = kept
            kept = (await served.get("/api/collections")).json["collections"][0]["documents"]
        again = await served.request("POST", path, data=rows)
    assert 0 < kept < count
    assert again.json["documents"]["unchanged"] == kept
    assert again.json["documents"]["added"] == count - kept
