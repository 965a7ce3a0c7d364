"""A walk over all that is served, so that what answers hold can be noted."""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from scripts.openai_coverage.place import REFUSE, TEXT, Place

HI = [{"role": "user", "content": "Hi"}]
SHOWN = "data:image/png;base64,AAAA"
MESSAGES = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Hi"},
            {"type": "image_url", "image_url": {"url": SHOWN, "detail": "low"}},
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
            {"id": "b", "type": "custom", "custom": {"name": "query", "input": "Hi"}},
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "rain"},
    {"role": "tool", "tool_call_id": "b", "content": "7"},
    {"role": "assistant", "content": None, "refusal": "No."},
    *HI,
]
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
INCLUDED = ("file_search_call.results", "reasoning.encrypted_content")
PARTS = [
    {"type": "input_text", "text": "Hi"},
    {"type": "input_image", "image_url": SHOWN, "detail": "low"},
]
CITED = {"type": "file_citation", "file_id": "f", "filename": "n", "index": 0}
SURE = {"token": "Yes", "logprob": -0.5, "bytes": [89]}
AT_SHOP = {"server_label": "shop", "name": "find_order", "arguments": "{}"}
CALL = {"type": "mcp_call", **AT_SHOP}
WRONG_TOOL = {"type": "mcp_tool_execution_error", "content": [{"type": "text", "text": "No."}]}
ITEMS: list[dict[str, Any]] = [
    {"role": "user", "content": PARTS},
    {
        "role": "assistant",
        "phase": "commentary",
        "content": [
            {
                "type": "output_text",
                "text": "Yes",
                "annotations": [CITED],
                "logprobs": [{**SURE, "top_logprobs": [SURE]}],
            }
        ],
    },
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "rain"},
    {"type": "function_call", "call_id": "d", "name": "weather", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "d", "output": PARTS},
    {"type": "custom_tool_call", "call_id": "e", "name": "query", "input": "Hi"},
    {"type": "custom_tool_call_output", "call_id": "e", "output": "7"},
    {"type": "custom_tool_call", "call_id": "f", "name": "query", "input": "Hi"},
    {"type": "custom_tool_call_output", "call_id": "f", "output": PARTS},
    {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Hm"}],
        "content": [{"type": "reasoning_text", "text": "Hm."}],
        "encrypted_content": "bnVsbA==",
    },
    {
        "type": "file_search_call",
        "queries": ["refunds"],
        "status": "completed",
        "results": [
            {"file_id": "f", "filename": "n", "score": 0.5, "text": "t", "attributes": {"a": 1}}
        ],
    },
    {
        "type": "mcp_list_tools",
        "server_label": "shop",
        "tools": [{"name": "n", "input_schema": {}, "description": "d", "annotations": {}}],
        "error": "away",
    },
    {**CALL, "output": "paid", "approval_request_id": "mcpr_1", "status": "completed"},
    {**CALL, "error": WRONG_TOOL},
    {**CALL, "error": {"type": "http_error", "code": 500, "message": "No."}},
    {**CALL, "error": {"type": "mcp_protocol_error", "code": 1, "message": "No."}},
    {"type": "mcp_approval_request", **AT_SHOP, "id": "mcpr_1"},
    {
        "type": "mcp_approval_response",
        "approval_request_id": "mcpr_1",
        "approve": False,
        "reason": "Too dear.",
    },
]
"""One of every kind that is taken, and of every form of one."""

AWAY = "http://127.0.0.1:9/mcp"


async def walk(place: Place) -> Mapping[str, str]:
    """Ids by their names in paths, of things that stay."""
    ids = await _kept(place)
    await _uploads(place)
    ids |= await _chat(place)
    ids |= await _responses(place, ids)
    ids |= await _conversations(place, ids)
    ids |= await _batches(place)
    text: dict[str, Any] = {"model": "base", "prompt": "Once", "logprobs": 1}
    await place.ask("POST", "/completions", text)
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    await place.ask("POST", "/completions", {**text, **streamed})
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
    custom = {**asked, "tools": [{"type": "custom", "custom": {"name": "query"}}]}
    await place.ask("POST", path, custom)
    for outcome in ("good", "broken"):
        judged = {**asked, "moderation": {"model": outcome}}
        await place.ask("POST", path, judged)
        await place.ask("POST", path, {**judged, "stream": True})
    padded = {"stream": True, "stream_options": {"include_obfuscation": True}}
    await place.ask("POST", path, {**asked, **padded})
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    await place.ask("POST", path, {**asked, **streamed, "logprobs": True, "top_logprobs": 1})
    await place.ask("POST", path, {**calls, **streamed})
    refused: dict[str, Any] = {**asked, "messages": [{"role": "user", "content": REFUSE}]}
    refused |= {"logprobs": True, "top_logprobs": 1}
    await place.ask("POST", path, refused)
    await place.ask("POST", path, {**refused, **streamed})
    stored = {**asked, "messages": MESSAGES, "store": True, "metadata": {"a": "b"}}
    gone, kept = [(await place.ask("POST", path, stored))["id"] for _ in range(2)]
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


async def _kept(place: Place) -> dict[str, str]:
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


