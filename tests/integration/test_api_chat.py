import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.fixtures.openai_wire import (
    DONE,
    Wire,
    chunk,
    envelope,
    event,
    packets,
    part,
    refuses,
    serve_openai_wire,
    silent,
    stalls,
    streams,
    tool_chunk,
    usage_chunk,
)
from tests.fixtures.openai_wire import USAGE as WIRE_USAGE
from tests.fixtures.serving import Served, asked, serving, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 3,
    "total_tokens": 8,
    "cost_usd": 0.0,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
REFUND = "Refunds take 30 days. Send the parcel back to the shop."
ASSISTANT = {"model": "default", "collections": ["policies"], "instructions": "Be brief."}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    async with serving(tmp_path_factory.mktemp("chat"), assistants__support=ASSISTANT) as served:
        documents = [{"id": "refunds.md", "title": "Refunds", "text": REFUND}]
        reply = await served.post("/api/collections/policies/documents", documents)
        assert reply.status == 200
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def wire() -> AsyncGenerator[Wire]:
    async with serve_openai_wire() as wire:
        yield wire


@pytest_asyncio.fixture(loop_scope="module")
async def relay(tmp_path: Path, wire: Wire) -> AsyncGenerator[Served]:
    remote = {"use": "openai", "base_url": wire.base_url, "model": "m"}
    async with serving(tmp_path, models__remote=remote) as served:
        yield served


def body(content: str = "Hi", *, model: str = "default", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": content}], **fields}


def data(events: list[bytes]) -> list[Any]:
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


async def test_a_completion_has_the_text_the_end_and_the_usage(served: Served):
    reply = await served.post(CHAT, body())

    completion = reply.json
    assert completion.pop("id").startswith("chatcmpl-")
    assert isinstance(completion.pop("created"), int)
    assert completion == {
        "model": "default",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello there",
                    "refusal": None,
                    "annotations": [],
                },
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": USAGE,
    }


async def test_a_stream_is_these_bytes(served: Served):
    reply = await served.post(CHAT, body(stream=True))

    start = b'data: {"id":"ID","created":0,"model":"default","choices":[{"delta":'
    rest = b'"index":0,"logprobs":null}],"object":"chat.completion.chunk"}'
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.events == [
        start + b'{"role":"assistant","content":""},"finish_reason":null,' + rest,
        start + b'{"content":"Hello "},"finish_reason":null,' + rest,
        start + b'{"content":"there"},"finish_reason":null,' + rest,
        start + b'{},"finish_reason":"stop",' + rest,
        b"data: [DONE]",
    ]


async def test_usage_comes_in_a_last_chunk_without_choices_when_asked_for(served: Served):
    reply = await served.post(CHAT, body(stream=True, stream_options={"include_usage": True}))

    *others, last = data(reply.events[:-1])
    assert all(chunk["usage"] is None for chunk in others)
    assert last["choices"] == []
    assert last["usage"] == USAGE
    assert reply.events[-1] == b"data: [DONE]"


async def test_an_output_limit_ends_with_length(served: Served):
    reply = await served.post(CHAT, body(max_tokens=1))

    assert reply.json["choices"][0]["finish_reason"] == "length"


async def test_an_assistant_answers_from_its_collections_and_cites_them(served: Served):
    reply = await served.post(CHAT, body("How long does a refund take?", model="support"))

    message = reply.json["choices"][0]["message"]
    extension = reply.json["bedplate"]
    assert message["content"] == "Refunds take 30 days [1]."
    assert message["citations"] == extension["citations"]
    [citation] = extension["citations"]
    assert (citation["marker"], citation["document_id"]) == ("[1]", "refunds.md")
    assert citation["quote"] in REFUND
    assert citation["collection"] == "policies"
    assert extension["refused"] is False
    assert (extension["rewritten"], extension["self_query"]) == (None, {})
    assert extension["trace_id"] == reply.headers["x-request-id"]


async def test_an_assistants_stream_holds_the_same_text_and_the_same_grounding(served: Served):
    question = body("How long does a refund take?", model="support")
    whole = (await served.post(CHAT, question)).json
    chunks = data((await served.post(CHAT, {**question, "stream": True})).events[:-1])

    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["bedplate"]["citations"] == whole["bedplate"]["citations"]
    assert chunks[-1]["bedplate"]["grounded"] == whole["bedplate"]["grounded"]
    assert all("bedplate" not in chunk for chunk in chunks[:-1])


