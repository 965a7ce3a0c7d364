"""What the Open Responses specification asks of POST /v1/responses, case by case, in our own words.

https://www.openresponses.org: the cases are those of its compliance suite.
"""

import base64
import json
from typing import Any
from urllib.request import Request, urlopen

import pytest
from tests.fixtures.process import ServerProcess
from tests.fixtures.responses_wire import checked, events_of, types_of

ALWAYS = frozenset(
    {"id", "object", "created_at", "completed_at", "status", "incomplete_details", "model",
     "previous_response_id", "instructions", "output", "error", "tools", "tool_choice",
     "truncation", "parallel_tool_calls", "text", "top_p", "presence_penalty", "frequency_penalty",
     "top_logprobs", "temperature", "reasoning", "usage", "max_output_tokens", "max_tool_calls",
     "store", "background", "service_tier", "metadata", "safety_identifier", "prompt_cache_key"}
)  # fmt: skip
"""Fields that a response has, whatever was asked for."""

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="
MODELS = ["default", "shop"]
"""The scripted one, and an assistant over the built-in one."""


def said(role: str, *content: Any) -> dict[str, Any]:
    parts = content[0] if len(content) == 1 and isinstance(content[0], str) else list(content)
    return {"type": "message", "role": role, "content": parts}


def post(server: ServerProcess, model: str, *items: Any, **fields: Any) -> bytes:
    body = json.dumps({"model": model, "input": list(items), **fields}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{server.v1}/responses", body, headers), timeout=60) as reply:
        return reply.read()


def completed(server: ServerProcess, model: str, *items: Any, **fields: Any) -> dict[str, Any]:
    response = checked(post(server, model, *items, **fields))
    assert response.keys() >= ALWAYS
    assert response["status"] == "completed"
    assert response["output"]
    return response


@pytest.mark.parametrize("model", MODELS)
def test_a_message_is_answered(server: ServerProcess, model: str) -> None:
    completed(server, model, said("user", "Say hello in three words."))


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_ends_with_the_whole_response(server: ServerProcess, model: str) -> None:
    events = events_of(post(server, model, said("user", "How long do refunds take?"), stream=True))

    assert types_of(events)[0] == "created"
    last = events[-1]
    assert last["type"] == "response.completed"
    assert last["response"].keys() >= ALWAYS
    assert "output_text.delta" in types_of(events)


@pytest.mark.parametrize("model", MODELS)
def test_a_system_message_comes_with_the_input(server: ServerProcess, model: str) -> None:
    completed(server, model, said("system", "You are a pirate."), said("user", "Say hello."))


@pytest.mark.parametrize("model", MODELS)
def test_former_turns_come_with_the_input(server: ServerProcess, model: str) -> None:
    completed(
        server,
        model,
        said("user", "My name is Alice."),
        said("assistant", "Hello Alice!"),
        said("user", "What is my name?"),
    )


def test_a_function_is_called_and_its_result_taken(server: ServerProcess) -> None:
    question = said("user", "What is the weather in Oslo?")
    response = completed(server, "default", question, tools=[WEATHER])
    [call] = [item for item in response["output"] if item["type"] == "function_call"]
    assert json.loads(call["arguments"]) == {"city": "Oslo"}

    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
    after = completed(server, "default", question, call, result, tools=[WEATHER])
    assert after["output"][-1]["content"][0]["text"] == "Take an umbrella."


def test_a_call_is_streamed_with_its_arguments(server: ServerProcess) -> None:
    question = said("user", "What is the weather in Oslo?")
    events = events_of(post(server, "default", question, tools=[WEATHER], stream=True))

    held = {
        event["type"].removeprefix("response."): event.get("item", {}).get("type")
        for event in events
        if "output_item" in event["type"]
    }
    assert held == {"output_item.added": "function_call", "output_item.done": "function_call"}
    assert {"function_call_arguments.delta", "function_call_arguments.done"} <= set(
        types_of(events)
    )


def test_an_image_comes_with_the_input(server: ServerProcess) -> None:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
    completed(server, "default", said("user", {"type": "input_text", "text": "See:"}, image))


def test_a_file_comes_with_the_input(server: ServerProcess) -> None:
    data = base64.b64encode(b"Refunds take 30 days.").decode()
    file = {"type": "input_file", "filename": "terms.txt", "file_data": data}
    completed(server, "default", said("user", {"type": "input_text", "text": "Read:"}, file))


@pytest.mark.parametrize("model", MODELS)
def test_a_response_goes_on_from_the_last(server: ServerProcess, model: str) -> None:
    first = completed(server, model, said("user", "My name is Alice."))
    second = completed(
        server, model, said("user", "What is my name?"), previous_response_id=first["id"]
    )
    assert second["previous_response_id"] == first["id"]


def test_files_are_searched(server: ServerProcess) -> None:
    search = {"type": "file_search", "vector_store_ids": ["policies"]}
    response = completed(
        server,
        "default",
        said("user", "Please search for refunds"),
        tools=[search],
        include=["file_search_call.results"],
    )
    call, message = response["output"]
    assert call["results"][0]["filename"] == "Refunds"
    [citation] = message["content"][0]["annotations"]
    assert citation["type"] == "file_citation"