def _with_files(ids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Items with stored files, in every place where there may be one."""
    parts = [
        {"type": "input_file", "file_id": ids["file_id"]},
        {"type": "input_image", "file_id": ids["image_id"]},
    ]
    return [
        {"role": "user", "content": parts},
        {"type": "function_call", "call_id": "g", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "g", "output": parts},
        {"type": "custom_tool_call", "call_id": "h", "name": "query", "input": "Hi"},
        {"type": "custom_tool_call_output", "call_id": "h", "output": parts},
    ]


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
    custom = {"type": "custom", "name": "query", "description": "Runs SQL."}
    grammar = {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}
    narrow = {
        **search,
        "max_num_results": 3,
        "ranking_options": {"ranker": "auto", "score_threshold": 0.1},
    }
    year = {"type": "eq", "key": "year", "value": 2026}
    shaped = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    for more in (
        {"reasoning": {"effort": "low", "summary": "auto"}, "metadata": {"a": "b"}},
        {"tools": [custom], "tool_choice": {"type": "custom", "name": "query"}},
        {"tools": [{**custom, "format": grammar}]},
        {"tools": [{**narrow, "filters": year}], "tool_choice": {"type": "file_search"}},
        {"tools": [{**narrow, "filters": {"type": "and", "filters": [year]}}]},
        {
            "tools": [function],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "weather"}],
            },
        },
        {"text": {"format": {"type": "json_object"}, "verbosity": "low"}},
        {"text": {"format": {**shaped, "description": "A thing.", "strict": True}}},
        {"service_tier": "flex", "prompt_cache_key": "k", "prompt_cache_retention": "24h"},
        {"safety_identifier": "s", "user": "u", "max_output_tokens": 9, "max_tool_calls": 2},
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
    compacted = await place.ask("POST", path + "/compact", asked)
    await place.ask("POST", path + "/input_tokens", asked)
    await place.ask("POST", path, {**asked, "background": True, "stream": True})
    await place.ask(
        "POST", path, {"model": "slow", "input": "Hi", "max_output_tokens": 2, "stream": True}
    )
    await place.ask("POST", path, {"model": "slow", "input": "Hi", "max_output_tokens": 2})
    told = {**asked, "input": [*ITEMS, *_with_files(ids), *compacted["output"]]}
    former = await place.ask("POST", path, told)
    everything = {"include": list(INCLUDED), "limit": "100"}
    listed = {"response_id": former["id"]}
    await place.ask("GET", RESPONSE + "/input_items", query=everything, **listed)
    kept = await place.ask("POST", path, {**asked, "conversation": await _conversation(place)})
    id = {"response_id": kept["id"]}
    await place.ask("GET", RESPONSE, **id)
    await place.ask("GET", RESPONSE + "/input_items", **id)
    failing = {"model": "broken", "input": "Hi", "background": True}
    failed = await place.ask("POST", path, failing)
    await _until(place, "failed", RESPONSE, response_id=failed["id"])
    slow = await place.ask(
        "POST", path, {"model": "slow", "input": "Hi", "background": True, "stream": False}
    )
    await place.ask("POST", RESPONSE + "/cancel", response_id=slow["id"])
    done = await place.ask("POST", path, {**asked, "background": True})
    await place.ask("GET", RESPONSE, query={"stream": "true"}, response_id=done["id"])
    await place.ask("DELETE", RESPONSE, response_id=done["id"])
    return {**id, "former_id": former["id"]}


async def _mcp(place: Place, asked: Mapping[str, Any]) -> None:
    """A call that works, one that fails, one that is asked about, and a server that is away."""
    path = "/responses"
    server = {"type": "mcp", "server_label": "shop", "server_url": place.mcp}
    find = {**server, "allowed_tools": ["find_order"], "require_approval": "never"}
    for tools in (find, {**find, "allowed_tools": ["large"]}, {**server, "server_url": AWAY}):
        await place.ask("POST", path, {**asked, "tools": [tools], "stream": True})
    await place.ask("POST", path, {**asked, "tools": [find]})
    await place.ask("POST", path, {**asked, "tools": [{**find, "allowed_tools": ["large"]}]})
    named = {"tool_names": ["find_order"], "read_only": True}
    approval = {"always": named, "never": {"tool_names": ["large"], "read_only": False}}
    told = {"server_description": "A shop.", "require_approval": approval, "allowed_tools": named}
    await place.ask("POST", path, {**asked, "tools": [{**server, **told}]})
    chosen = {"type": "mcp", "server_label": "shop", "name": "find_order"}
    await place.ask("POST", path, {**asked, "tools": [find], "tool_choice": chosen})
    careful = {**find, "require_approval": "always"}
    first = await place.ask("POST", path, {**asked, "tools": [careful]})
    [request] = [each["id"] for each in first["output"] if each["type"] == "mcp_approval_request"]
    allowed = {"type": "mcp_approval_response", "approval_request_id": request, "approve": True}
    follow = {"model": "default", "input": [allowed], "previous_response_id": first["id"]}
    await place.ask("POST", path, {**follow, "tools": [careful]})


async def _conversation(place: Place) -> str:
    return str((await place.ask("POST", "/conversations", {"metadata": {"a": "b"}}))["id"])


async def _conversations(place: Place, ids: Mapping[str, str]) -> dict[str, str]:
    id = {"conversation_id": await _conversation(place)}
    asked = {"model": "default", "input": "How long do refunds take?"}
    compacted = await place.ask("POST", "/responses/compact", asked)
    await place.ask("POST", CONVERSATION + "/items", {"items": compacted["output"]}, **id)
    added = await place.ask("POST", CONVERSATION + "/items", {"items": ITEMS}, **id)
    await place.ask("POST", CONVERSATION + "/items", {"items": _with_files(ids)}, **id)
    item = {**id, "item_id": added["data"][0]["id"]}
    everything = {"include": list(INCLUDED), "limit": "100"}
    await place.ask("GET", CONVERSATION + "/items", query=everything, **id)
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
