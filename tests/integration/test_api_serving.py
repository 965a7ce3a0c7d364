"""How an answer is served: padded against onlookers, and by the wishes of a model's server."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletion
from tests.fixtures.openai_wire import Exchange, Wire, chunk, event, serve_openai_wire, usage_chunk
from tests.fixtures.responses_wire import checked, events_of
from tests.fixtures.serving import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
PIECES = ["I", " understand", ' "quotes"', "\n", " and an exceedingly long token beside them", "."]
HI: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "Hi"}]}
MODERATION = {"input": {"type": "moderation_results", "model": "m", "results": []},
              "output": {"type": "error", "code": "c", "message": "none"}}  # fmt: skip
WISHES = {
    "service_tier": "flex",
    "prompt_cache_key": "tenant-1",
    "prompt_cache_retention": "24h",
    "prompt_cache_options": {"mode": "explicit"},
}


async def answers(exchange: Exchange) -> None:
    for piece in PIECES:
        await exchange.send(event(chunk(piece)))
    end = {**chunk(finish="stop"), "service_tier": "flex", "moderation": MODERATION}
    await exchange.send(event(end))
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    await exchange.send(event(usage_chunk(usage)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire() -> AsyncGenerator[Wire]:
    async with serve_openai_wire() as wire:
        wire.script(answers)
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> AsyncGenerator[Served]:
    upstream = {"use": "openai", "model": "m", "base_url": wire.base_url}
    settings: dict[str, Any] = {
        "models__default": upstream,
        "models__hinted": {**upstream, "serving_hints": True},
    }
    async with serving(tmp_path_factory.mktemp("serving"), **settings) as served:
        yield served


def chunks(body: bytes) -> list[bytes]:
    return [each for each in body.split(b"\n\n") if each.startswith(b"data: {")]


async def test_padded_chunks_of_a_chat_have_sizes_that_tell_nothing(served: Served) -> None:
    asked = {**HI, "stream": True}
    plain = chunks((await served.post(CHAT, asked)).body)
    padded = (
        await served.post(CHAT, {**asked, "stream_options": {"include_obfuscation": True}})
    ).body

    assert {(len(each) + 2) % 64 for each in chunks(padded)} == {0}
    told = [json.loads(each.removeprefix(b"data: ")) for each in chunks(padded)]
    assert all(isinstance(each["obfuscation"], str) for each in told)
    said = [each["choices"][0]["delta"].get("content", "") for each in told]
    assert "".join(said) == "".join(PIECES)
    assert padded.endswith(b"data: [DONE]\n\n")
    assert b"obfuscation" not in b"".join(plain)
    # Of six pieces of six lengths no more than two sizes are left.
    assert len({len(each) for each in chunks(padded)[1:-1]}) <= 2 < len(set(map(len, plain)))


async def test_padded_deltas_of_a_response_have_sizes_that_tell_nothing(served: Served) -> None:
    asked = {"model": "default", "input": "Hi", "stream": True}
    options = {"stream_options": {"include_obfuscation": True}}
    reply = await served.post(RESPONSES, {**asked, **options})
    for each in events_of(reply.body):
        assert ("obfuscation" in each) == each["type"].endswith(".delta")
    deltas = [each for each in reply.body.split(b"\n\n") if b".delta\n" in each]
    assert {(len(each) + 2) % 64 for each in deltas} == {0}
    assert b"obfuscation" not in (await served.post(RESPONSES, asked)).body
    wrong = await served.post(RESPONSES, {**asked, "stream_options": {"include_obfuscation": 1}})
    assert wrong.error["param"] == "stream_options.include_obfuscation"


async def test_events_of_the_log_are_padded_where_it_is_asked(served: Served) -> None:
    asked = {"model": "default", "input": "Hi", "background": True}
    options = {"stream_options": {"include_obfuscation": True}}
    begun = await served.post(RESPONSES, {**asked, **options, "stream": True})
    id = events_of(begun.body)[0]["response"]["id"]
    again = await served.get(f"{RESPONSES}/{id}?stream=true")
    padded = await served.get(f"{RESPONSES}/{id}?stream=true&include_obfuscation=true")

    for body, expected in ((begun.body, True), (again.body, False), (padded.body, True)):
        deltas = [each for each in events_of(body) if each["type"].endswith("output_text.delta")]
        assert "".join(each["delta"] for each in deltas) == "".join(PIECES)
        assert all(("obfuscation" in each) == expected for each in deltas)


async def test_what_changes_no_answer_goes_to_servers_that_know_it(
    served: Served, wire: Wire
) -> None:
    for model in ("hinted", "default"):
        reply = await served.post(RESPONSES, {"model": model, "input": "Hi", **WISHES})
        response = checked(reply.body)
        sent = wire.seen[-1].body
        known = {name: sent[name] for name in WISHES if name in sent}
        assert known == (WISHES if model == "hinted" else {})
        repeated = WISHES.keys() - {"prompt_cache_options"}
        assert {name: response[name] for name in repeated} == {n: WISHES[n] for n in repeated}
    wrong = {"model": "default", "input": "Hi", "prompt_cache_retention": "1h"}
    reply = await served.post(RESPONSES, wrong)
    assert (reply.status, reply.error["param"]) == (400, "prompt_cache_retention")


async def test_what_the_server_says_of_moderation_is_handed_on(served: Served) -> None:
    whole = await served.post(CHAT, {**HI, "moderation": {"model": "m"}})
    ChatCompletion.model_validate_json(whole.body)
    assert whole.json["moderation"] == MODERATION
    streamed = chunks((await served.post(CHAT, {**HI, "stream": True})).body)
    assert json.loads(streamed[-1].removeprefix(b"data: "))["moderation"] == MODERATION
