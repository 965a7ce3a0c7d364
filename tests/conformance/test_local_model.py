"""OpenAI's official client against a real model: SmolLM2-135M under a managed server.

What it says is often wrong; that each answer has its form is what is tested.
"""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel
from tests.fixtures.local_model import ONE_THREAD, SERVERS, WEIGHTS
from tests.fixtures.process import ServerProcess, start_process

pytestmark = pytest.mark.timeout(600)

CAPITAL: Any = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
NAMED: Any = {"type": "function", "function": {"name": "weather"}}


class Place(BaseModel):
    model_config = {"extra": "forbid"}

    capital: bool
    inhabitants: int


@pytest.fixture(scope="module", params=SERVERS)
def local(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("local")
    toml = f"""
[embedder]
use = "hashing"
[models.default]
use = "managed"
server = "{request.param}"
model = "{WEIGHTS}"
context_size = 1024
args = {json.dumps(ONE_THREAD[request.param])}
"""
    server = start_process(folder, toml, folder / "server.log")
    try:
        server.wait_until_ready()
        yield server
        assert "Traceback" not in server.log.read_text()
    finally:
        server.kill()


@pytest.fixture
def client(local: ServerProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=local.v1, api_key="none", max_retries=0, timeout=300) as client:
        yield client


def test_an_answer_is_the_same_whole_and_streamed_and_comes_in_pieces(client: OpenAI) -> None:
    given: Any = {"model": "default", "messages": CAPITAL, "temperature": 0, "max_tokens": 12}
    whole = client.chat.completions.create(**given)
    with client.chat.completions.stream(**given, stream_options={"include_usage": True}) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        streamed = stream.get_final_completion()

    assert "Paris" in (whole.choices[0].message.content or "")
    assert len(pieces) > 1
    assert "".join(pieces) == streamed.choices[0].message.content
    assert streamed.choices[0].message.content == whole.choices[0].message.content
    assert whole.choices[0].finish_reason == streamed.choices[0].finish_reason == "stop"
    for usage in (whole.usage, streamed.usage):
        assert usage is not None
        assert usage.prompt_tokens > 10
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_the_limit_of_tokens_and_words_to_stop_at_end_an_answer(client: OpenAI) -> None:
    given: Any = {"model": "default", "messages": CAPITAL, "temperature": 0}
    limited = client.chat.completions.create(**given, max_tokens=3).choices[0]
    free = client.chat.completions.create(**given, max_tokens=24).choices[0]
    stopped = client.chat.completions.create(**given, max_tokens=24, stop=["France"]).choices[0]

    said = free.message.content or ""
    assert limited.finish_reason == "length"
    assert said.startswith(limited.message.content or "-")
    assert stopped.finish_reason == "stop"
    assert stopped.message.content == said.partition("France")[0]


def test_a_schema_holds_whatever_the_model_would_say(client: OpenAI) -> None:
    parsed = client.chat.completions.parse(
        model="default", messages=CAPITAL, response_format=Place, temperature=0, max_tokens=64
    )

    assert isinstance(parsed.choices[0].message.parsed, Place)


def test_a_tool_that_is_demanded_is_called_with_arguments_of_its_schema(
    client: OpenAI, request: pytest.FixtureRequest
) -> None:
    if "llama-server" in request.node.name:
        pytest.skip("llama-server leaves tools to the model's template, and SmolLM2's knows none")
    asked: Any = [{"role": "user", "content": "What is the weather in Oslo?"}]
    given: Any = {"model": "default", "temperature": 0, "max_tokens": 64, "tools": [WEATHER]}
    whole = client.chat.completions.create(**given, messages=asked, tool_choice=NAMED)
    with client.chat.completions.stream(**given, messages=asked, tool_choice=NAMED) as stream:
        streamed = stream.get_final_completion()
    for completion in (whole, streamed):
        assert completion.choices[0].finish_reason == "tool_calls"
        [call] = completion.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert call.function.name == "weather"
        assert json.loads(call.function.arguments)["city"] in {"Oslo", "Rome"}

    [call] = whole.choices[0].message.tool_calls or []
    turns: Any = [
        *asked,
        whole.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "rain"},
    ]
    after = client.chat.completions.create(**given, messages=turns, tool_choice="none")
    assert after.choices[0].message.content
    assert not after.choices[0].message.tool_calls


def test_responses_are_answered_and_continued(client: OpenAI) -> None:
    question = "What is the capital of France? Answer in one word."
    first = client.responses.create(
        model="default", input=question, temperature=0, max_output_tokens=12
    )
    with client.responses.stream(
        model="default",
        input="Say it again.",
        previous_response_id=first.id,
        temperature=0,
        max_output_tokens=12,
    ) as stream:
        kinds = [event.type for event in stream]
        second = stream.get_final_response()

    assert "Paris" in first.output_text
    assert second.output_text
    assert kinds[0] == "response.created"
    assert kinds[-1] in {"response.completed", "response.incomplete"}
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens


def test_a_conversation_that_is_too_long_is_openai_s_error(client: OpenAI) -> None:
    long: Any = [{"role": "user", "content": "A barn is red and a well is deep. " * 300}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="default", messages=long, max_tokens=8)

    assert caught.value.code == "context_length_exceeded"
    assert client.chat.completions.create(model="default", messages=CAPITAL, max_tokens=4).choices
