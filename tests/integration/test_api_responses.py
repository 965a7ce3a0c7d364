import base64
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.responses_wire import checked, events_of, trace, types_of
from tests.fixtures.serving import Served, asked, serving

from bedplate.domain.tools import ToolChoice

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/responses"
GOLDEN = Path(__file__).parent / "golden"
REFUND = "Refunds take 30 days. Send the parcel back to the shop."
WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SEARCH = {"type": "file_search", "vector_store_ids": ["policies"]}
SCRIPT = {
    "use": "scripted",
    "chunk_characters": 6,
    "usage": {"input_tokens": 5, "output_tokens": 3},
    "replies": ["Hello there"],
    "rules": [
        {"match": "refund", "result": "source", "reply": "Refunds take 30 days [1]."},
        {
            "match": "agent refund",
            "tool_calls": [{"name": "file_search", "arguments": {"queries": ["refund"]}}],
        },
        {"match": "refund", "reply": "Refunds take 30 days [1]."},
        {"match": "weather", "result": "rain", "reply": "Take an umbrella."},
        {
            "match": "weather",
            "tool_calls": [
                {"name": "weather", "arguments": {"city": "Oslo"}},
                {"name": "weather", "arguments": {"city": "Bergen"}},
            ],
        },
        {"match": "think", "reasoning": "Let me see.", "reply": "Done."},
        {"match": "as json", "reply": {"city": "Oslo"}},
    ],
}
BROKEN = {"use": "scripted", "replies": ["Hello there, friend"], "fail_after": 1}
DEAD = {"use": "scripted", "replies": ["Hello"], "fail_after": 0, "fail_with": "rate_limited"}
ASSISTANT = {"model": "default", "collections": ["policies"], "instructions": "Be brief."}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    folder = tmp_path_factory.mktemp("responses")
    models = {"default": SCRIPT, "quote": {"use": "quote"}, "broken": BROKEN, "dead": DEAD}
    settings: dict[str, Any] = {f"models__{name}": model for name, model in models.items()}
    async with serving(folder, **settings, assistants__support=ASSISTANT) as served:
        documents = [
            {
                "id": "refunds.md",
                "title": "Refunds",
                "text": REFUND,
                "metadata": {"lang": "en", "tags": ["a"]},
            },
            {"id": "tents.md", "title": "Tents", "text": "A tent.", "metadata": {"lang": "no"}},
        ]
        reply = await served.post("/api/collections/policies/documents", documents)
        assert reply.status == 200
        yield served


def body(input: Any = "Hi", **fields: Any) -> dict[str, Any]:
    return {"model": "default", "input": input, **fields}


async def create(served: Served, input: Any = "Hi", **fields: Any) -> dict[str, Any]:
    reply = await served.post(PATH, body(input, **fields))
    assert reply.status == 200, reply.body
    return checked(reply.body)


async def stream(served: Served, input: Any = "Hi", **fields: Any) -> list[dict[str, Any]]:
    reply = await served.post(PATH, body(input, stream=True, **fields))
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    return events_of(reply.body)


async def refused(served: Served, **fields: Any) -> dict[str, Any]:
    reply = await served.post(PATH, {"model": "default", "input": "Hi", **fields})
    assert reply.status in {400, 404}, reply.body
    return {"status": reply.status, **reply.error}


async def test_a_response_has_the_text_the_usage_and_every_setting(served: Served):
    response = await create(served, instructions="Be kind.", metadata={"a": "b"}, temperature=0.5)

    assert response["id"].startswith("resp_")
    assert response["completed_at"] >= response["created_at"]
    [message] = response["output"]
    assert message["id"].startswith("msg_")
    assert message == {
        "type": "message",
        "id": message["id"],
        "role": "assistant",
        "status": "completed",
        "content": [
            {"type": "output_text", "text": "Hello there", "annotations": [], "logprobs": []}
        ],
    }
    assert response["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 8,
        "cost_usd": 0.0,
    }
    assert (response["status"], response["error"], response["incomplete_details"]) == (
        *("completed", None, None),
    )
    assert (response["instructions"], response["metadata"]) == ("Be kind.", {"a": "b"})
    assert (response["temperature"], response["top_p"]) == (0.5, 1.0)
    assert (response["tools"], response["tool_choice"]) == ([], "auto")
    assert response["text"] == {"format": {"type": "text"}}
    request = asked(served.app)[-1]
    assert [(m.role, m.content) for m in request.messages] == [
        ("system", "Be kind."),
        ("user", "Hi"),
    ]
    assert request.temperature == 0.5


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("text", {"input": "Hi"}),
        ("tool_calls", {"input": "What is the weather?", "tools": [WEATHER]}),
    ],
)
async def test_a_stream_is_these_bytes(served: Served, name: str, fields: dict[str, Any]):
    reply = await served.post(PATH, body(stream=True, **fields))

    events_of(reply.body)
    assert trace(reply.body).decode() == (GOLDEN / f"response_{name}.sse").read_text("utf-8")


