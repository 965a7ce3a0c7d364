"""What is wrapped around models, over real wires: what providers see, and what clients get."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.openai_wire import (
    Wire,
    envelope,
    packets,
    refuses,
    serve_openai_wire,
    silent,
    streams,
)
from tests.fixtures.serving import Reply, Served, asked, serving
from tests.fixtures.told_model import broken_off, heard

from bedplate.config import ModelSlot, load_config
from bedplate.domain.chat import TextDelta
from bedplate.embedders import EMBEDDERS
from bedplate.errors import ConfigError, ContextOverflow, UpstreamError, UpstreamRateLimited
from bedplate.ingest.incoming import Upload
from bedplate.lineup import open_lineup
from bedplate.models.breaker import Breakers
from bedplate.models.protocol import MeteredModel
from bedplate.parsers.protocol import Blob

CHAT = "/v1/chat/completions"
QUICK = {"attempts": 3, "first_seconds": 0.001, "most_seconds": 0.01}
DOWN = refuses(503, envelope("overloaded"))
TOO_LONG = refuses(
    400,
    envelope(
        "This model's maximum context length is 20 tokens. However, you requested 90 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
)
LLAMA_TOO_LONG = refuses(
    400,
    {
        "error": {
            "code": 400,
            "message": "the request exceeds the available context size, try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 90,
            "n_ctx": 20,
        }
    },
)


@asynccontextmanager
async def wires(count: int) -> AsyncGenerator[list[Wire]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serve_openai_wire()) for _ in range(count)]


def at(wire: Wire, **settings: Any) -> dict[str, Any]:
    return {"use": "openai", "base_url": wire.base_url, "model": "m", **settings}


@asynccontextmanager
async def lineup(
    slots: Mapping[str, Mapping[str, Any]], breakers: Breakers | None = None
) -> AsyncGenerator[Mapping[str, MeteredModel]]:
    settings = {name: ModelSlot.model_validate(slot) for name, slot in slots.items()}
    async with (
        EMBEDDERS.load("hashing")({}) as embedder,
        open_lineup(settings, embedder=embedder, breakers=breakers) as models,
    ):
        yield models


def keys_seen(wire: Wire) -> list[str]:
    return [seen.headers["Authorization"].removeprefix("Bearer ") for seen in wire.seen]


async def test_a_busy_provider_is_asked_again_and_another_one_then() -> None:
    async with wires(2) as (one, two):
        one.script(DOWN)
        two.script(streams("From ", "two."))
        slots = {"one": at(one, retry=QUICK, fallback=["two"]), "two": at(two)}
        async with lineup(slots) as models:
            text, end = await heard(models["one"])

    assert text == "From two."
    assert (len(one.seen), len(two.seen)) == (3, 1)
    assert [(note.kind, note.model) for note in end.notes] == [("fallback", "one")]


async def test_a_stream_that_broke_off_is_not_continued_elsewhere() -> None:
    async with wires(2) as (one, two):
        half = b'data: {"choices":[{"index":0,"delta":{"content":"Half"}}]}\n\n'
        one.script(packets(half, reset=True))
        slots = {"one": at(one, retry=QUICK, fallback=["two"]), "two": at(two)}
        async with lineup(slots) as models:
            seen, error = await broken_off(models["one"])

    assert seen == [TextDelta("Half")]
    assert isinstance(error, UpstreamError)
    assert (len(one.seen), len(two.seen)) == (1, 0)


async def test_fallback_is_a_model_of_its_own_too() -> None:
    async with wires(2) as (one, two):
        one.script(DOWN)
        two.script(streams("From two."))
        slots = {
            "chain": {"use": "fallback", "models": ["one", "two"]},
            "one": at(one),
            "two": at(two),
        }
        async with lineup(slots) as models:
            assert (await heard(models["chain"]))[0] == "From two."


@pytest.mark.parametrize("refusal", [TOO_LONG, LLAMA_TOO_LONG])
async def test_what_is_too_long_for_one_goes_to_the_next(refusal: Any) -> None:
    async with wires(2) as (one, two):
        one.script(refusal)
        two.script(streams("From two."))
        slots = {"one": at(one, fallback=["two"]), "two": at(two), "alone": at(one)}
        async with lineup(slots) as models:
            assert (await heard(models["one"]))[0] == "From two."
            with pytest.raises(ContextOverflow):
                await heard(models["alone"])


async def test_a_silent_provider_is_hedged_and_its_call_is_ended() -> None:
    async with wires(2) as (one, two):
        one.script(silent())
        two.script(streams("From two."))
        slots = {"one": at(one, hedge={"seconds": 0.02, "model": "two"}), "two": at(two)}
        async with lineup(slots) as models:
            assert (await heard(models["one"]))[0] == "From two."
            await one.disconnected.wait()


async def test_keys_rotate_rest_and_are_given_up() -> None:
    async with wires(1) as (wire,):
        wire.script(
            refuses(429, envelope("slow down"), {"Retry-After": "30"}),
            refuses(401, envelope("wrong key")),
            streams("Fine."),
        )
        slots = {"one": at(wire, api_keys=["key-one-1", "key-two-2", "key-three-3"])}
        async with lineup(slots) as models:
            text, end = await heard(models["one"])
            await heard(models["one"])
            wire.script(refuses(429, envelope("slow down"), {"Retry-After": "7"}))
            with pytest.raises(UpstreamRateLimited) as caught:
                await heard(models["one"])

    assert text == "Fine."
    assert [note.kind for note in end.notes] == ["key", "key"]
    assert keys_seen(wire) == ["key-one-1", "key-two-2", *["key-three-3"] * 3]
    assert caught.value.retry_after == pytest.approx(7.0, abs=1.0)


def test_keys_may_be_secrets_and_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "bedplate.toml"
    file.write_text(
        '[models.m]\nuse = "openai"\nmodel = "x"\napi_keys = [{ env = "ONE" }, { env = "TWO" }]\n'
    )
    loaded = load_config(file, environment={"ONE": "first-secret", "TWO": "second-secret"})

    keys = loaded.config.models["m"].api_keys
    assert [key.get_secret_value() for key in keys] == ["first-secret", "second-secret"]
    assert "first-secret" not in str(loaded.settings)
    with pytest.raises(ConfigError, match=r"models\.m\.api_keys\.1 .*'TWO'"):
        load_config(file, environment={"ONE": "x"})


@pytest.mark.parametrize(
    ("slots", "complaint"),
    [
        (
            {"a": {"use": "fallback", "models": ["b"], "retry": QUICK}, "b": {"use": "quote"}},
            r"models\.a\.retry",
        ),
        (
            {"a": {"use": "openai", "model": "m", "api_key": "k", "timeouts": {"idle_seconds": 3}}},
            r"models\.a\.first_token_seconds",
        ),
        (
            {"a": {"use": "openai", "model": "m", "api_key": "x", "api_keys": ["y"]}},
            "both api_key and api_keys",
        ),
        ({"a": {"use": "quote", "api_keys": ["y"]}}, r"models\.a\.api_key"),
        ({"a": {"use": "quote", "fallback": ["b"]}}, "refers to the model 'b'"),
        (
            {"a": {"use": "quote", "cauton": 0.5}},
            "no such option. Did you mean 'caution'",
        ),
        ({"a": {"use": "quote", "fallbak": ["b"]}}, "no such option. Did you mean 'fallback'"),
        ({"a": {"use": "manged", "model": "m"}}, "adapter 'manged'. Did you mean 'managed'"),
        ({"a": {"use": "quote", "hedge": {"seconds": 1, "model": "b"}}}, "the model 'b'"),
        ({"a": {"use": "quote", "fallback": ["a"]}}, "circle: a -> a"),
        (
            {"a": {"use": "quote", "fallback": ["b"]}, "b": {"use": "fallback", "models": ["a"]}},
            "circle",
        ),
        ({"a": {"use": "fallback", "models": []}}, r"models\.a\.models"),
    ],
)
async def test_settings_that_cannot_be_meant_are_refused(
    slots: Mapping[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        async with lineup(slots):
            pass


async def say(served: Served, model: str = "m", text: str = "Hi") -> Reply:
    return await served.post(
        CHAT, {"model": model, "messages": [{"role": "user", "content": text}]}
    )


async def test_clients_get_one_form_of_every_refusal(tmp_path: Path) -> None:
    async with wires(1) as (wire,):
        wire.script(TOO_LONG)
        small = at(wire, context_tokens=10)
        async with serving(tmp_path, models__m=at(wire), models__n=small) as served:
            by_provider, before = await say(served), await say(served, "n", "word " * 99)

    for reply in (by_provider, before):
        assert reply.status == 400
        assert reply.error["code"] == "context_length_exceeded"
        assert reply.error["type"] == "invalid_request_error"
        assert reply.error["param"] == "messages"
    assert "90 tokens" in by_provider.error["message"]
    assert "takes 20" in by_provider.error["message"]
    assert "takes 10" in before.error["message"]
    assert len(wire.seen) == 1


async def test_an_open_breaker_answers_at_once_and_can_be_seen(tmp_path: Path) -> None:
    async with wires(1) as (wire,):
        wire.script(DOWN)
        breaker = {"failures": 2, "open_seconds": 40.0}
        async with serving(tmp_path, models__m=at(wire, breaker=breaker)) as served:
            before = (await served.get("/api/models/health")).json
            first, second, third = [await say(served) for _ in range(3)]
            after = (await served.get("/api/models/health")).json

    assert [reply.status for reply in (first, second, third)] == [502, 502, 503]
    assert third.error["code"] == "unavailable"
    assert 30 <= int(third.headers["Retry-After"]) <= 40
    assert len(wire.seen) == 2
    assert [endpoint["state"] for endpoint in before["endpoints"]] == ["closed"]
    [endpoint] = after["endpoints"]
    assert endpoint["endpoint"] == wire.base_url
    assert (endpoint["state"], endpoint["calls"], endpoint["failures"]) == ("open", 2, 2)
    assert "overloaded" in endpoint["last_error"]


async def test_answers_from_a_collection_are_remembered_until_it_changes(tmp_path: Path) -> None:
    script = {"use": "scripted", "replies": ["One [1].", "Two [1]."], "cache": {"exact": True}}
    async with serving(tmp_path, models__default=script) as served:
        app = served.app

        async def add(name: str, text: str) -> None:
            await app.ingest.run(app.scope("c"), [Upload(Blob(text.encode(), name))])

        async def ask() -> str:
            return (await app.ask.answer(app.question("c", "What do boots cost?"))).text

        await add("a.txt", "Boots cost 90 dollars.")
        answers = [await ask(), await ask()]
        await add("b.txt", "Hats are made in Norway, by hand.")
        answers += [await ask(), await ask()]
        requests = asked(app)

    assert answers == ["One [1].", "One [1].", "Two [1].", "Two [1]."]
    assert len(requests) == 2
    assert requests[0].knowledge != requests[1].knowledge
