"""Refusals as OpenAI's clients read them, and answers that say no in words."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.fixtures.openai_wire import DONE, chunk, event, packets, serve_openai_wire
from tests.fixtures.responses_wire import checked, events_of, types_of
from tests.fixtures.serving import Served, serving

from bedplate.domain.answers import REFUSAL

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
NO = "I cannot help with that."
SCRIPT = {
    "use": "scripted",
    "chunk_characters": 9,
    "replies": ["Hello there"],
    "rules": [{"match": "bomb", "reply": NO, "refuses": True}],
}
SHAPE = {
    "type": "json_schema",
    "json_schema": {"name": "city", "schema": {"type": "object", "properties": {}}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    settings: dict[str, Any] = {
        "models__default": SCRIPT,
        "assistants__nothing": {"collections": ["empty"], "model": "default"},
        "guards__pii": {"use": "patterns", "on": ["output"]},
    }
    async with serving(tmp_path_factory.mktemp("refusals"), **settings) as served:
        path = "/api/collections/empty/documents"
        assert (await served.post(path, {"id": "a", "text": "A tent."})).status == 200
        assert (await served.request("DELETE", f"{path}/a")).status == 200
        yield served


def body(text: str, model: str = "default", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def chunks_of(reply: bytes) -> list[dict[str, Any]]:
    found = [each.removeprefix(b"data: ") for each in reply.split(b"\n\n") if each]
    assert found.pop() == b"[DONE]"
    for each in found:
        ChatCompletionChunk.model_validate_json(each)
    return [json.loads(each) for each in found]


@pytest.mark.parametrize("fields", [{}, {"response_format": SHAPE}], ids=["prose", "json"])
async def test_a_model_that_refuses_says_so_in_its_own_field(
    served: Served, fields: dict[str, Any]
) -> None:
    reply = await served.post(CHAT, body("How is a bomb made?", **fields))
    ChatCompletion.model_validate_json(reply.body)
    message = reply.json["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, NO)

    streamed = await served.post(CHAT, body("How is a bomb made?", stream=True, **fields))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks_of(streamed.body)]
    assert "".join(delta.get("refusal", "") for delta in deltas) == NO
    assert "".join(delta.get("content") or "" for delta in deltas) == ""


async def test_a_response_has_a_part_for_it_and_events(served: Served) -> None:
    asked = {"model": "default", "input": "How is a bomb made?"}
    response = checked((await served.post(RESPONSES, asked)).body)
    assert response["output"][0]["content"] == [{"type": "refusal", "refusal": NO}]
    assert response["status"] == "completed"

    events = events_of((await served.post(RESPONSES, {**asked, "stream": True})).body)
    deltas = [each["delta"] for each in events if each["type"] == "response.refusal.delta"]
    assert (len(deltas) > 1, "".join(deltas)) == (True, NO)
    assert list(dict.fromkeys(types_of(events))) == [
        *("created", "in_progress", "output_item.added", "content_part.added", "refusal.delta"),
        *("refusal.done", "content_part.done", "output_item.done", "completed"),
    ]
    done = next(each for each in events if each["type"] == "response.refusal.done")
    assert done["refusal"] == NO

    # The conversation goes on from it.
    follow = {"model": "default", "input": "Hi", "previous_response_id": response["id"]}
    assert checked((await served.post(RESPONSES, follow)).body)["status"] == "completed"


async def test_an_answer_that_was_not_found_is_words_unless_json_was_asked_for(
    served: Served,
) -> None:
    lost = body("What does a unicorn weigh?", "nothing")
    plain = (await served.post(CHAT, lost)).json
    assert plain["bedplate"]["refused"]
    message = plain["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (REFUSAL, None)

    shaped = (await served.post(CHAT, {**lost, "response_format": SHAPE})).json
    message = shaped["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, REFUSAL)
    assert shaped["bedplate"]["refused"]


async def test_a_servers_refusal_is_handed_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    parts = [event(chunk(refusal="I can")), event(chunk(refusal="not.", finish="stop")), DONE]
    async with serve_openai_wire() as wire:
        wire.script(packets(*parts))
        model: Any = {"use": "openai", "base_url": wire.base_url, "model": "m"}
        async with serving(tmp_path_factory.mktemp("wire"), models__default=model) as served:
            message = (await served.post(CHAT, body("Hi"))).json["choices"][0]["message"]
    assert (message["content"], message["refusal"]) == (None, "I cannot.")