async def test_thoughts_are_an_item_before_the_answer(served: Served):
    events = await stream(served, "Please think")

    assert types_of(events) == [
        *("created", "in_progress"),
        *("output_item.added", "content_part.added"),
        *("reasoning_text.delta", "reasoning_text.delta", "reasoning_text.done"),
        *("content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.done"),
        *("content_part.done", "output_item.done", "completed"),
    ]
    reasoning, message = events[-1]["response"]["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "Let me see."}]
    assert (reasoning["summary"], reasoning["encrypted_content"]) == ([], None)
    assert message["content"][0]["text"] == "Done."


async def test_thoughts_are_a_summary_where_one_is_asked_for(served: Served):
    events = await stream(served, "Please think", reasoning={"effort": "low", "summary": "auto"})

    assert types_of(events)[2:9] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    response = events[-1]["response"]
    assert response["output"][0]["summary"] == [{"type": "summary_text", "text": "Let me see."}]
    assert response["reasoning"] == {"effort": "low", "summary": "auto"}
    assert asked(served.app)[-1].reasoning_effort == "low"


async def test_results_of_functions_go_back_to_the_model_with_the_calls(served: Served):
    question = {"role": "user", "content": "What is the weather?"}
    first = await create(served, [question], tools=[WEATHER])
    assert [item["type"] for item in first["output"]] == ["function_call", "function_call"]
    results = [
        {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
        for call in first["output"]
    ]

    second = await create(served, [question, *first["output"], *results], tools=[WEATHER])

    assert second["output"][0]["content"][0]["text"] == "Take an umbrella."
    messages = asked(served.app)[-1].messages
    assert [m.role for m in messages] == ["user", "assistant", "tool", "tool"]
    assert [call.name for call in messages[1].tool_calls] == ["weather", "weather"]
    assert [m.tool_call_id for m in messages[2:]] == [c["call_id"] for c in first["output"]]


async def test_the_model_searches_and_what_it_cites_is_annotated(served: Served):
    events = await stream(served, "agent refund?", tools=[SEARCH, WEATHER])

    assert types_of(events)[:8] == [
        *("created", "in_progress", "output_item.added"),
        *("file_search_call.in_progress", "file_search_call.searching"),
        *("file_search_call.completed", "output_item.done", "output_item.added"),
    ]
    assert types_of(events)[-5:] == [
        *("output_text.annotation.added", "output_text.done", "content_part.done"),
        *("output_item.done", "completed"),
    ]
    response = events[-1]["response"]
    call, message = response["output"]
    assert (call["queries"], call["status"], call["results"]) == (["refund"], "completed", None)
    [annotation] = message["content"][0]["annotations"]
    assert annotation["type"] == "file_citation"
    assert (annotation["file_id"], annotation["filename"]) == ("refunds.md", "Refunds")
    assert message["content"][0]["text"][annotation["index"] :] == "[1]."
    assert annotation["quote"] in REFUND
    assert response["usage"]["total_tokens"] == 16
    tools = asked(served.app)[-1].tools
    assert [tool.name for tool in tools] == ["weather", "file_search"]


async def test_results_of_a_search_are_shown_where_they_are_asked_for(served: Served):
    response = await create(
        served, "agent refund?", tools=[SEARCH], include=["file_search_call.results"]
    )

    first = response["output"][0]["results"][0]
    assert (first["file_id"], first["text"], first["attributes"]["lang"]) == (
        *("refunds.md", REFUND, "en"),
    )
    assert 0 <= first["score"] <= 1


async def test_filters_and_the_number_of_results_narrow_a_search(served: Served):
    narrow = {**SEARCH, "filters": {"type": "eq", "key": "lang", "value": "no"}}
    response = await create(
        served, "agent refund?", tools=[narrow], include=["file_search_call.results"]
    )
    assert [r["file_id"] for r in response["output"][0]["results"]] == ["tents.md"]

    one = await create(
        served,
        "agent refund?",
        tools=[{**SEARCH, "max_num_results": 1}],
        include=["file_search_call.results"],
    )
    assert len(one["output"][0]["results"]) == 1


async def test_nothing_equals_an_attribute_that_no_file_has_and_anything_differs(served: Served):
    for type, found in (("eq", 0), ("ne", 2), ("in", 0), ("nin", 2)):
        value = ["x"] if type in {"in", "nin"} else "x"
        tool = {**SEARCH, "filters": {"type": type, "key": "nowhere", "value": value}}
        include = ["file_search_call.results"]
        response = await create(served, "agent refund?", tools=[tool], include=include)
        assert len(response["output"][0]["results"]) == found, type

    none = {**SEARCH, "filters": {"type": "eq", "key": "nowhere", "value": "x"}}
    must = {"type": "file_search"}
    grounded = await create(served, "How long is a refund?", tools=[none], tool_choice=must)
    assert grounded["bedplate"]["refused"]


async def test_a_search_that_must_be_made_grounds_the_answer_in_it(served: Served):
    events = await stream(
        served,
        "How long does a refund take?",
        tools=[SEARCH],
        tool_choice={"type": "file_search"},
    )

    response = events[-1]["response"]
    call, message = response["output"]
    assert call["queries"] == ["How long does a refund take?"]
    assert message["content"][0]["annotations"][0]["file_id"] == "refunds.md"
    assert response["bedplate"]["grounded"]["verdict"] == "supported"
    assert response["tool_choice"] == {"type": "file_search"}


async def test_a_model_that_quotes_is_given_passages(served: Served):
    response = await create(served, "How long do refunds take?", model="quote", tools=[SEARCH])

    call, message = response["output"]
    assert call["type"] == "file_search_call"
    assert message["content"][0]["text"].startswith("Refunds take 30 days.")


async def test_an_assistant_answers_from_its_collections(served: Served):
    events = await stream(served, "How long does a refund take?", model="support")

    [message] = events[-1]["response"]["output"]
    assert message["content"][0]["text"] == "Refunds take 30 days [1]."
    assert message["content"][0]["annotations"][0]["file_id"] == "refunds.md"
    assert events[-1]["response"]["bedplate"]["refused"] is False


async def test_images_parts_and_roles_reach_the_model(served: Served):
    pixel = "data:image/png;base64,iVBORw0KGgo="
    await create(
        served,
        [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"type": "message", "role": "assistant", "content": "Yes?"},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "See "},
                    {"type": "input_image", "image_url": pixel, "detail": "low"},
                ],
            },
        ],
    )

    messages = asked(served.app)[-1].messages
    assert [m.role for m in messages] == ["developer", "user", "assistant", "user"]
    assert [getattr(p, "url", None) for p in messages[-1].parts] == [None, pixel]


