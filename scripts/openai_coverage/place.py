"""The server that is asked: a real one in this process, over a model server that answers in full."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import aiohttp
from scripts.openai_coverage.fields import members, seen
from scripts.openai_coverage.surface import Operation, operations
from tests.fixtures.mcp_server import mcp_server
from tests.fixtures.openai_wire import (
    DONE,
    Exchange,
    Wire,
    chunk,
    event,
    part,
    serve_wire,
    tool_chunk,
    usage_chunk,
)
from tests.fixtures.serving import Served, serving
from tests.fixtures.web_site import web_site

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
TEXT = "Refunds take 30 days."
REFUSE = "Refuse this."
JUDGED = {
    "type": "moderation_results",
    "model": "m",
    "results": [
        {
            "type": "moderation_result",
            "model": "m",
            "flagged": False,
            "categories": {"hate": False},
            "category_scores": {"hate": 0.1},
            "category_applied_input_types": {"hate": ["text"]},
        }
    ],
}
FAULT = {"type": "error", "code": "c", "message": "Not now."}
MODERATIONS = {
    "good": {"input": JUDGED, "output": JUDGED},
    "broken": {"input": FAULT, "output": FAULT},
}
ARGUMENTS = {"file_search": '{"queries": ["refunds"]}', "find_order": '{"order": "A-1"}'}


@dataclass
class Place:
    """`fields` are what answers held, by operation; `events` the types of events, or, of events
    without types, their fields.
    """

    served: Served
    wire: Wire
    base: Wire
    """A server that goes on with texts."""
    mcp: str
    """The URL of an MCP server."""
    page: str
    """The URL of a page."""
    fields: dict[Operation, set[str]] = field(default_factory=dict[Operation, set[str]])
    events: dict[Operation, set[str]] = field(default_factory=dict[Operation, set[str]])
    known: Mapping[tuple[str, str], Operation] = field(
        default_factory=lambda: {(each.method, each.path): each for each in operations()}
    )

    async def ask(
        self, method: str, path: str, body: Any = None, *, query: Any = None, **ids: str
    ) -> Any:
        """The answer, of which what it holds is noted; a stream's events where it streams."""
        operation = self.known[method, path]
        form = body if isinstance(body, aiohttp.FormData) else None
        reply = await self.served.request(
            method,
            "/v1" + path.format(**ids),
            data=form,
            json=body if form is None else None,
            params=query,
        )
        if reply.status >= 400:
            raise AssertionError(f"{operation}: {reply.status} {reply.body[:300]!r}")
        if reply.headers["Content-Type"].startswith("text/event-stream"):
            return self._note_events(operation, reply.body)
        if not reply.headers["Content-Type"].startswith("application/json"):
            self.fields.setdefault(operation, set())
            return reply.body
        found = self.fields.setdefault(operation, set())
        answers = reply.json["data"] if operation.listing else [reply.json]
        for answer in answers if isinstance(answers, list) else [answers]:
            found.update(seen(operation.answer, answer) if operation.answer else ())
        return reply.json

    def _note_events(self, operation: Operation, body: bytes) -> list[Any]:
        found = self.events.setdefault(operation, set())
        told: list[Any] = []
        for each in body.split(b"\n\n"):
            data = each.rpartition(b"data: ")[2]
            if data.startswith(b"{"):
                told.append(json.loads(data))
                typed = len(members(operation.event)) > 1
                found.update([told[-1]["type"]] if typed else seen(operation.event, told[-1]))
        return told


@asynccontextmanager
async def place() -> AsyncGenerator[Place]:
    with TemporaryDirectory() as folder:
        async with (
            serve_wire("/v1/chat/completions", _answer_in_full) as wire,
            serve_wire("/v1/completions", _go_on) as base,
            mcp_server() as shop,
            web_site() as site,
            serving(
                Path(folder),
                work=True,
                models__default={
                    "use": "openai",
                    "model": "m",
                    "base_url": wire.base_url,
                    "custom_tools": True,
                    "serving_hints": True,
                },
                models__base={
                    "use": "openai",
                    "model": "b",
                    "base_url": base.base_url,
                    "text_completions": True,
                },
                models__broken={"use": "scripted", "replies": ["One."], "fail_after": 0},
                models__slow={
                    "use": "scripted",
                    "replies": ["and so on " * 50],
                    "delay_seconds": 0.1,
                },
                server__max_body_bytes=1_000_000,
                responses__mcp_hosts=["127.0.0.0/8"],
                responses__file_hosts=["127.0.0.0/8"],
            ) as served,
        ):
            site.pages["/a.html"] = TEXT
            yield Place(served, wire, base, shop.url, f"{site.url}/a.html")


async def _go_on(exchange: Exchange) -> None:
    sure = {
        "tokens": [TEXT],
        "token_logprobs": [-0.5],
        "top_logprobs": [{TEXT: -0.5}],
        "text_offset": [0],
    }
    for choice in ({"text": TEXT, "logprobs": sure}, {"text": "", "finish_reason": "stop"}):
        told = {**chunk(), "choices": [{"index": 0, **choice}], "system_fingerprint": "fp"}
        await exchange.send(event(told))
    await exchange.send(event(usage_chunk(USAGE)))
    await exchange.send(DONE)


async def _answer_in_full(exchange: Exchange) -> None:
    """With thoughts, probabilities and calls where the request has room for them."""
    body = cast(dict[str, Any], exchange.body)
    tools = {each[each["type"]]["name"]: each["type"] for each in body.get("tools") or ()}
    answered = bool(body["messages"]) and body["messages"][-1]["role"] == "tool"
    chunks = [chunk("", role="assistant"), chunk(reasoning_content="Let me see.")]
    choice = body.get("tool_choice")
    if tools and not answered and choice != "none":
        named = choice[choice["type"]]["name"] if isinstance(choice, dict) else next(iter(tools))
        arguments = ARGUMENTS.get(named, "{}")
        call = part(arguments, index=0, id="call_1", name=named)
        if tools[named] == "custom":
            custom = {"name": named, "input": "Hi"}
            call = {"index": 0, "id": "call_1", "type": "custom", "custom": custom}
        chunks.append(tool_chunk(call))
        chunks.append(chunk(finish="tool_calls"))
    else:
        said = "{}" if body.get("response_format") else f"{TEXT} [1]" if answered else "Hello."
        refuses = bool(body["messages"]) and body["messages"][-1]["content"] == REFUSE
        told = chunk(refusal="I cannot.") if refuses else chunk(said)
        if body.get("logprobs"):
            word = {"token": said, "logprob": -0.5, "bytes": list(said.encode())}
            kind = "refusal" if refuses else "content"
            told["choices"][0]["logprobs"] = {kind: [{**word, "top_logprobs": [word]}]}
        chunks += [told, chunk(finish="stop")]
    chunks.append(usage_chunk(USAGE))
    beside: dict[str, Any] = {"system_fingerprint": "fp", "service_tier": "default"}
    match body.get("moderation"):
        case {"model": "good" | "broken" as outcome}:
            beside["moderation"] = MODERATIONS[outcome]
        case _:
            pass
    for each in chunks:
        await exchange.send(event({**each, **beside}))
    await exchange.send(DONE)
