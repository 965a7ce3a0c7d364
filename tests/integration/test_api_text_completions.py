"""POST /v1/completions: over a model that answers messages, one that goes on with texts, an assistant."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from openai.types import Completion
from tests.fixtures.openai_wire import DONE, Exchange, Wire, event, serve_wire
from tests.fixtures.serving import SCRIPTED, Served, asked, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/completions"
PIECES = [" upon", " a", " time"]


def told(choice: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "base-1",
        "choices": [{"index": 0, **choice}], **fields,
    }  # fmt: skip


def sure(text: str) -> dict[str, Any]:
    return {
        "tokens": [text],
        "token_logprobs": [-0.25],
        "top_logprobs": [{text: -0.25, " the": -2.0}],
        "text_offset": [0],
    }


async def goes_on(exchange: Exchange) -> None:
    body = exchange.body
    for piece in PIECES:
        logprobs = sure(piece) if body.get("logprobs") is not None else None
        await exchange.send(event(told({"text": piece, "logprobs": logprobs})))
    await exchange.send(event(told({"text": "", "finish_reason": "length"})))
    usage = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
    await exchange.send(event({**told({}), "choices": [], "usage": usage}))
    await exchange.send(DONE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire() -> AsyncGenerator[Wire]:
    async with serve_wire(PATH, goes_on) as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> AsyncGenerator[Served]:
    upstream = {"use": "openai", "model": "base-1", "base_url": wire.base_url}
    settings: dict[str, Any] = {
        "models__default": {**SCRIPTED, "replies": ["One.", "Two.", "Three."]},
        "models__base": {**upstream, "text_completions": True},
        "models__chatty": upstream,
        "assistants__helper": {"model": "default", "instructions": "Be short."},
    }
    async with serving(tmp_path_factory.mktemp("texts"), **settings) as served:
        yield served


async def create(served: Served, prompt: Any, model: str = "default", **fields: Any) -> Any:
    reply = await served.post(PATH, {"model": model, "prompt": prompt, **fields})
    assert reply.status == 200, reply.body
    Completion.model_validate_json(reply.body, strict=True)
    return reply.json


async def test_a_prompt_is_a_message_for_a_model_that_answers_those(served: Served) -> None:
    made = await create(served, "About refunds:", temperature=0.5, stop="\n", seed=7, user="u")

    [choice] = made["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("Refunds take 30 days [1].", "stop")
    assert (made["object"], made["usage"]["total_tokens"]) == ("text_completion", 8)
    assert made["id"].startswith("cmpl-")
    request = asked(served.app)[-1]
    assert [(each.role, each.content) for each in request.messages] == [("user", "About refunds:")]
    assert (request.temperature, request.stop, request.seed) == (0.5, ("\n",), 7)
    assert (request.max_output_tokens, request.extra) == (16, {"user": "u"})


async def test_an_assistant_is_asked_the_prompt_as_a_question(served: Served) -> None:
    made = await create(served, "About refunds:", "helper")

    assert made["model"] == "helper"
    assert made["choices"][0]["text"] == "Refunds take 30 days [1]."
    assert made["bedplate"]["refused"] is False
    messages = asked(served.app)[-1].messages
    assert (messages[0].role, "Be short." in messages[0].content) == ("system", True)


async def test_prompts_and_their_choices_are_numbered_in_order(served: Served) -> None:
    made = await create(served, ["a", "b"], n=2, best_of=2)

    assert [each["index"] for each in made["choices"]] == [0, 1, 2, 3]
    prompts = [each.messages[0].content for each in asked(served.app)[-4:]]
    assert prompts == ["a", "a", "b", "b"]
    assert made["usage"]["completion_tokens"] == 12


async def test_a_model_that_goes_on_with_texts_is_given_the_prompt_as_it_is(
    served: Served, wire: Wire
) -> None:
    made = await create(served, "Once", "base", max_tokens=3, logprobs=2, suffix=".", min_p=0.1)

    sent = wire.seen[-1].body
    assert sent["prompt"] == "Once"
    assert "messages" not in sent
    assert (sent["logprobs"], sent["max_tokens"], sent["suffix"], sent["min_p"]) == (2, 3, ".", 0.1)
    [choice] = made["choices"]
    assert (choice["text"], choice["finish_reason"]) == (" upon a time", "length")
    assert choice["logprobs"] == {
        "tokens": PIECES,
        "token_logprobs": [-0.25] * 3,
        "top_logprobs": [{piece: -0.25, " the": -2.0} for piece in PIECES],
        "text_offset": [0, 5, 7],
    }
    assert made["usage"]["total_tokens"] == 4


async def test_the_official_client_reads_it_whole_and_streamed(served: Served) -> None:
    async with AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        whole = await client.completions.create(model="base", prompt="Once")
        assert whole.choices[0].text == "".join(PIECES)
        stream = await client.completions.create(
            model="base", prompt=["Once", "Twice"], stream=True, logprobs=1,
            stream_options={"include_usage": True},
        )  # fmt: skip
        texts, reasons, offsets, last = ["", ""], ["", ""], [[], []], None
        async for chunk in stream:
            last = chunk
            for choice in chunk.choices:
                texts[choice.index] += choice.text
                reasons[choice.index] = choice.finish_reason or reasons[choice.index]
                if choice.logprobs:
                    offsets[choice.index] += choice.logprobs.text_offset or []
    assert texts == ["".join(PIECES)] * 2
    assert reasons == ["length"] * 2
    assert offsets == [[0, 5, 7]] * 2
    assert last is not None
    assert (last.choices, last.usage and last.usage.total_tokens) == ([], 8)


async def test_a_stream_ends_with_done_and_is_padded_where_asked(served: Served) -> None:
    options = {"include_obfuscation": True}
    reply = await served.post(
        PATH, {"model": "default", "prompt": "Hi", "stream": True, "stream_options": options}
    )
    events = reply.body.split(b"\n\n")
    assert events[-2] == b"data: [DONE]"
    assert {(len(each) + 2) % 64 for each in events[:-2]} == {0}
    said = [json.loads(each.removeprefix(b"data: "))["choices"][0]["text"] for each in events[:-2]]
    assert "".join(said) in {"One.", "Two.", "Three."}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", ""]}, "prompt.1"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1], [2]]}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"prompt": ["a"] * 33}, "prompt"),
        ({"prompt": ["a", "b", "c"], "n": 16}, "prompt"),
        ({"n": 17}, "n"),
        ({"echo": True}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"logprobs": 6}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"suffix": "."}, "suffix"),
        ({"suffix": ".", "model": "chatty"}, "suffix"),
        ({"model": "none"}, "model"),
    ],
    ids=str,
)
async def test_what_cannot_be_done_is_refused_by_name(
    served: Served, fields: dict[str, Any], param: str
) -> None:
    reply = await served.post(PATH, {"model": "default", "prompt": "Hi", **fields})

    assert (reply.status, reply.error["param"]) == (404 if param == "model" else 400, param)
    assert reply.error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]},
         "messages"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)  # fmt: skip
async def test_a_model_that_goes_on_with_texts_holds_no_conversation(
    served: Served, wire: Wire, fields: dict[str, Any], param: str
) -> None:
    before = len(wire.seen)
    body = {"model": "base", "messages": [{"role": "user", "content": "Hi"}], **fields}
    reply = await served.post("/v1/chat/completions", body)

    assert (reply.status, reply.error["param"]) == (400, param)
    assert len(wire.seen) == before
