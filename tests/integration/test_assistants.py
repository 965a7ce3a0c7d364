"""Assistants by their names, as clients of OpenAI's and Anthropic's APIs and operators meet them."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.serving import Served, asked, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}
SCRIPT = {
    "use": "scripted",
    "usage": {"input_tokens": 5, "output_tokens": 3},
    "rules": [
        {
            "match": "weather",
            "tool_calls": [{"name": "weather", "arguments": {"city": "Oslo"}}],
        },
        {"match": "weather", "result": "wet", "reply": "Take an umbrella."},
        {
            "match": "how much",
            "reply": "Let me see.",
            "tool_calls": [{"name": "calculator", "arguments": {"expression": "19 * 2.5"}}],
        },
        {"match": "how much", "result": "47.5", "reply": "47.50 dollars."},
        {"match": "refund", "reply": "Refunds take 30 days [1]."},
    ],
    "replies": ["Hello there"],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    settings: dict[str, Any] = {
        "models__default": SCRIPT,
        "tools__calculator": {"use": "calculator"},
        "assistants__clerk": {"tools": ["calculator"]},
        "assistants__plain": {"instructions": "Be brief."},
        "assistants__support": {"collections": ["policies"]},
    }
    async with serving(tmp_path_factory.mktemp("assistants"), **settings) as served:
        text = "Refunds take 30 days. Send the parcel back."
        documents = [{"id": "refunds.md", "title": "Refunds", "text": text}]
        assert (await served.post("/api/collections/policies/documents", documents)).status == 200
        yield served


async def create(served: Served, name: str, note: str = "", **settings: Any) -> dict[str, Any]:
    body = {"name": name, "settings": settings, "note": note}
    reply = await served.post("/api/assistants", body)
    assert reply.status == 201, reply.body
    return reply.json


async def told(served: Served, model: str, text: str = "Hi") -> str:
    """The instructions that the model was given."""
    messages = [{"role": "user", "content": text}]
    reply = await served.post(CHAT, {"model": model, "messages": messages})
    assert reply.status == 200, reply.body
    return asked(served.app)[-1].messages[0].content


async def test_an_assistant_without_collections_answers_on_every_surface(served: Served) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    chat = await served.post(CHAT, {"model": "plain", "messages": messages, "n": 2})
    response = await served.post("/v1/responses", {"model": "plain", "input": "Hi"})
    message = await served.post(
        "/v1/messages", {"model": "plain", "max_tokens": 50, "messages": messages}
    )

    assert [c["message"]["content"] for c in chat.json["choices"]] == ["Hello there"] * 2
    assert chat.json["bedplate"]["refused"] is False
    assert response.json["output"][0]["content"][0]["text"] == "Hello there"
    assert message.json["content"] == [{"type": "text", "text": "Hello there"}]
    for request in asked(served.app)[-4:]:
        assert [m.content for m in request.messages] == ["Be brief.", "Hi"]


async def test_functions_of_the_clients_are_its_own_to_call_on_every_surface(
    served: Served,
) -> None:
    function = {"name": "weather", "parameters": WEATHER}
    messages = [{"role": "user", "content": "The weather?"}]
    tools = [{"type": "function", "function": function}]
    chat = await served.post(CHAT, {"model": "plain", "messages": messages, "tools": tools})
    [choice] = chat.json["choices"]
    [call] = choice["message"]["tool_calls"]
    assert (choice["finish_reason"], call["function"]["name"]) == ("tool_calls", "weather")
    assert json.loads(call["function"]["arguments"]) == {"city": "Oslo"}
    then = [
        *messages,
        choice["message"],
        {"role": "tool", "tool_call_id": call["id"], "content": "wet"},
    ]
    chat = await served.post(CHAT, {"model": "plain", "messages": then, "tools": tools})
    assert chat.json["choices"][0]["message"]["content"] == "Take an umbrella."

    sent = {"model": "plain", "input": "The weather?", "tools": [{"type": "function", **function}]}
    first = (await served.post("/v1/responses", sent)).json
    [item] = first["output"]
    assert (item["type"], item["name"], item["arguments"]) == (
        *("function_call", "weather", '{"city": "Oslo"}'),
    )
    output = {"type": "function_call_output", "call_id": item["call_id"], "output": "wet"}
    more = {"input": [output], "previous_response_id": first["id"]}
    second = (await served.post("/v1/responses", {**sent, **more})).json
    assert second["output"][0]["content"][0]["text"] == "Take an umbrella."

    theirs = [{"name": "weather", "input_schema": WEATHER}]
    body = {"model": "plain", "max_tokens": 50, "messages": messages, "tools": theirs}
    message = (await served.post("/v1/messages", body)).json
    assert message["stop_reason"] == "tool_use"
    assert message["content"][0]["input"] == {"city": "Oslo"}


async def test_the_server_calls_its_own_tools_on_every_surface(served: Served) -> None:
    messages = [{"role": "user", "content": "How much is it?"}]
    text = "Let me see.\n\n47.50 dollars."
    chat = await served.post(CHAT, {"model": "clerk", "messages": messages})
    streamed = await served.post(CHAT, {"model": "clerk", "messages": messages, "stream": True})
    response = await served.post("/v1/responses", {"model": "clerk", "input": "How much is it?"})
    body = {"model": "clerk", "max_tokens": 50, "messages": messages, "stream": True}
    message = await served.post("/v1/messages", body)

    [choice] = chat.json["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, "stop")
    assert chat.json["usage"]["total_tokens"] == 16
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in streamed.events[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == text
    assert response.json["output"][0]["content"][0]["text"] == text
    assert response.json["usage"]["total_tokens"] == 16
    assert b"47.50" in message.body
    assert b'"stop_reason":"end_turn"' in message.body
    last = asked(served.app)[-1].messages
    assert [m.role for m in last] == ["user", "assistant", "tool"]


async def test_a_stream_of_an_assistant_without_collections_is_as_its_whole(
    served: Served,
) -> None:
    body = {"model": "plain", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    reply = await served.post(CHAT, body)

    chunks = [json.loads(event.removeprefix(b"data: ")) for event in reply.events[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert (text, chunks[-1]["choices"][0]["finish_reason"]) == ("Hello there", "stop")


async def test_a_version_answers_until_another_is_put_back(served: Served) -> None:
    made = await create(served, "writer", "the first", instructions="One.")
    assert (made["version"], made["note"], made["by"]) == (1, "the first", None)
    assert await told(served, "writer") == "One."
    await create(served, "writer", instructions="Two.", budget={"steps": 3})
    assert await told(served, "writer") == "Two."
    assert await told(served, "writer@1") == "One."

    path = "/api/assistants/writer"
    diff = (await served.get(f"{path}/diff?before=1")).json
    assert (diff["before"], diff["after"]) == (1, 2)
    assert diff["differences"] == [
        {"path": "instructions", "before": "One.", "after": "Two."},
        {"path": "budget.steps", "before": 20, "after": 3},
    ]
    back = await served.post(f"{path}/rollback", {"version": 1})
    assert (back.status, back.json["version"]) == (200, 1)
    assert await told(served, "writer") == "One."
    versions = (await served.get(f"{path}/versions")).json["versions"]
    assert [each["version"] for each in versions] == [2, 1]
    assert "writer" in [each["id"] for each in (await served.get("/v1/models")).json["data"]]

    assert (await served.request("DELETE", path)).status == 204
    assert (await served.get(path)).status == 404
    gone = await served.post(
        CHAT, {"model": "writer", "messages": [{"role": "user", "content": "x"}]}
    )
    assert (gone.status, gone.error["code"]) == (404, "model_not_found")


async def test_what_is_declared_is_version_0_and_can_be_gone_back_to(served: Served) -> None:
    path = "/api/assistants/plain"
    declared = (await served.get(path)).json
    assert (declared["version"], declared["settings"]["instructions"]) == (0, "Be brief.")
    assert (await served.request("DELETE", path)).status == 409

    await create(served, "plain", instructions="Be long.")
    assert await told(served, "plain") == "Be long."
    assert await told(served, "plain@0") == "Be brief."
    listed = (await served.get("/api/assistants")).json["assistants"]
    assert {"name": "plain", "version": 1, "newest": 1, "declared": True} in listed
    assert (await served.post(f"{path}/rollback", {"version": 0})).json["version"] == 0
    assert await told(served, "plain") == "Be brief."
    assert (await served.request("DELETE", path)).status == 204


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": "a b", "settings": {}}, "letters, digits"),
        ({"name": "default", "settings": {}}, "is a model's"),
        ({"name": "x", "settings": {"model": "none"}}, "settings.model is 'none'"),
        ({"name": "x", "settings": {"stages": ["answer", "magic"]}}, "'magic', which is not there"),
        ({"name": "x", "settings": {"tools": ["nothing"]}}, "settings.tools"),
        ({"name": "x", "settings": {"instruction": "x"}}, "settings.instruction"),
        ({"name": "x", "settings": {"memory": {"summary": "none"}}}, "memory.summary"),
        ({"name": "x", "settings": {}, "note": "n" * 2000}, "note"),
    ],
)
async def test_an_assistant_that_cannot_work_is_not_made(
    served: Served, body: dict[str, Any], says: str
) -> None:
    reply = await served.post("/api/assistants", body)

    assert (reply.status, reply.error["code"]) == (400, "invalid_input")
    assert says in reply.error["message"]


async def test_a_version_that_is_not_there_is_not_found(served: Served) -> None:
    await create(served, "once")
    path = "/api/assistants/once"
    assert (await served.get(f"{path}?version=7")).status == 404
    assert (await served.post(f"{path}/rollback", {"version": 7})).status == 404
    assert (await served.post(f"{path}/rollback", {"version": 0})).status == 404
    near = await served.get("/api/assistants/onse")
    assert "Did you mean 'once'?" in near.error["message"]
    sent = {"model": "once@7", "messages": [{"role": "user", "content": "x"}]}
    assert (await served.post(CHAT, sent)).status == 404


async def test_an_assistant_with_collections_answers_as_before_and_takes_functions(
    served: Served,
) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    body = {"model": "support", "messages": [{"role": "user", "content": "A refund?"}]}
    reply = await served.post(CHAT, {**body, "tools": tools})

    assert reply.json["choices"][0]["message"]["content"] == "Refunds take 30 days [1]."
    [citation] = reply.json["bedplate"]["citations"]
    assert citation["document_id"] == "refunds.md"
    assert [tool.name for tool in asked(served.app)[-1].tools] == ["weather"]
    assert "You may call the tools" in asked(served.app)[-1].messages[0].content
