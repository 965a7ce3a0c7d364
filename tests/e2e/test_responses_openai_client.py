"""Responses and conversations of the real server process, driven by OpenAI's own client."""

import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage
from pydantic import BaseModel
from tests.fixtures.process import ServerProcess, start_process

TOML = """
[embedder]
use = "hashing"
[models.default]
use = "scripted"
chunk_characters = 5
usage = { input_tokens = 5, output_tokens = 3 }
replies = ["Hello there, friend."]
rules = [
  { match = "search for refunds", result = "source", reply = "Refunds take 30 days [1]." },
  { match = "search for refunds", tool_calls = [
    { name = "file_search", arguments = { queries = ["refunds"] } } ] },
  { match = "weather", result = "rain", reply = "Take an umbrella." },
  { match = "weather", tool_calls = [ { name = "weather", arguments = { city = "Oslo" } } ] },
  { match = "as json", reply = { city = "Oslo", degrees = 7 } },
  { match = "think", reasoning = "Let me see.", reply = "Done." },
]
[models.slow]
use = "scripted"
delay_seconds = 0.05
chunk_characters = 5
replies = ["This goes on and on and on and on and on and on and on and on and on and on and on."]
"""
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Place(BaseModel):
    city: str
    degrees: int


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("responses")
    server = start_process(folder, TOML, folder / "server.log")
    try:
        server.wait_until_ready()
        document = {"id": "refunds.md", "title": "Refunds", "text": "Refunds take 30 days."}
        request = Request(
            f"{server.url}/api/collections/policies/documents",
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request) as response:
            assert json.load(response)["documents"]["added"] == 1
        yield server
    finally:
        server.kill()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.v1, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def aclient(server: ServerProcess) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.v1, api_key="none", max_retries=0) as client:
        yield client


def test_the_sync_client_creates_looks_up_goes_on_and_deletes(client: OpenAI):
    first = client.responses.create(model="default", input="Hi", metadata={"a": "b"})
    assert (first.output_text, first.status) == ("Hello there, friend.", "completed")
    assert first.usage is not None
    assert first.usage.total_tokens == 8

    assert client.responses.retrieve(first.id) == first
    second = client.responses.create(
        model="default", input="And now?", previous_response_id=first.id
    )
    assert second.previous_response_id == first.id
    [item] = client.responses.input_items.list(second.id)
    assert item.id
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.create(model="default", input="x", previous_response_id=second.id)
    assert raised.value.code == "previous_response_not_found"


def test_the_stream_helper_builds_the_response(client: OpenAI):
    with client.responses.stream(model="default", input="Please think") as stream:
        types = [event.type for event in stream]
        final = stream.get_final_response()

    assert types[0] == "response.created"
    assert types[-1] == "response.completed"
    assert "response.reasoning_text.delta" in types
    assert final.output_text == "Done."
    assert [item.type for item in final.output] == ["reasoning", "message"]


def test_structured_output_is_parsed_whole_and_streamed(client: OpenAI):
    parsed = client.responses.parse(model="default", input="as json", text_format=Place)
    assert parsed.output_parsed == Place(city="Oslo", degrees=7)

    with client.responses.stream(model="default", input="as json", text_format=Place) as stream:
        assert stream.get_final_response().output_parsed == Place(city="Oslo", degrees=7)


def test_functions_are_called_and_their_results_sent_back(client: OpenAI):
    items: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    while True:
        response = client.responses.create(model="default", input=items, tools=[WEATHER])
        items += response.output
        calls = [each for each in response.output if isinstance(each, ResponseFunctionToolCall)]
        if not calls:
            break
        assert [json.loads(call.arguments) for call in calls] == [{"city": "Oslo"}]
        items += [
            {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
            for call in calls
        ]
    assert response.output_text == "Take an umbrella."

    first = client.responses.create(model="default", input="What is the weather?", tools=[WEATHER])
    [call] = [each for each in first.output if isinstance(each, ResponseFunctionToolCall)]
    second = client.responses.create(
        model="default",
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "rain"}],
        tools=[WEATHER],
    )
    assert second.output_text == "Take an umbrella."


def test_file_search_finds_and_cites(client: OpenAI):
    response = client.responses.create(
        model="default",
        input="search for refunds",
        tools=[{"type": "file_search", "vector_store_ids": ["policies"]}],
        include=["file_search_call.results"],
    )

    call, message = response.output
    assert call.type == "file_search_call"
    assert call.results is not None
    assert call.results[0].filename == "Refunds"
    assert isinstance(message, ResponseOutputMessage)
    [part] = message.content
    assert part.type == "output_text"
    [annotation] = part.annotations
    assert annotation.type == "file_citation"
    assert annotation.file_id == "refunds.md"


async def test_the_async_client_streams_cancels_and_takes_up_again(aclient: AsyncOpenAI):
    async with aclient.responses.stream(model="default", input="Hi") as stream:
        texts = [e.delta async for e in stream if e.type == "response.output_text.delta"]
    assert "".join(texts) == "Hello there, friend."

    queued = await aclient.responses.create(model="default", input="Hi", background=True)
    assert queued.status == "queued"
    async with aclient.responses.stream(response_id=queued.id) as stream:
        final = await stream.get_final_response()
    assert final.output_text == "Hello there, friend."
    later = await aclient.responses.retrieve(queued.id, stream=True, starting_after=3)
    numbers = [event.sequence_number async for event in later]
    assert numbers == list(range(4, 4 + len(numbers)))

    slow = await aclient.responses.create(model="slow", input="Hi", background=True)
    assert (await aclient.responses.cancel(slow.id)).status == "cancelled"
    assert (await aclient.responses.retrieve(slow.id)).status == "cancelled"
    with pytest.raises(openai.NotFoundError):
        await aclient.responses.create(model="nobody", input="Hi")


async def test_conversations_are_made_used_changed_and_deleted(aclient: AsyncOpenAI):
    made = await aclient.conversations.create(
        metadata={"topic": "demo"}, items=[{"role": "user", "content": "I am Ada."}]
    )
    await aclient.responses.create(model="default", input="Hi", conversation=made.id)

    items = [item async for item in aclient.conversations.items.list(made.id, order="asc")]
    assert [item.type for item in items] == ["message"] * 3
    added = await aclient.conversations.items.create(
        made.id, items=[{"role": "user", "content": "More"}]
    )
    one = await aclient.conversations.items.retrieve(
        added.data[0].id or "", conversation_id=made.id
    )
    assert one == added.data[0]
    await aclient.conversations.items.delete(one.id or "", conversation_id=made.id)
    changed = await aclient.conversations.update(made.id, metadata={"topic": "other"})
    assert (await aclient.conversations.retrieve(made.id)) == changed
    assert (await aclient.conversations.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await aclient.conversations.retrieve(made.id)
