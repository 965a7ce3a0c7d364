"""What a client is told where a model's server, or the way to it, is not as it should be.

What adapters make of each is in tests/contract/test_model_upstreams.py, broken tool calls in
tests/unit/models/test_tool_parts.py, wrong usage in tests/unit/models/test_openai_wire.py, budgets
that cannot be in tests/integration/test_api_budgets.py.
"""

from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.openai_wire import (
    Answer,
    chunk,
    envelope,
    event,
    never_ends,
    packets,
    refuses,
    serve_openai_wire,
    streams,
)
from tests.fixtures.serving import SCRIPTED, serving

from bedplate.errors import BedplateError

CHAT = "/v1/chat/completions"
INWARDS = {"Location": "http://169.254.169.254/latest/meta-data"}
BEGUN = event(chunk("One"))
CASES: list[tuple[Answer, int, str]] = [
    (refuses(401, envelope("no such key")), 502, "refused the key with HTTP 401; set api_key"),
    (packets(b"<!doctype html>", content_type="text/html"), 502, "no answer of a model"),
    (refuses(200, envelope("model is loading")), 502, "model is loading"),
    (refuses(307, b"", INWARDS), 502, "redirected with HTTP 307; set base_url"),
    (refuses(429, envelope("slow down"), {"Retry-After": "7"}), 429, "slow down"),
]
BROKEN_OFF: list[tuple[Answer, int, str]] = [
    (packets(BEGUN, b'data: {"choices": [{"del\n\n'), 502, "cannot be read after 3 characters"),
    (packets(BEGUN), 502, "ended early after 3 characters"),
    (never_ends("more "), 502, "more than 2000 bytes (max_answer_bytes)"),
]


def body(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **more}


async def test_a_broken_server_is_told_of_and_the_next_call_served(tmp_path: Path) -> None:
    async with serve_openai_wire() as wire:
        at = {"use": "openai", "model": "m", "api_key": "sk-secret", "max_answer_bytes": 2_000}
        secure = wire.base_url.replace("http:", "https:")
        async with serving(
            tmp_path,
            models__far={**at, "base_url": wire.base_url, "breaker": {"failures": 0}},
            models__nowhere={**at, "base_url": "http://nowhere.invalid/v1"},
            models__secure={**at, "base_url": secure},
        ) as served:
            for answer, status, says in (*CASES, *BROKEN_OFF):
                for stream in (False, True):
                    wire.script(answer)
                    reply = await served.post(CHAT, body("far", stream=stream))
                    # A stream that has begun has its status already, and ends in an error.
                    begun = stream and (answer, status, says) in BROKEN_OFF
                    assert reply.status == (200 if begun else status)
                    assert says.encode() in reply.body
                    assert b"sk-secret" not in reply.body
            for name, says in (
                ("nowhere", "cannot find the host 'nowhere.invalid'"),
                ("secure", "no secure connection"),
            ):
                reply = await served.post(CHAT, body(name))
                assert (reply.status, says in reply.error["message"]) == (502, True)
            reply = await served.post(CHAT, body("fra"))
            assert (reply.status, reply.error["param"]) == (404, "model")
            assert "no model or assistant 'fra'. Did you mean 'far'?" in reply.error["message"]
            wire.script(streams("Fine."))
            reply = await served.post(CHAT, body("far"))
            assert reply.json["choices"][0]["message"]["content"] == "Fine."


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ({"far": {"use": "openai", "model": "gpt-4.1"}}, "needs a key: set api_key"),
        ({"far": {"use": "opnai", "model": "m"}}, "'openai'"),
        ({"far": {"use": "fallback", "models": ["nar"]}, "near": SCRIPTED}, "Did you mean 'near'"),
        ({"far": {**SCRIPTED, "price": {"input": -1, "output": 1}}}, "models.far.price"),
    ],
)
async def test_a_model_that_cannot_be_stops_the_start(
    tmp_path: Path, models: dict[str, Any], says: str
) -> None:
    named = {f"models__{name}": slot for name, slot in models.items()}
    with pytest.raises(BedplateError) as caught:
        async with serving(tmp_path, **named):
            pass
    assert says in caught.value.message


async def test_a_price_that_is_not_known_is_refused_or_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve_openai_wire() as wire:
        far = {"use": "openai", "model": "of-nobody", "base_url": wire.base_url}
        for policy, status in (("refuse", 403), ("warn", 200)):
            wire.script(streams("Fine."))
            async with serving(
                tmp_path / policy,
                models__far=far,
                budgets__tenants={"default": {"usd_day": 1}},
                budgets__unknown_price=policy,
            ) as served:
                reply = await served.post(CHAT, body("far"))
                assert reply.status == status
                assert "x-bedplate-cost-usd" not in reply.headers
                assert (b"[models.far.price]" in reply.body) == (policy == "refuse")
    assert any("unknown price" in record.message for record in caplog.records)
