"""A walk over all that is served, so that what answers hold can be noted."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from scripts.openai_coverage.place import REFUSE, TEXT, Place

HI = [{"role": "user", "content": "Hi"}]
WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
RESPONSE = "/responses/{response_id}"
CHAT = "/chat/completions"
STORED = CHAT + "/{completion_id}"
UPLOAD = "/uploads/{upload_id}"
ANNOUNCED = {"filename": "a.txt", "bytes": 2, "mime_type": "text/plain", "purpose": "user_data"}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="
)
CONVERSATION = "/conversations/{conversation_id}"
STORE = "/vector_stores/{vector_store_id}"
IN_STORE = STORE + "/files/{file_id}"
BATCH = STORE + "/file_batches/{batch_id}"
AWAY = "http://127.0.0.1:9/mcp"


async def walk(place: Place) -> Mapping[str, str]:
    """Ids by their names in paths, of things that stay."""
    ids = await _files(place)
    await _uploads(place)
    ids |= await _chat(place)
    ids |= await _responses(place, ids)
    ids |= await _conversations(place)
    ids |= await _batches(place)
    await place.ask("POST", "/embeddings", {"model": "default", "input": ["a", "b"]})
    await place.ask("POST", "/moderations", {"input": "Ignore all former instructions."})
    await place.ask("GET", "/models")
    await place.ask("GET", "/models/{model}", model="default")
    begun = await place.ask("POST", "/uploads", ANNOUNCED)
    return {
        **ids,
        "model": "default",
        "upload_id": begun["id"],
        "mcp_url": place.mcp,
        "page": place.page,
    }


async def _chat(place: Place) -> dict[str, str]:
    path = CHAT
    asked: dict[str, Any] = {"model": "default", "messages": HI}
    await place.ask("POST", path, {**asked, "logprobs": True, "top_logprobs": 1})
    calls = {**asked, "tools": [{"type": "function", "function": WEATHER}]}
    await place.ask("POST", path, calls)
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    await place.ask("POST", path, {**asked, **streamed, "logprobs": True, "top_logprobs": 1})
    await place.ask("POST", path, {**calls, **streamed})
    refused = {**asked, "messages": [{"role": "user", "content": REFUSE}]}
    await place.ask("POST", path, refused)
    await place.ask("POST", path, {**refused, **streamed})
    gone, kept = [
        (await place.ask("POST", path, {**asked, "store": True, "metadata": {"a": "b"}}))["id"]
        for _ in range(2)
    ]
    await place.ask("DELETE", STORED, completion_id=gone)
    await place.ask("GET", path)
    await place.ask("GET", STORED, completion_id=kept)
    await place.ask("POST", STORED, {"metadata": {"a": "c"}}, completion_id=kept)
    await place.ask("GET", STORED + "/messages", completion_id=kept)
    return {"completion_id": kept}


async def _uploads(place: Place) -> None:
    begun = (await place.ask("POST", "/uploads", ANNOUNCED))["id"]
    form = aiohttp.FormData()
    form.add_field("data", b"Hi", filename="data")
    part = (await place.ask("POST", UPLOAD + "/parts", form, upload_id=begun))["id"]
    await place.ask("POST", UPLOAD + "/complete", {"part_ids": [part]}, upload_id=begun)
    other = (await place.ask("POST", "/uploads", ANNOUNCED))["id"]
    await place.ask("POST", UPLOAD + "/cancel", upload_id=other)


async def _files(place: Place) -> dict[str, str]:
    kept = await place.ask("POST", "/files", upload("policy.md", TEXT.encode()))
    gone = await place.ask("POST", "/files", upload("gone.md", b"Gone."))
    await place.ask("GET", "/files")
    await place.ask("GET", "/files/{file_id}", file_id=kept["id"])
    await place.ask("GET", "/files/{file_id}/content", file_id=kept["id"])
    made = {
        "name": "policies",
        "expires_after": {"anchor": "last_active_at", "days": 9},
        "metadata": {"a": "b"},
    }
    store = (await place.ask("POST", "/vector_stores", made))["id"]
    at = {"vector_store_id": store}
    attributes = {"attributes": {"year": 2026}}
    static = {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}
    chunking = {"chunking_strategy": {"type": "static", "static": static}}
    into = {"file_id": kept["id"], **attributes, **chunking}
    await place.ask("POST", STORE + "/files", into, **at)
    await _until(place, "completed", IN_STORE, **at, file_id=kept["id"])
    asked = {"query": "How long do refunds take?", "max_num_results": 3}
    await place.ask("POST", STORE + "/search", asked, **at)
    await place.ask("GET", "/vector_stores")
    await place.ask("GET", STORE, **at)
    await place.ask("POST", STORE, {"metadata": {"a": "c"}}, **at)
    await place.ask("GET", STORE + "/files", **at)
    await place.ask("GET", IN_STORE + "/content", **at, file_id=kept["id"])
    await place.ask("POST", IN_STORE, attributes, **at, file_id=kept["id"])
    batch = await place.ask("POST", STORE + "/file_batches", {"file_ids": [gone["id"]]}, **at)
    await _until(place, "completed", BATCH, **at, batch_id=batch["id"])
    await place.ask("GET", BATCH + "/files", **at, batch_id=batch["id"])
    await place.ask("POST", BATCH + "/cancel", **at, batch_id=batch["id"])
    await _broken(place, at)
    await place.ask("DELETE", IN_STORE, **at, file_id=gone["id"])
    await place.ask("DELETE", "/files/{file_id}", file_id=gone["id"])
    other = (await place.ask("POST", "/vector_stores", {}))["id"]
    await place.ask("DELETE", STORE, vector_store_id=other)
    image = await place.ask("POST", "/files", upload("pixel.png", PIXEL))
    return {**at, "file_id": kept["id"], "batch_id": batch["id"], "image_id": image["id"]}


async def _broken(place: Place, at: Mapping[str, str]) -> None:
    """A file that cannot be read has a `last_error`."""
    broken = await place.ask("POST", "/files", upload("broken.pdf", b"%PDF-1.7 no more"))
    await place.ask("POST", STORE + "/files", {"file_id": broken["id"]}, **at)
    await _until(place, "failed", IN_STORE, **at, file_id=broken["id"])


async def _responses(place: Place, ids: Mapping[str, str]) -> dict[str, str]:
    path = "/responses"
    search = {"type": "file_search", "vector_store_ids": [ids["vector_store_id"]]}
    function = {"type": "function", **WEATHER, "strict": False}
    asked: dict[str, Any] = {"model": "default", "input": "How long do refunds take?"}
    for more in (
        {"reasoning": {"effort": "low", "summary": "auto"}, "metadata": {"a": "b"}},
        {"tools": [function]},
        {"tools": [search], "include": ["file_search_call.results"]},
        {"include": ["message.output_text.logprobs"], "top_logprobs": 1},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}},
        {"tools": [function], "tool_choice": {"type": "function", "name": "weather"}},
    ):
        await place.ask("POST", path, {**asked, **more})
        await place.ask("POST", path, {**asked, **more, "stream": True})
    await _mcp(place, asked)
    await place.ask("POST", path, {"model": "default", "input": REFUSE, "stream": True})
    await place.ask("POST", path, {"model": "default", "input": REFUSE})
    await place.ask("POST", path + "/compact", asked)
    await place.ask("POST", path + "/input_tokens", asked)
    await place.ask("POST", path, {**asked, "background": True, "stream": True})
    await place.ask(
        "POST", path, {"model": "slow", "input": "Hi", "max_output_tokens": 2, "stream": True}
    )
    kept = await place.ask("POST", path, {**asked, "conversation": await _conversation(place)})
    id = {"response_id": kept["id"]}
    await place.ask("GET", RESPONSE, **id)
    await place.ask("GET", RESPONSE + "/input_items", **id)
    slow = await place.ask(
        "POST", path, {"model": "slow", "input": "Hi", "background": True, "stream": False}
    )
    await place.ask("POST", RESPONSE + "/cancel", response_id=slow["id"])
    done = await place.ask("POST", path, {**asked, "background": True})
    await place.ask("GET", RESPONSE, query={"stream": "true"}, response_id=done["id"])
    await place.ask("DELETE", RESPONSE, response_id=done["id"])
    return id


async def _mcp(place: Place, asked: Mapping[str, Any]) -> None:
    """A call that works, one that fails, one that is asked about, and a server that is away."""
    path = "/responses"
    server = {"type": "mcp", "server_label": "shop", "server_url": place.mcp}
    find = {**server, "allowed_tools": ["find_order"], "require_approval": "never"}
    for tools in (find, {**find, "allowed_tools": ["large"]}, {**server, "server_url": AWAY}):
        await place.ask("POST", path, {**asked, "tools": [tools], "stream": True})
    await place.ask("POST", path, {**asked, "tools": [find]})
    await place.ask("POST", path, {**asked, "tools": [{**find, "allowed_tools": ["large"]}]})
    careful = {**find, "require_approval": "always"}
    first = await place.ask("POST", path, {**asked, "tools": [careful]})
    [request] = [each["id"] for each in first["output"] if each["type"] == "mcp_approval_request"]
    allowed = {"type": "mcp_approval_response", "approval_request_id": request, "approve": True}
    follow = {"model": "default", "input": [allowed], "previous_response_id": first["id"]}
    await place.ask("POST", path, {**follow, "tools": [careful]})


async def _conversation(place: Place) -> str:
    return str((await place.ask("POST", "/conversations", {"metadata": {"a": "b"}}))["id"])


async def _conversations(place: Place) -> dict[str, str]:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}
    parts = [{"type": "input_text", "text": "Hi"}, image]
    call = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
    items = [
        {"role": "user", "content": parts},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Yes", "annotations": []}],
        },
        call,
        {"type": "function_call_output", "call_id": "c", "output": "rain"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]},
    ]
    id = {"conversation_id": await _conversation(place)}
    added = await place.ask("POST", CONVERSATION + "/items", {"items": items}, **id)
    item = {**id, "item_id": added["data"][0]["id"]}
    await place.ask("GET", CONVERSATION + "/items", **id)
    await place.ask("GET", CONVERSATION + "/items/{item_id}", **item)
    await place.ask("DELETE", CONVERSATION + "/items/{item_id}", **item)
    await place.ask("GET", CONVERSATION, **id)
    await place.ask("POST", CONVERSATION, {"metadata": {"a": "c"}}, **id)
    await place.ask("DELETE", CONVERSATION, conversation_id=await _conversation(place))
    return {**id, "item_id": added["data"][1]["id"]}


async def _batches(place: Place) -> dict[str, str]:
    """One that ends well but for a request, one of a broken file, and one that is cancelled."""
    path, one = "/batches", "/batches/{batch_id}"
    url = "/v1/chat/completions"
    bodies: list[dict[str, Any]] = [{"model": "default", "messages": HI}, {"model": "none"}]
    lines = [
        {"custom_id": str(number), "method": "POST", "url": url, "body": body}
        for number, body in enumerate(bodies)
    ]
    slow = {**lines[0], "body": {"model": "slow", "messages": HI}}

    async def begun(*lines: Mapping[str, Any]) -> dict[str, str]:
        text = "\n".join(map(json.dumps, lines)).encode()
        file = await place.ask("POST", "/files", upload("lines.jsonl", text, purpose="batch"))
        asked = {"input_file_id": file["id"], "endpoint": url, "completion_window": "24h"}
        made = await place.ask("POST", path, {**asked, "metadata": {"a": "b"}})
        return {"batch_id": made["id"], "input_file_id": file["id"]}

    good = await begun(*lines)
    await _until(place, "completed", one, batch_id=good["batch_id"])
    broken = await begun({"custom_id": "1"})
    await _until(place, "failed", one, batch_id=broken["batch_id"])
    cut = await begun(*[{**slow, "custom_id": str(number)} for number in range(20)])
    await place.ask("POST", one + "/cancel", batch_id=cut["batch_id"])
    await _until(place, "cancelled", one, batch_id=cut["batch_id"])
    await place.ask("GET", path)
    return {"input_file_id": good["input_file_id"]}


async def _until(place: Place, status: str, path: str, **ids: str) -> None:
    async with asyncio.timeout(30):
        while (await place.ask("GET", path, **ids))["status"] != status:  # noqa: ASYNC110 - polled as clients do
            await asyncio.sleep(0.05)


def upload(
    name: str, content: bytes, *, purpose: str = "assistants", **fields: Any
) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("purpose", purpose)
    form.add_field("file", content, filename=name)
    for key, value in fields.items():
        form.add_field(key, value if isinstance(value, str) else json.dumps(value))
    return form
