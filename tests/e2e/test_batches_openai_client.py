"""Batches of the real server process, driven by OpenAI's own client."""

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types import Batch
from tests.fixtures.process import start_process

SECONDS = 60
TOML = """
[embedder]
use = "hashing"
[batches]
max_requests = 60
[models.default]
use = "scripted"
usage = { input_tokens = 5, output_tokens = 3 }
replies = ["Hello there."]
[models.slow]
use = "scripted"
replies = ["At last."]
delay_seconds = 0.3
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    folder = tmp_path_factory.mktemp("server")
    server = start_process(folder, TOML, folder / "server.log")
    try:
        server.wait_until_ready()
        with OpenAI(base_url=server.v1, api_key="none", max_retries=0) as client:
            yield client
    finally:
        server.kill()


def line(id: str, url: str = "/v1/chat/completions", **body: Any) -> dict[str, Any]:
    return {"custom_id": id, "method": "POST", "url": url, "body": body}


def chat(id: str, model: str = "default") -> dict[str, Any]:
    return line(id, model=model, messages=[{"role": "user", "content": f"Number {id}"}])


def upload(client: OpenAI, lines: list[dict[str, Any]] | bytes) -> str:
    content = lines if isinstance(lines, bytes) else "\n".join(map(json.dumps, lines)).encode()
    return client.files.create(file=("requests.jsonl", content), purpose="batch").id


def begin(client: OpenAI, lines: list[dict[str, Any]] | bytes, endpoint: Any) -> Batch:
    return client.batches.create(
        input_file_id=upload(client, lines), endpoint=endpoint, completion_window="24h"
    )


def ended(client: OpenAI, id: str) -> Batch:
    end = time.monotonic() + SECONDS
    while (batch := client.batches.retrieve(id)).status in {
        "validating", "in_progress", "finalizing", "cancelling",
    }:  # fmt: skip
        assert time.monotonic() < end
        time.sleep(0.05)
    return batch


def rows(client: OpenAI, file: str | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    return [json.loads(each) for each in client.files.content(file).text.splitlines()]


def test_answers_and_errors_come_as_files_in_the_order_of_the_requests(client: OpenAI) -> None:
    lines = [chat(f"r{number}") for number in range(12)]
    lines[3]["body"]["model"] = "nobody"
    made = client.batches.create(
        input_file_id=upload(client, lines),
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"team": "north"},
        output_expires_after={"anchor": "created_at", "seconds": 3_600},
    )
    assert (made.object, made.status, made.metadata) == ("batch", "validating", {"team": "north"})
    assert made.expires_at == made.created_at + 86_400

    batch = ended(client, made.id)
    assert (batch.status, batch.errors, batch.model) == ("completed", None, None)
    assert batch.request_counts is not None
    assert batch.usage is not None
    assert batch.request_counts.to_dict() == {"total": 12, "completed": 11, "failed": 1}
    assert (batch.usage.input_tokens, batch.usage.output_tokens) == (55, 33)
    assert batch.usage.total_tokens == 88
    times = batch.in_progress_at, batch.finalizing_at, batch.completed_at
    assert all(isinstance(each, int) for each in times)

    output, errors = rows(client, batch.output_file_id), rows(client, batch.error_file_id)
    assert [row["custom_id"] for row in output] == [f"r{n}" for n in range(12) if n != 3]
    assert len({row["id"] for row in output}) == 11
    first = output[0]
    assert first["error"] is None
    assert first["response"]["status_code"] == 200
    assert first["response"]["request_id"]
    completion = first["response"]["body"]
    assert completion["object"] == "chat.completion"
    assert completion["choices"][0]["message"]["content"] == "Hello there."
    (failed,) = errors
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("r3", 404)
    assert "nobody" in failed["response"]["body"]["error"]["message"]

    file = client.files.retrieve(batch.output_file_id or "")
    assert (file.purpose, file.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    assert file.bytes == len(client.files.content(file.id).read())
    assert file.expires_at == file.created_at + 3_600
    with pytest.raises(openai.ConflictError, match="completed"):
        client.batches.cancel(batch.id)


@pytest.mark.parametrize(
    ("endpoint", "body", "kind"),
    [
        ("/v1/responses", {"model": "default", "input": "Hello"}, "response"),
        ("/v1/moderations", {"model": "default", "input": "Hello"}, None),
        ("/v1/embeddings", {"model": "hashing", "input": ["rain", "sun"]}, "list"),
    ],
)
def test_every_endpoint_answers_as_it_does_alone(
    client: OpenAI, endpoint: str, body: dict[str, Any], kind: str | None
) -> None:
    if endpoint == "/v1/embeddings":
        body = {**body, "model": next(m.id for m in client.models.list() if "hash" in m.id)}
    batch = ended(client, begin(client, [line("only", endpoint, **body)], endpoint).id)
    assert (batch.status, batch.model, batch.error_file_id) == ("completed", body["model"], None)
    (row,) = rows(client, batch.output_file_id)
    assert row["response"]["body"].get("object") == kind


def test_a_file_with_wrong_lines_fails_and_says_which(client: OpenAI) -> None:
    wrong = [
        json.dumps(chat("a")).encode(),
        b"{not json",
        json.dumps(chat("a")).encode(),
        json.dumps({**chat("b"), "url": "/v1/embeddings"}).encode(),
        json.dumps({**chat("c"), "method": "GET"}).encode(),
        json.dumps({"method": "POST", "url": "/v1/chat/completions", "body": {}}).encode(),
        json.dumps(line("d", model="default", messages=[], stream=True)).encode(),
    ]
    batch = ended(client, begin(client, b"\n".join(wrong), "/v1/chat/completions").id)
    assert batch.status == "failed"
    assert batch.failed_at
    assert batch.errors
    assert batch.errors.data
    assert [(each.line, each.code, each.param) for each in batch.errors.data] == [
        (2, "invalid_json_line", None),
        (3, "duplicate_custom_id", "custom_id"),
        (4, "invalid_url", "url"),
        (5, "invalid_method", "method"),
        (6, "missing_required_parameter", "custom_id"),
        (7, "unsupported_parameter", "body.stream"),
    ]
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    many = ended(
        client, begin(client, [chat(str(n)) for n in range(61)], "/v1/chat/completions").id
    )
    assert many.errors
    assert many.errors.data
    assert [each.code for each in many.errors.data] == ["too_many_requests"]
    blank = ended(client, begin(client, b"\n \n", "/v1/chat/completions").id)
    assert blank.errors
    assert blank.errors.data
    assert blank.errors.data[0].code == "empty_file"


def test_a_cancelled_batch_tells_what_was_answered_and_what_was_not(client: OpenAI) -> None:
    made = begin(client, [chat(f"r{n}", "slow") for n in range(40)], "/v1/chat/completions")
    end = time.monotonic() + SECONDS
    while not client.batches.retrieve(made.id).request_counts.completed:  # pyright: ignore[reportOptionalMemberAccess]
        assert time.monotonic() < end
        time.sleep(0.05)
    assert client.batches.cancel(made.id).status == "cancelling"
    batch = ended(client, made.id)
    assert batch.status == "cancelled"
    assert batch.cancelling_at
    assert batch.cancelled_at
    output, errors = rows(client, batch.output_file_id), rows(client, batch.error_file_id)
    assert 0 < len(output) < 40
    assert {row["error"]["code"] for row in errors} == {"batch_cancelled"}
    assert sorted(row["custom_id"] for row in [*output, *errors]) == sorted(
        f"r{n}" for n in range(40)
    )
    assert client.batches.cancel(made.id).status == "cancelled"


def test_lists_are_paged_newest_first(client: OpenAI) -> None:
    made = [begin(client, [chat("a")], "/v1/chat/completions").id for _ in range(3)]
    page = client.batches.list(limit=2)
    assert [each.id for each in page.data] == made[:0:-1]
    assert page.has_next_page()
    assert next(each.id for each in page.get_next_page().data) == made[0]


def test_what_no_batch_can_be_made_of_is_refused_at_once(client: OpenAI) -> None:
    file = upload(client, [chat("a")])
    other = client.files.create(file=("a.jsonl", b"{}"), purpose="user_data").id
    for given, param in (
        ({"endpoint": "/v1/images/generations"}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"completion_window": "721h"}, "completion_window"),
        ({"input_file_id": other}, "input_file_id"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "output_expires_after"),
    ):
        wanted: dict[str, Any] = {
            "input_file_id": file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            **given,
        }
        with pytest.raises(openai.BadRequestError) as refused:
            client.batches.create(**wanted)
        assert str(refused.value.param).startswith(param)
    with pytest.raises(openai.NotFoundError, match="There is no file"):
        client.batches.create(
            input_file_id="file-0", endpoint="/v1/chat/completions", completion_window="24h"
        )
    with pytest.raises(openai.NotFoundError, match="There is no batch"):
        client.batches.retrieve("batch_0")
