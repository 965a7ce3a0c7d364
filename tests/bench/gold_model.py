"""A model on OpenAI's wire that plays what a script says: the next call for each request."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Call = tuple[str, Mapping[str, Any]]
Play = Callable[[Sequence[Mapping[str, Any]]], Call | None]
"""The next call, of the conversation so far; None where all is done."""


@asynccontextmanager
async def gold_model(play: Play) -> AsyncGenerator[str]:
    """Its base URL."""

    async def complete(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        messages: list[Mapping[str, Any]] = body["messages"]
        call = play(messages)
        if call is None:
            delta: dict[str, Any] = {"role": "assistant", "content": "All is done."}
        else:
            function = {"name": call[0], "arguments": json.dumps(call[1])}
            id = f"call_{sum(m['role'] == 'tool' for m in messages)}"
            delta = {
                "tool_calls": [{"index": 0, "id": id, "type": "function", "function": function}]
            }
        reason = "stop" if call is None else "tool_calls"
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        choices: list[dict[str, Any]] = [
            {"index": 0, "delta": delta},
            {"index": 0, "delta": {}, "finish_reason": reason},
        ]
        for choice in choices:
            chunk: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "created": 0}
            chunk |= {"model": "gold", "choices": [choice], "usage": usage}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/v1/chat/completions", complete)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        [(host, port)] = runner.addresses
        yield f"http://{host}:{port}/v1"
    finally:
        await runner.cleanup()