async def test_a_file_is_read_for_the_model(served: Served):
    data = base64.b64encode(b"<html><body><p>Ada was here.</p></body></html>").decode()
    for sent in (data, f"data:text/html;base64,{data}"):
        part = {"type": "input_file", "filename": "note.html", "file_data": sent}
        made = await create(served, [{"role": "user", "content": [part]}])
        assert "File 'note.html':\n\nAda was here." in asked(served.app)[-1].messages[0].content

    listed = (await served.get(f"{PATH}/{made['id']}/input_items")).json["data"]
    [kept] = listed[0]["content"]
    assert (kept["filename"], kept["text"], kept["file_data"]) == (
        *("note.html", "Ada was here.", None),
    )
    await create(served, listed)
    assert "Ada was here." in asked(served.app)[-1].messages[0].content

    for part, status, code in [
        ({"file_data": "no base64!"}, 400, "invalid_input"),
        ({"file_data": base64.b64encode(b"%PDF-1.7 broken").decode()}, 422, "truncated"),
        ({"file_url": "https://127.0.0.1/a.pdf"}, 400, "invalid_input"),
        ({}, 400, "invalid_input"),
    ]:
        content = [{"type": "input_file", **part}]
        reply = await served.post(PATH, body([{"role": "user", "content": content}]))
        assert (reply.status, reply.error["code"]) == (status, code), part


async def test_files_of_a_request_are_bounded_over_all_its_items(served: Served):
    part = {"type": "input_file", "filename": "a.txt", "file_data": "YQ=="}
    messages = [{"role": "user", "content": [part] * 7} for _ in range(3)]
    reply = await served.post(PATH, body(messages))

    assert (reply.status, reply.error["param"]) == (400, "input")
    assert "at most 20 files" in reply.error["message"]


