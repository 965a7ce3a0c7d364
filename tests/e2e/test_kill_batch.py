"""kill -9 of `bedplate serve` in the middle of a batch: the next one answers what is left."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from openai import OpenAI
from tests.fixtures.process import ServerProcess

pytestmark = pytest.mark.slow

SECONDS = 90
COUNT = 80
TOML = """
[embedder]
use = "hashing"
[data]
dir = "data"
[models.default]
use = "scripted"
replies = ["Hello."]
delay_seconds = 0.1
"""


def line(number: int) -> dict[str, Any]:
    body = {"model": "default", "messages": [{"role": "user", "content": f"Number {number}"}]}
    return {"custom_id": str(number), "method": "POST", "url": "/v1/chat/completions", "body": body}


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_batch_tells_each_answer_once(
    start_server: Callable[[str], ServerProcess],
) -> None:
    server = start_server(TOML)
    client = OpenAI(base_url=server.v1, api_key="none", max_retries=0)
    content = "\n".join(json.dumps(line(number)) for number in range(COUNT)).encode()
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )

    def completed(least: int) -> bool:
        counts = client.batches.retrieve(made.id).request_counts
        return counts is not None and counts.completed >= least

    for least in (10, 30):
        until(lambda least=least: completed(least))
        assert client.batches.retrieve(made.id).status == "in_progress"
        client.close()
        server.kill()
        server = start_server(TOML)
        client = OpenAI(base_url=server.v1, api_key="none", max_retries=0)
        assert completed(least)
    until(lambda: client.batches.retrieve(made.id).status == "completed")
    batch = client.batches.retrieve(made.id)
    assert batch.request_counts is not None
    assert batch.request_counts.to_dict() == {"total": COUNT, "completed": COUNT, "failed": 0}
    output = client.files.content(batch.output_file_id or "").text.splitlines()
    assert [json.loads(row)["custom_id"] for row in output] == [str(n) for n in range(COUNT)]
    assert [each.purpose for each in client.files.list()].count("batch_output") == 1
    client.close()
