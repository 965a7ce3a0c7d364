"""Anthropic's and Cohere's official clients. Skipped, loudly, where the client is not there."""

import json
from typing import Any
from urllib.request import Request, urlopen

import pytest
from tests.fixtures.process import ServerProcess


def test_anthropics_client_asks_streams_and_calls_tools(server: ServerProcess) -> None:
    anthropic = pytest.importorskip("anthropic")
    client = anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0)
    hi: Any = [{"role": "user", "content": "Hi"}]

    said = client.messages.create(model="default", max_tokens=100, messages=hi)
    assert said.content[0].text == "Hello there, friend."
    assert said.stop_reason == "end_turn"
    with client.messages.stream(model="default", max_tokens=100, messages=hi) as stream:
        assert "".join(stream.text_stream) == "Hello there, friend."
    tool = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
    asked: Any = [{"role": "user", "content": "What is the weather?"}]
    called = client.messages.create(model="default", max_tokens=100, messages=asked, tools=[tool])
    [use] = [block for block in called.content if block.type == "tool_use"]
    assert use.input == {"city": "Oslo"}
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "rain"}
    asked += [
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [result]},
    ]
    done = client.messages.create(model="default", max_tokens=100, messages=asked, tools=[tool])
    assert done.content[0].text == "Take an umbrella."
    counted = client.messages.count_tokens(model="default", messages=hi)
    assert counted.input_tokens > 0
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="nobody", max_tokens=1, messages=hi)


def test_documents_are_reranked_as_coheres_clients_ask(server: ServerProcess) -> None:
    """What its client sends, by hand: it puts its own version of the path before the call."""
    body = {
        "model": "default",
        "query": "refunds",
        "documents": ["The sky is blue.", "Refunds take 30 days."],
        "top_n": 1,
    }
    request = Request(
        f"{server.v1}/rerank", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request) as response:
        [first] = json.load(response)["results"]
    assert first["index"] == 1
