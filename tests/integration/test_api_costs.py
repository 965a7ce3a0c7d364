"""Every model call of a request is counted: a rewriting one, and one that another model made."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.openai_wire import refuses, serve_openai_wire
from tests.fixtures.serving import SCRIPTED, Served, serving

CHAT = "/v1/chat/completions"
HTML = {"Content-Type": "text/html"}
COST = "x-bedplate-cost-usd"
CENT = {"input": 2_000, "output": 0}
"""Of the five tokens that are reported as input."""


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    rewriting = {
        **SCRIPTED,
        "rules": [],
        "replies": ["How long does a refund take?"],
        "price": CENT,
    }
    async with serving(
        tmp_path,
        models__default={**SCRIPTED, "price": CENT},
        models__dear={**SCRIPTED, "price": {"input": 20_000, "output": 0}, "output_tokens": 9},
        models__sorted={"use": "router", "small": "default", "large": "dear", "share": 1},
        models__outer={"use": "router", "small": "default", "large": "sorted", "share": 1},
        models__front={"use": "fallback", "models": ["dear", "default"]},
        models__rewriting=rewriting,
        search__rewrite="rewriting",
        assistants__shop={"model": "default", "collections": ["c"]},
    ) as opened:
        await opened.post("/api/collections", {"name": "c"})
        await opened.post("/api/collections/c/documents", {"text": "A refund takes 30 days."})
        yield opened


async def asked_trace(served: Served) -> str:
    """A trace ends, and is written, after its answer was sent."""
    async with asyncio.timeout(20):
        while True:
            await served.app.tracing.recorder.flush()
            if found := (await served.get("/api/traces?name=POST%20/api/ask")).json["traces"]:
                return found[0]["id"]
            await asyncio.sleep(0.05)


def said(*texts: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "assistant") * len(texts)
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return {"messages": messages, **more}


async def test_where_routers_sent_a_request_is_in_a_header(served: Served) -> None:
    reply = await served.post(CHAT, said("Hi", model="outer"))
    assert reply.headers["x-bedplate-routed"] == "sorted > dear"
    reply = await served.post("/v1/messages", said("Hi", model="sorted", max_tokens=9))
    assert reply.headers["x-bedplate-routed"] == "dear"
    assert "x-bedplate-routed" not in (await served.post(CHAT, said("Hi", model="default"))).headers


async def test_what_a_request_cost_is_in_a_header_and_in_a_stream_s_last_usage(
    served: Served,
) -> None:
    reply = await served.post(CHAT, said("Hi", model="default"))
    assert (reply.headers[COST], reply.json["usage"]["cost_usd"]) == ("0.01", 0.01)
    asked = {"collection": "c", "question": "How long does a refund take?"}
    assert (await served.post("/api/ask", asked)).headers[COST] == "0.01"
    streamed = await served.post(
        CHAT, said("Hi", model="default", stream=True, stream_options={"include_usage": True})
    )
    *_, last, done = [line for line in streamed.body.decode().split("\n\n") if line]
    assert done == "data: [DONE]"
    assert json.loads(last.removeprefix("data: "))["usage"]["cost_usd"] == 0.01


async def test_a_question_that_a_model_rewrote_costs_both_calls(served: Served) -> None:
    talk = said("Do you take things back?", "Yes.", "How long does it take?", model="shop")
    reply = await served.post(CHAT, talk)
    assert reply.json["bedplate"]["rewritten"]["by"] == "rewriting"
    assert reply.headers[COST] == "0.02"
    assert reply.json["usage"]["prompt_tokens"] == 10
    used = (await served.get("/api/usage?by=model")).json["usage"]
    assert {each["group"]: each["cost_usd"] for each in used} == {
        "default": 0.01,
        "rewriting": 0.01,
    }


@pytest.mark.parametrize("page", [False, True])
async def test_a_question_that_a_dead_model_fails_at_is_answered_and_paid_once(
    tmp_path: Path,
    page: bool,
) -> None:
    async with serve_openai_wire() as wire:
        # Nothing listens on port 9 (RFC 863).
        address = wire.base_url if page else "http://127.0.0.1:9/v1"
        if page:
            wire.script(refuses(200, b"<!doctype html>", HTML))
        dear = {"input": 20_000, "output": 20_000}
        async with serving(
            tmp_path,
            models__default={
                "use": "openai",
                "base_url": address,
                "model": "m",
                "price": dear,
                "fallback": ["second"],
            },
            models__second={**SCRIPTED, "price": CENT},
            budgets__tenants__default={"usd_day": 100},
        ) as served:
            await served.post("/api/collections", {"name": "c"})
            await served.post("/api/collections/c/documents", {"text": "A refund takes 30 days."})
            reply = await served.post("/api/ask", {"collection": "c", "question": "A refund?"})
            trace = await served.get(f"/api/traces/{await asked_trace(served)}")
            budgets = (await served.get("/api/budgets")).json["budgets"]

        assert reply.status == 200
        assert reply.json["answer"].startswith("Refunds take 30 days")
        assert reply.headers[COST] == "0.01"
        assert [(each["spent"], each["reserved"]) for each in budgets] == [(0.01, 0)]
        assert "upstream_error: The model 'm'" in json.dumps(trace.json)


async def test_a_model_that_answers_for_another_is_held_to_its_own_budget(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bedplate.chat.turn")
    await served.request("PATCH", "/api/budgets/model/dear", json={"usd_total": 2})
    await served.request("PATCH", "/api/budgets/model/front", json={"usd_total": 100})

    async def spent(name: str) -> float:
        return (await served.get("/api/budgets")).json["budgets"][name == "front"]["spent"]

    reply = await served.post(CHAT, said("Hi", model="front"))
    assert reply.headers[COST] == "0.1"
    assert [await spent("dear"), await spent("front")] == [0.1, 0.1]
    await served.request("PATCH", "/api/budgets/model/dear", json={"usd_total": 0.1})
    reply = await served.post(CHAT, said("Hi", model="front"))
    assert reply.headers[COST] == "0.01"
    assert [await spent("dear"), await spent("front")] == [0.1, 0.11]
    notes = [getattr(record, "notes", None) for record in caplog.records]
    assert notes[0] == []
    assert str(notes[-1]).startswith(
        "[\"fallback dear: budget_exceeded: The budget of model 'dear'"
    )
    # Usage is told by the model that was asked for, once for each call.
    used = (await served.get("/api/usage?by=model")).json["usage"]
    assert [(each["group"], each["requests"]) for each in used] == [("front", 2)]
