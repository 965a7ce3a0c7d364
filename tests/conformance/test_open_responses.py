"""What the Open Responses specification asks of POST /v1/responses, case by case, in our own words.

https://www.openresponses.org: the cases are those of its compliance suite.
"""

import base64
import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.fixtures.process import ServerProcess
from tests.fixtures.responses_wire import check_items, checked, events_of, types_of

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


IMAGE = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "text": ([said("user", "Say hello in three words.")], {}),
    "system": ([said("system", "You are a pirate."), said("user", "Say hello.")], {}),
    "developer": ([said("developer", "Be short."), said("user", "Say hello.")], {}),
    "turns": (
        [
            said("user", "My name is Alice."),
            said("assistant", "Hello Alice!"),
            said("user", "What is my name?"),
        ],
        {},
    ),
    "call": ([said("user", "What is the weather in Oslo?")], {"tools": [WEATHER]}),
    "image": ([said("user", {"type": "input_text", "text": "See:"}, IMAGE)], {}),
    "search": (
        [said("user", "Please search for refunds")],
        {"tools": [{"type": "file_search", "vector_store_ids": ["policies"]}]},
    ),
    "padded": (
        [said("user", "Say hello.")],
        {"stream_options": {"include_obfuscation": True}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_case_streams_its_items_one_by_one_and_ends_as_it_is_kept(
    server: ServerProcess, name: str
) -> None:
    items, fields = CASES[name]
    events = events_of(post(server, "default", *items, stream=True, **fields))

    check_items(events)
    assert [each["response"]["status"] for each in events if "response" in each] == [
        "in_progress", "in_progress", "completed",
    ]  # fmt: skip
    for each in events:
        if each["type"] == "response.output_text.delta":
            assert isinstance(each["logprobs"], list)
            assert ("obfuscation" in each) == (name == "padded")
    told = events[-1]["response"]
    assert told.keys() >= ALWAYS
    with urlopen(f"{server.v1}/responses/{told['id']}", timeout=60) as reply:
        assert checked(reply.read()) == told


def test_an_error_names_the_field_at_fault(server: ServerProcess) -> None:
    for fields, param, code in (
        ({"temperature": 3}, "temperature", None),
        ({"tools": [{"type": "unheard_of"}]}, "tools.0.type", None),
        ({"unheard_of": 1}, "unheard_of", "unknown_parameter"),
        ({"previous_response_id": "resp_0"}, "previous_response_id", "previous_response_not_found"),
    ):
        with pytest.raises(HTTPError) as raised:
            post(server, "default", said("user", "Hi"), **fields)
        error = json.loads(raised.value.read())["error"]
        assert (raised.value.code, error["param"]) == (400, param)
        assert error["type"] == "invalid_request_error"
        assert code in (None, error["code"])


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