async def test_the_choice_of_tools_is_read(served: Served):
    for choice, wanted in [
        ({"type": "function", "name": "weather"}, ToolChoice("required", ("weather",))),
        ("required", ToolChoice("required")),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "weather"}],
            },
            ToolChoice("auto", ("weather",)),
        ),
    ]:
        await create(served, "weather?", tools=[WEATHER], tool_choice=choice)
        assert asked(served.app)[-1].tool_choice == wanted


async def test_a_schema_is_asked_for_and_repeated(served: Served):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    format = {"type": "json_schema", "name": "place", "schema": schema, "strict": True}

    response = await create(served, "as json", text={"format": format})

    assert response["output"][0]["content"][0]["text"] == '{"city": "Oslo"}'
    assert response["text"] == {"format": format}
    output = asked(served.app)[-1].output
    assert output is not None
    assert (output.schema, output.name, output.strict) == (schema, "place", True)


async def test_an_output_limit_makes_a_response_incomplete(served: Served):
    events = await stream(served, max_output_tokens=1)

    assert types_of(events)[-2:] == ["output_item.done", "incomplete"]
    response = events[-1]["response"]
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete"


async def test_an_error_before_the_first_event_has_its_status(served: Served):
    for streamed in (True, False):
        reply = await served.post(PATH, body(model="dead", stream=streamed))
        assert (reply.status, reply.error["type"]) == (429, "rate_limit_error")


async def test_an_error_after_it_is_the_last_event(served: Served):
    events = await stream(served, model="broken")

    assert types_of(events)[-2:] == ["output_text.delta", "failed"]
    response = events[-1]["response"]
    assert response["status"] == "failed"
    assert response["error"]["code"] == "server_error"
    assert "fails after 1 chunks" in response["error"]["message"]
    assert response["output"][0]["status"] == "incomplete"


async def test_what_cannot_be_used_is_named(served: Served):
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"colour": "red"}, "colour", "unknown_parameter"),
        ({"input": []}, "input", "invalid_input"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]},
         "input.0.content.0.type", "invalid_input"),
        ({"input": [{"type": "function_call", "name": "a"}]}, "input.0.call_id", "invalid_input"),
        ({"input": [{"type": "computer_call"}]}, "input.0.type", "invalid_input"),
        ({"input": [{"role": "owner", "content": "x"}]}, "input.0.role", "invalid_input"),
        ({"input": [{"type": {"a": 1}}]}, "input.0.type", "invalid_input"),
        ({"input": [{"role": "user", "content": [{"type": []}]}]},
         "input.0.content.0.type", "invalid_input"),
        ({"tools": [{**SEARCH, "filters": {"type": {}, "key": "a", "value": 1}}]},
         "tools.0.filters.type", "bad_filter"),
        ({"tools": [{**SEARCH, "filters": {"type": "eq", "key": "a", "value": {}}}]},
         "tools.0.filters.value", "bad_filter"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools.0.server_url", "invalid_input"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type", "invalid_input"),
        ({"tools": [WEATHER, WEATHER]}, "tools.1.name", "invalid_input"),
        ({"tools": [{"type": "file_search", "vector_store_ids": []}]},
         "tools.0.vector_store_ids", "invalid_input"),
        ({"tools": [{**SEARCH, "filters": {"type": "like", "key": "a", "value": 1}}]},
         "tools.0.filters.type", "bad_filter"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_input"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "x"}},
         "tool_choice", "invalid_input"),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_input"),
        ({"include": ["everything"]}, "include.0", "invalid_input"),
        ({"top_logprobs": 21}, "top_logprobs", "invalid_input"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_input"),
        ({"prompt": {"id": "p"}}, "prompt", "invalid_input"),
        ({"background": True, "store": False}, "background", "invalid_input"),
        ({"previous_response_id": "resp_1", "conversation": "conv_1"},
         "previous_response_id", "invalid_input"),
        ({"model": "nobody"}, "model", "model_not_found"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["nowhere"]}]},
         "tools", "not_found"),
    ]  # fmt: skip
    for fields, param, code in cases:
        error = await refused(served, **fields)
        assert (error["param"], error["code"]) == (param, code), (fields, error)
        assert error["type"] == "invalid_request_error"


async def test_an_assistant_refuses_what_it_cannot_honour(served: Served):
    for fields, param in [
        ({"tools": [SEARCH]}, "tools"),
        ({"top_logprobs": 2, "include": ["message.output_text.logprobs"]}, "logprobs"),
        ({"input": [{"role": "assistant", "content": "Hi"}]}, "input"),
    ]:
        error = await refused(served, **{"model": "support", **fields})
        assert error["param"] == param