async def test_an_assistant_is_given_the_earlier_turns_and_the_clients_instructions(
    served: Served,
):
    messages = [
        {"role": "system", "content": "Talk like a pirate."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Ahoy"},
        {"role": "user", "content": "And the refund?"},
    ]

    await served.post(CHAT, {"model": "support", "messages": messages})

    sent = asked(served.app)[-1].messages
    assert [m.role for m in sent] == ["system", "user", "assistant", "user"]
    assert sent[0].content.rstrip().endswith("Be brief.\n\nTalk like a pirate.")
    assert [m.content for m in sent[1:3]] == ["Hello", "Ahoy"]
    assert REFUND in sent[3].content


@pytest.mark.parametrize(
    ("sent", "status", "param", "code", "says"),
    [
        (body(model="nope"), 404, "model", "model_not_found", "default, support"),
        (body(n=20), 400, "n", "invalid_input", "1 to 16"),
        (body(audio={"voice": "x"}), 400, "audio", "invalid_input", "leave it out"),
        (body(model="support", logprobs=True), 400, "logprobs", "invalid_input", "assistant"),
        (body(temperature=9), 400, "temperature", "invalid_input", "<= 2"),
        ({"model": "default"}, 400, "messages", "invalid_input", "is required"),
        (body(" ", model="support"), 400, "messages", "invalid_input", "question"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_cannot_be_done_is_refused_by_name(
    served: Served, sent: Any, status: int, param: str, code: str, says: str, stream: bool
):
    reply = await served.post(CHAT, {**sent, "stream": stream})

    assert (reply.status, reply.error["param"], reply.error["code"]) == (status, param, code)
    assert reply.error["type"] == "invalid_request_error"
    assert says in reply.error["message"]


async def test_what_asks_for_nothing_is_let_pass(served: Served):
    harmless = {"n": 1, "tools": [], "logprobs": False, "top_p": 1, "frequency_penalty": 0}
    harmless |= {"response_format": {"type": "text"}, "stop": None, "user": "u", "store": True}

    reply = await served.post(CHAT, body("refund", model="support", **harmless))

    assert reply.status == 200


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused(served: Served, broken: bytes):
    reply = await served.request("POST", CHAT, data=broken)

    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert "body" in reply.error["message"]


async def test_fields_we_do_not_know_reach_the_model(relay: Served, wire: Wire):
    await relay.post(CHAT, body(model="remote", min_p=0.1, seed=7))

    assert wire.seen[0].body["min_p"] == 0.1
    assert wire.seen[0].body["seed"] == 7


async def test_a_limited_upstream_is_429_with_its_advice(relay: Served, wire: Wire):
    wire.script(refuses(429, envelope("slow down"), {"Retry-After": "7"}))

    reply = await relay.post(CHAT, body(model="remote", stream=True))

    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert (reply.error["type"], reply.error["code"]) == (
        "rate_limit_error",
        "upstream_rate_limited",
    )


async def test_an_upstream_that_is_down_is_502(tmp_path: Path):
    nowhere = {"use": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m"}
    async with serving(tmp_path, models__remote=nowhere) as served:
        reply = await served.post(CHAT, body(model="remote", stream=True))

    assert (reply.status, reply.error["code"]) == (502, "upstream_error")
    assert "127.0.0.1:9" in reply.error["message"]


async def test_an_upstream_that_is_silent_is_504_by_the_deadline(tmp_path: Path, wire: Wire):
    wire.script(silent())
    remote = {"use": "openai", "base_url": wire.base_url, "model": "m"}
    async with serving(tmp_path, models__remote=remote, server__request_seconds=0.2) as served:
        reply = await served.post(CHAT, body(model="remote"))

    assert (reply.status, reply.error["code"]) == (504, "upstream_timeout")


async def test_half_a_stream_ends_with_an_error_event_and_no_done(relay: Served, wire: Wire):
    wire.script(packets(event(chunk("Hel")), reset=True))

    reply = await relay.post(CHAT, body(model="remote", stream=True))

    events = reply.events
    assert reply.status == 200
    assert data(events)[1]["choices"][0]["delta"] == {"content": "Hel"}
    assert data(events)[-1]["error"]["code"] == "upstream_error"
    assert b"data: [DONE]" not in events


async def test_half_a_stream_is_an_error_for_a_client_that_waits_for_the_whole(
    relay: Served, wire: Wire
):
    wire.script(packets(event(chunk("Hel")), reset=True))

    reply = await relay.post(CHAT, body(model="remote"))

    assert (reply.status, reply.error["code"]) == (502, "upstream_error")


async def test_text_is_the_same_bytes_streamed_or_whole(relay: Served, wire: Wire):
    pieces = ("Grüße, ", '"日本"', "\n\ttab ", "\u2028 🙂", "end")
    wire.script(streams(*pieces))

    whole = await relay.post(CHAT, body(model="remote"))
    streamed = await relay.post(CHAT, body(model="remote", stream=True))

    chunks = data(streamed.events[:-1])
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == whole.json["choices"][0]["message"]["content"] == "".join(pieces)


@pytest.mark.parametrize("usage", [True, False])
async def test_a_calls_arguments_stream_in_the_parts_they_came_in_with_usage_or_without(
    relay: Served, wire: Wire, usage: bool
):
    """Other gateways gather them where usage is asked for, or lose the call."""
    parts = ['{"ci', 'ty": ', '"Os', 'lo"}']
    calls = [part("", index=0, id="c1", name="weather"), *(part(p, index=0) for p in parts)]
    wire.script(
        packets(
            *(event(tool_chunk(each)) for each in calls),
            event(chunk(finish="tool_calls")),
            *([event(usage_chunk(WIRE_USAGE))] if usage else []),
            DONE,
        )
    )
    tool = {"type": "function", "function": {"name": "weather"}}
    asked_for = {"stream_options": {"include_usage": True}} if usage else {}

    reply = await relay.post(CHAT, body(model="remote", stream=True, tools=[tool], **asked_for))

    chunks = data(reply.events[:-1])
    deltas = [
        call
        for each in chunks
        for c in each["choices"]
        for call in c["delta"].get("tool_calls", ())
    ]
    said = [delta["function"]["arguments"] for delta in deltas]
    assert [each for each in said if each] == parts
    assert [delta["id"] for delta in deltas if "id" in delta] == ["c1"]
    ends = [c["finish_reason"] for each in chunks for c in each["choices"] if c["finish_reason"]]
    assert ends == ["tool_calls"]
    if usage:
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"]["total_tokens"] == WIRE_USAGE["total_tokens"]


async def test_an_answer_that_is_not_asked_for_as_a_stream_is_whole(relay: Served, wire: Wire):
    wire.script(packets(event(chunk("Hi")), event(chunk(finish="stop")), DONE))

    reply = await relay.post(CHAT, body(model="remote"))

    assert reply.headers["content-type"].startswith("application/json")
    assert reply.json["object"] == "chat.completion"
    # The server told no usage: it is estimated, and not missing.
    assert reply.json["usage"]["completion_tokens"] == 1
    assert reply.json["usage"]["prompt_tokens"] > 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_ends_the_upstream_call(relay: Served, wire: Wire, stream: bool):
    wire.script(stalls("Hel") if stream else silent())
    url, sent = relay.url + CHAT, body(model="remote", stream=stream)

    async def ask() -> None:
        async with aiohttp.ClientSession() as session, session.post(url, json=sent) as response:
            await response.read()

    async with asyncio.TaskGroup() as tasks:
        client = tasks.create_task(ask())
        await until(lambda: wire.seen)
        client.cancel()
        async with asyncio.timeout(20):
            await wire.disconnected.wait()


async def test_other_methods_are_405_and_say_what_is_taken(served: Served):
    reply = await served.request("PUT", CHAT, json={})

    assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")
    assert reply.error["code"] == "method_not_allowed"


async def test_a_stream_holds_the_users_values_and_no_others_and_the_model_neither(
    tmp_path: Path,
) -> None:
    said = "Done: [EMAIL_1], not spam@example.net."
    model = {"use": "scripted", "chunk_characters": 1, "replies": [said]}
    guard = {"use": "patterns", "on": ["input", "output"], "mode": "pseudonym"}
    body = {"model": "default", "messages": [{"role": "user", "content": "I am jo@example.org"}]}
    async with serving(tmp_path, models__default=model, guards__pii=guard) as served:
        whole = (await served.post(CHAT, body)).json
        streamed = await served.post(CHAT, {**body, "stream": True})
        refused = await served.post(CHAT, {**body, "logprobs": True})
        assert asked(served.app)[0].messages[0].content == "I am [EMAIL_1]"
    expected = "Done: jo@example.org, not [EMAIL]."
    assert whole["choices"][0]["message"]["content"] == expected
    lines = [line[6:] for line in streamed.body.split(b"\n\n") if line.startswith(b"data: {")]
    deltas = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines]
    assert "".join(deltas) == expected
    assert max(map(len, deltas)) < len(expected) / 2
    assert (refused.status, refused.error["param"]) == (400, "logprobs")
