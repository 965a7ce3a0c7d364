"""One answer, told to every adapter in its own wire: thoughts, text and calls as a script has them."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.fixtures import anthropic_wire, openai_wire
from tests.fixtures.anthropic_wire import serve_anthropic_wire
from tests.fixtures.extras import load_or_skip
from tests.fixtures.openai_wire import Answer, Wire, packets, serve_openai_wire

from bedplate.domain.chat import ChatEvent, Finished, TextDelta, ToolCallDelta
from bedplate.embedders import EMBEDDERS
from bedplate.models import MODELS
from bedplate.models.protocol import ChatModel


@dataclass(frozen=True)
class Script:
    """`calls` are names and arguments."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()


@asynccontextmanager
async def open_model(name: str, options: Mapping[str, Any]) -> AsyncIterator[ChatModel]:
    async with (
        EMBEDDERS.load("hashing")({}) as embedder,
        MODELS.load(name)(options, embedder=embedder) as model,
    ):
        yield model


@asynccontextmanager
async def openai(script: Script) -> AsyncGenerator[ChatModel]:
    async with (
        serve_openai_wire() as wire,
        open_model("openai", {"base_url": wire.base_url, "model": "m"}) as model,
    ):
        wire.script(openai_answer(script))
        yield model


@asynccontextmanager
async def anyllm(script: Script) -> AsyncGenerator[ChatModel]:
    load_or_skip(MODELS, "anyllm")
    async with (
        serve_openai_wire() as wire,
        open_model("anyllm", through_anyllm(wire)) as model,
    ):
        wire.script(openai_answer(script))
        yield model


def through_anyllm(wire: Wire) -> dict[str, Any]:
    """By a provider of any-llm that has OpenAI's wire."""
    return {"provider": "vllm", "base_url": wire.base_url, "model": "m", "api_key": "sk-none"}


@asynccontextmanager
async def anthropic(script: Script) -> AsyncGenerator[ChatModel]:
    async with (
        serve_anthropic_wire() as wire,
        open_model("anthropic", {"base_url": wire.base_url, "model": "m"}) as model,
    ):
        wire.script(anthropic_answer(script))
        yield model


@asynccontextmanager
async def scripted(script: Script) -> AsyncGenerator[ChatModel]:
    rule = {
        "reply": script.text,
        "reasoning": script.reasoning,
        "tool_calls": [{"name": name, "arguments": given} for name, given in script.calls],
    }
    async with open_model("scripted", {"rules": [rule], "chunk_characters": 3}) as model:
        yield model


SPEAKERS = {"anthropic": anthropic, "anyllm": anyllm, "openai": openai, "scripted": scripted}
"""Every adapter but quote, which says nothing of its own."""


def openai_answer(script: Script) -> Answer:
    """Calls side by side, as servers write them that make them at once."""
    chunk, part = openai_wire.chunk, openai_wire.part
    begun = [part("", index=at, id=f"c{at}", name=n) for at, (n, _) in enumerate(script.calls)]
    given = [part(json.dumps(a), index=at) for at, (_, a) in enumerate(script.calls)]
    chunks = [
        *([chunk(reasoning_content=script.reasoning)] if script.reasoning else []),
        *([chunk(script.text)] if script.text else []),
        *(openai_wire.tool_chunk(each) for each in (*begun, *reversed(given))),
        chunk(finish="stop", usage=openai_wire.USAGE),
    ]
    return packets(*map(openai_wire.event, chunks), openai_wire.DONE)


def anthropic_answer(script: Script) -> Answer:
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if script.reasoning:
        grown = {"type": "thinking_delta", "thinking": script.reasoning}
        blocks.append(({"type": "thinking", "thinking": ""}, [grown]))
    if script.text:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": script.text}]))
    for at, (name, arguments) in enumerate(script.calls):
        begun = {"type": "tool_use", "id": f"c{at}", "name": name, "input": {}}
        blocks.append(
            (begun, [{"type": "input_json_delta", "partial_json": json.dumps(arguments)}])
        )
    parts = [anthropic_wire.block(at, one, *rest) for at, (one, rest) in enumerate(blocks)]
    stop = "tool_use" if script.calls else "end_turn"
    return packets(*anthropic_wire.message(*parts, stop=stop))


def check_order(events: list[ChatEvent]) -> Finished:
    """What the protocol says of any stream; the last event."""
    *parts, last = events
    assert isinstance(last, Finished)
    assert not any(isinstance(event, Finished) for event in parts)
    begun = 0
    for event in parts:
        if isinstance(event, ToolCallDelta):
            first = event.index == begun
            begun += first
            assert event.index == begun - 1, "parts of calls are mixed"
            assert bool(event.id) == first
            assert bool(event.name) == first
        else:
            assert event.text
    return last


def calls_of(events: list[ChatEvent]) -> list[tuple[str, dict[str, Any]]]:
    names: dict[int, str] = {}
    texts: dict[int, str] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            names[event.index] = names.get(event.index, "") + event.name
            texts[event.index] = texts.get(event.index, "") + event.arguments
    return [(names[at], json.loads(texts[at])) for at in sorted(names)]


def text_of(events: list[ChatEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def no_task_left() -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}
