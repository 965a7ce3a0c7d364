"""Files and vector stores of the real server process, driven by OpenAI's own client."""

from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import openai
import pytest
from openai import OpenAI
from tests.fixtures.process import start_process

TOML = """
[embedder]
use = "hashing"
[models.default]
use = "scripted"
usage = { input_tokens = 5, output_tokens = 3 }
replies = ["Hello there."]
"""
POLL = 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[OpenAI]:
    server = start_process(folder, TOML, folder / "server.log")
    try:
        server.wait_until_ready()
        with OpenAI(base_url=server.v1, api_key="none", max_retries=0) as client:
            yield client
    finally:
        server.kill()


def test_a_file_goes_up_and_comes_back(client: OpenAI) -> None:
    file = client.files.create(
        file=("note.txt", b"A note."), purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )  # fmt: skip
    assert (file.bytes, file.status, file.filename) == (7, "processed", "note.txt")
    assert file.expires_at == file.created_at + 3600
    assert client.files.retrieve(file.id) == file
    assert [each.id for each in client.files.list(purpose="user_data", limit=1)] == [file.id]
    assert client.files.content(file.id).read() == b"A note."
    assert client.files.wait_for_processing(file.id).status == "processed"
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError, match="There is no file"):
        client.files.retrieve(file.id)


def test_a_file_goes_up_in_parts(client: OpenAI) -> None:
    content = bytes(range(256)) * 100
    whole = client.uploads.upload_file_chunked(
        file=content, filename="data.bin", bytes=len(content), mime_type="text/plain",
        purpose="user_data", part_size=10_000, md5=md5(content, usedforsecurity=False).hexdigest(),
    )  # fmt: skip
    assert (whole.status, whole.bytes, whole.expires_at) == (
        "completed", len(content), whole.created_at + 3600)  # fmt: skip
    assert whole.file is not None
    assert client.files.content(whole.file.id).read() == content

    begun = client.uploads.create(
        filename="a.txt", bytes=6, mime_type="text/plain", purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )  # fmt: skip
    part = client.uploads.parts.create(upload_id=begun.id, data=b"abc")
    assert (part.object, part.upload_id) == ("upload.part", begun.id)
    with pytest.raises(openai.BadRequestError, match="announced with 6"):
        client.uploads.complete(begun.id, part_ids=[part.id])
    with pytest.raises(openai.APIStatusError, match="more are too many"):
        client.uploads.parts.create(upload_id=begun.id, data=b"defg")
    second = client.uploads.parts.create(upload_id=begun.id, data=b"def")
    done = client.uploads.complete(begun.id, part_ids=[part.id, second.id])
    assert done.file is not None
    assert done.file.expires_at == done.file.created_at + 3600
    with pytest.raises(openai.ConflictError, match="is completed"):
        client.uploads.cancel(begun.id)

    left = client.uploads.create(
        filename="a.txt", bytes=6, mime_type="text/plain", purpose="user_data"
    )
    assert client.uploads.cancel(left.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="bytes"):
        client.uploads.create(filename="a", bytes=0, mime_type="text/plain", purpose="user_data")
    with pytest.raises(openai.NotFoundError, match="There is no upload"):
        client.uploads.parts.create(upload_id="upload_none", data=b"abc")


def test_files_are_uploaded_into_a_vector_store_and_searched(client: OpenAI, folder: Path) -> None:
    store = client.vector_stores.create(name="weather", metadata={"team": "north"})
    rain = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("rain.md", b"# Rain\n\nRain falls in Bergen."),
        attributes={"year": 2025, "wet": True}, poll_interval_ms=POLL,
    )  # fmt: skip
    assert (rain.status, rain.last_error) == ("completed", None)
    (folder / "sun.txt").write_text("Sun shines in Oslo.")
    with (folder / "sun.txt").open("rb") as sun:
        batch = client.vector_stores.file_batches.upload_and_poll(
            store.id, files=[sun, ("snow.txt", b"Snow lies in Tromso.")], poll_interval_ms=POLL
        )
    assert (batch.status, batch.file_counts.completed) == ("completed", 2)
    listed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id)
    assert {each.status for each in listed} == {"completed"}
    assert client.vector_stores.retrieve(store.id).file_counts.completed == 3

    found = client.vector_stores.search(
        store.id, query="Where does rain fall?", rewrite_query=True, max_num_results=2,
        filters={"type": "and", "filters": [
            {"type": "eq", "key": "wet", "value": True},
            {"type": "in", "key": "year", "value": [2024, 2025]},
        ]},
        ranking_options={"ranker": "auto", "score_threshold": 0.01},
    )  # fmt: skip
    assert [(hit.file_id, hit.filename) for hit in found] == [(rain.id, "rain.md")]
    assert "Bergen" in found.data[0].content[0].text
    assert found.data[0].attributes is not None
    assert found.data[0].attributes["year"] == 2025
    answer = client.responses.create(
        model="quote", input="Where does rain fall?", include=["file_search_call.results"],
        tools=[{"type": "file_search", "vector_store_ids": [store.id]}],
    )  # fmt: skip
    call = answer.output[0]
    assert call.type == "file_search_call"
    assert call.results is not None
    assert "Rain falls in Bergen." in (call.results[0].text or "")
    content = client.vector_stores.files.content(rain.id, vector_store_id=store.id)
    assert "Rain falls in Bergen." in (content.data[0].text or "")

    changed = client.vector_stores.files.update(
        rain.id, vector_store_id=store.id, attributes={"wet": False}
    )
    assert (changed.attributes, changed.status) == ({"wet": False}, "completed")
    one_by_one = [
        each.id for each in client.vector_stores.files.list(store.id, limit=1, order="asc")
    ]
    assert (len(one_by_one), one_by_one[0]) == (3, rain.id)
    for each in client.vector_stores.files.list(store.id, limit=1):
        assert client.vector_stores.files.delete(each.id, vector_store_id=store.id).deleted
    assert client.vector_stores.search(store.id, query="rain").data == []

    renamed = client.vector_stores.update(store.id, name="sky")
    assert (renamed.name, renamed.metadata) == ("sky", {"team": "north"})
    assert [each.id for each in client.vector_stores.list(limit=1)] == [store.id]
    assert client.vector_stores.delete(store.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.retrieve(store.id)
