"""POST /v1/messages, by the official client of Anthropic and by the bytes it sends."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import anthropic
import pytest
import pytest_asyncio
from tests.fixtures.anthropic_wire import block, message, says, serve_anthropic_wire
from tests.fixtures.openai_wire import Wire, packets
from tests.fixtures.serving import SCRIPTED, Served, asked, serving

from bedplate.domain.chat import ImagePart, Message, TextPart
from bedplate.domain.tools import ToolCall, ToolChoice, ToolSpec

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/messages"
PIXEL = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}}}
TOOL: dict[str, Any] = {"name": "order", "description": "Looks it up.", "input_schema": SCHEMA}
TOOLED = {
    "use": "scripted",
    "chunk_characters": 4,
    "rules": [
        {"match": "order", "reply": "Let me see.", "tool_calls": [
            {"name": "order", "arguments": {"id": "A1"}}, {"name": "order", "arguments": {"id": "B2"}},
        ], "reasoning": "Two of them."},
        {"match": "order", "result": "sent", "reply": "Both were sent."},
    ],
}  # fmt: skip
REFUND = "Refunds take 30 days. Send the parcel back to the shop."
ASSISTANT = {"model": "default", "collections": ["policies"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire() -> AsyncGenerator[Wire]:
    async with serve_anthropic_wire() as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> AsyncGenerator[Served]:
    async with serving(
        tmp_path_factory.mktemp("messages"),
        models__tooled=TOOLED,
        models__failing={**SCRIPTED, "fail_after": 1},
        models__claude={"use": "anthropic", "base_url": wire.base_url, "model": "m"},
        assistants__support=ASSISTANT,
    ) as served:
        documents = [{"id": "refunds.md", "title": "Refunds", "text": REFUND}]
        await served.post("/api/collections/policies/documents", documents)
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(served: Served) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=served.url, api_key="none", max_retries=0
    ) as client:
        yield client


def ask(text: str = "Hi", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": "default", "max_tokens": 100, "messages": messages, **more}


async def test_the_client_is_answered(client: anthropic.AsyncAnthropic) -> None:
    message = await client.messages.create(**ask())

    assert [(block.type, getattr(block, "text", "")) for block in message.content] == [
        ("text", "Hello there")
    ]
    assert (message.role, message.model, message.stop_reason) == (
        "assistant",
        "default",
        "end_turn",
    )
    assert (message.usage.input_tokens, message.usage.output_tokens) == (5, 3)


async def test_a_stream_is_the_events_that_anthropic_sends(served: Served) -> None:
    reply = await served.post(PATH, ask(stream=True))

    events = [part.split(b"\n") for part in reply.body.split(b"\n\n")[:-1]]
    names = [name.removeprefix(b"event: ").decode() for name, _ in events]
    told = [json.loads(data.removeprefix(b"data: ")) for _, data in events]
    assert names == [each["type"] for each in told]
    assert names == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert told[0]["message"]["content"] == []
    assert told[1]["content_block"] == {"type": "text", "text": ""}
    assert told[2] == {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hello "},
    }
    assert told[5]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert told[5]["usage"] == {
        "input_tokens": 5,
        "output_tokens": 3,
        "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cost_usd": 0.0,
    }


@pytest.mark.parametrize("streamed", [False, True])
async def test_tools_are_called_and_their_results_read(
    served: Served, client: anthropic.AsyncAnthropic, streamed: bool
) -> None:
    question = ask("Where is my order?", model="tooled", tools=[TOOL], tool_choice={"type": "any"})
    if streamed:
        async with client.messages.stream(**question) as stream:
            message = await stream.get_final_message()
    else:
        message = await client.messages.create(**question)

    assert message.stop_reason == "tool_use"
    thought, said, first, second = message.content
    assert (thought.type, said.type) == ("thinking", "text")
    assert [(call.name, call.input) for call in (first, second)] == [
        ("order", {"id": "A1"}),
        ("order", {"id": "B2"}),
    ]
    request = asked(served.app, "tooled")[-1]
    assert request.tools == (ToolSpec("order", "Looks it up.", SCHEMA),)
    assert request.tool_choice == ToolChoice("required")

    results = [
        {"type": "tool_result", "tool_use_id": first.id, "content": "sent"},
        {
            "type": "tool_result",
            "tool_use_id": second.id,
            "content": [{"type": "text", "text": "sent"}],
            "is_error": True,
        },
    ]
    turns = [
        *question["messages"],
        {"role": "assistant", "content": message.model_dump(exclude_none=True)["content"]},
        {"role": "user", "content": results},
    ]
    ended = await client.messages.create(
        **{**question, "messages": turns, "tool_choice": {"type": "auto"}}
    )
    assert ended.content[0].text == "Both were sent."
    assert asked(served.app, "tooled")[-1].messages[1:] == (
        Message(
            "assistant",
            "Let me see.",
            tool_calls=(
                ToolCall(first.id, "order", '{"id": "A1"}'),
                ToolCall(second.id, "order", '{"id": "B2"}'),
            ),
        ),
        Message("tool", "sent", tool_call_id=first.id),
        Message("tool", "sent", tool_call_id=second.id, failed=True),
    )


async def test_instructions_images_and_settings_reach_the_model(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    image = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "text", "text": "What is this?"}, {"type": "image", "source": image}]
    await client.messages.create(
        model="default",
        max_tokens=50,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": content}],
        stop_sequences=["END"],
        temperature=0.5,
        thinking={"type": "enabled", "budget_tokens": 2_048},
        top_k=5,
        metadata={"user_id": "u1"},
    )

    request = asked(served.app)[-1]
    parts = (TextPart("What is this?"), ImagePart(f"data:image/png;base64,{PIXEL}"))
    assert request.messages == (
        Message("system", "Be brief."),
        Message("user", "What is this?", parts=parts),
    )
    assert (request.max_output_tokens, request.stop) == (50, ("END",))
    assert (request.temperature, request.reasoning_effort) == (0.5, "low")
    assert request.extra == {"top_k": 5, "metadata": {"user_id": "u1"}}


@pytest.mark.parametrize("streamed", [False, True])
async def test_thoughts_come_back_to_their_provider_as_it_signed_them(
    client: anthropic.AsyncAnthropic, wire: Wire, streamed: bool
) -> None:
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "signed"}
    calling = {"type": "tool_use", "id": "t1", "name": "order", "input": {}}
    wire.script(
        packets(
            *message(
                block(
                    0,
                    {"type": "thinking", "thinking": "", "signature": ""},
                    {"type": "thinking_delta", "thinking": "Hm."},
                    {"type": "signature_delta", "signature": "signed"},
                ),
                block(1, calling, {"type": "input_json_delta", "partial_json": "{}"}),
                stop="tool_use",
            )
        ),
        says("Sent."),
    )
    question = ask("Where is it?", model="claude", tools=[TOOL])
    if streamed:
        async with client.messages.stream(**question) as stream:
            first = await stream.get_final_message()
    else:
        first = await client.messages.create(**question)
    shown = first.model_dump(exclude_none=True)["content"]
    assert [part["type"] for part in shown] == ["thinking", "tool_use", "redacted_thinking"]

    result = {"type": "tool_result", "tool_use_id": "t1", "content": "sent"}
    question["messages"] += [
        {"role": "assistant", "content": shown},
        {"role": "user", "content": [result]},
    ]
    await client.messages.create(**question)

    assert wire.seen[-1].body["messages"][1]["content"] == [thinking, calling]


async def test_an_assistant_answers_with_its_citations(client: anthropic.AsyncAnthropic) -> None:
    message = await client.messages.create(**ask("How long does a refund take?", model="support"))

    assert message.content[0].text == "Refunds take 30 days [1]."
    (citation,) = message.bedplate["citations"]
    assert citation["document_id"] == "refunds.md"


async def test_tokens_are_counted_without_asking_the_model(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    before = len(asked(served.app))
    question = ask("word " * 300)
    del question["max_tokens"]
    counted = await client.messages.count_tokens(**question)

    assert 300 <= counted.input_tokens <= 700
    assert len(asked(served.app)) == before


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"max_tokens": None}, "max_tokens: is required"),
        ({"messages": []}, "messages: expected at least one message"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, "messages.0.content.0"),
        ({"temperature": 1.5}, "temperature"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "tools.0.type: only 'custom'"),
        ({"tool_choice": {"type": "any"}}, "tool_choice: a tool must be called"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens: is required"),
        (
            {"messages": [{"role": "assistant", "content": [
                {"type": "redacted_thinking", "data": "bedplate:%%"}]}]},
            "messages.0.content.0.data: must come back as it was sent",
        ),
    ],
)  # fmt: skip
async def test_a_wrong_body_is_refused_by_the_name_of_the_field(
    served: Served, sent: dict[str, Any], says: str
) -> None:
    reply = await served.post(PATH, {**ask(), **sent})

    assert reply.status == 400
    assert reply.json["type"] == "error"
    assert reply.error["type"] == "invalid_request_error"
    assert says in reply.error["message"]
    assert reply.json["request_id"] == reply.headers["x-request-id"]


async def test_errors_are_the_clients_own_classes(
    served: Served, client: anthropic.AsyncAnthropic
) -> None:
    with pytest.raises(anthropic.NotFoundError, match="no model or assistant 'gone'"):
        await client.messages.create(**ask(model="gone"))
    assert (await served.get(PATH)).status == 405

    with pytest.raises(anthropic.APIStatusError, match="fails after 1 chunks"):
        async with client.messages.stream(**ask(model="failing")) as stream:
            await stream.get_final_message()
