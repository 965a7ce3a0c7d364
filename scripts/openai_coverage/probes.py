"""What becomes of each field of a request, found by asking the server.

A field is `refused` where a request that has it is answered 4xx; `read` where it is taken and a
wrong type in its place is not; `passed on` where it is not read, and reaches the model's server;
`ignored` where it is none of these, or is known to have no effect.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import aiohttp
from scripts.openai_coverage.calls import ANNOUNCED
from scripts.openai_coverage.place import Place
from scripts.openai_coverage.samples import WRONG, Sample, samples
from scripts.openai_coverage.surface import Operation

from bedplate.domain.ids import new_id
from bedplate.responses.draft import sealed

State = Literal["read", "passed on", "ignored", "refused"]
RANK: tuple[State, ...] = ("read", "passed on", "ignored", "refused")
"""What a field is of which a part is taken one way, and a part another."""

NO_EFFECT: Mapping[str, frozenset[str]] = {
    "POST /v1/responses/compact": frozenset({"service_tier", "prompt_cache_key"}),
    "POST /v1/moderations": frozenset({"model"}),
}
"""Fields that are read and change nothing, by operation."""

COUNTED_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "POST /v1/conversations": ("items[]",),
    "POST /v1/responses/compact": ("input[]",),
    "POST /v1/responses/input_tokens": ("input[]", "tools[]", "tool_choice", "text.", "reasoning."),
}
"""The same fields at another operation of the area."""

PNG = "data:image/png;base64,iVBORw0KGgo="
FILE = "data:text/plain;base64,SGk="
PARTS: Mapping[str, Any] = {
    "image_url": PNG,
    "file_data": FILE,
    **{f"{place}[][type=input_image]": {"image_url": PNG} for place in ("content", "output")},
    **{f"{place}[][type=input_file]": {"file_data": FILE} for place in ("content", "output")},
    **{
        f"{place}[][type=function_call_output]": {"call_id": "c", "output": "rain"}
        for place in ("input", "items")
    },
    "results[]": {"file_id": "f", "filename": "n", "text": "t", "score": 0.5},
}
SAID: Any = {"type": "message", "role": "user", "content": "Hi"}
FUNCTION: Any = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
NEEDED: Mapping[str, Any] = {
    "model": "default",
    "stream": False,
    "temperature": 0.5,
    "arguments": "{}",
    "include": "file_search_call.results",
    "tools[][type=function].name": "weather",
    "function.name": "weather",
    "server_label": "shop",
    **{
        f"{at}[][type=compaction].encrypted_content": sealed("What was said.")
        for at in ("input", "items")
    },
    "filename": "a.txt",
    "mime_type": "text/plain",
    "bytes": 2,
    "md5": "c1a5298f939e87e8f962a5edfc206918",
}
"""Values without which a field makes no sense, by the end of its path; and by area:"""

BY_AREA: Mapping[str, Mapping[str, Any]] = {
    "chat/completions": {
        "messages[]": {"role": "user", "content": "Hi"},
        "image_url": {"url": PNG},
        "image_url.url": PNG,
        "allowed_tools.tools": {"type": "function", "function": {"name": "weather"}},
        "tool_choice[type=custom].custom.name": "query",
        "content[][type=file].file": {"file_data": FILE},
        "moderation.model": "good",
    },
    "completions": {"": {"model": "base"}, "prompt": "Once", "best_of": 1, "model": "base"},
    "batches": {"endpoint": "/v1/chat/completions", "completion_window": "24h"},
    "conversations": {**PARTS},
    "embeddings": {"input": "text", "input[]": 15339, "dimensions": 256},
    "responses": {
        "": {"model": "default", "input": "Hi"},
        **PARTS,
        "parameters": {"type": "object", "properties": {}},
        "format[type=json_schema].schema": {"type": "object"},
        "tool_choice[type=function].name": "weather",
        "tool_choice[type=mcp].name": "find_order",
        "tool_choice[type=custom].name": "query",
        "tool_choice[ToolChoiceAllowed].tools": {"type": "function", "name": "weather"},
        "tool_choice[type=allowed_tools].tools": {"type": "function", "name": "weather"},
    },
    "vector_stores": {
        "query": "refunds",
        "max_chunk_size_tokens": 200,
        "chunk_overlap_tokens": 50,
    },
}
BESIDE: Mapping[str, Mapping[str, Any]] = {
    "chat/completions": {
        "tool_choice": {
            "tools": [
                {"type": "function", "function": FUNCTION},
                {"type": "custom", "custom": {"name": "query"}},
            ]
        },
        "parallel_tool_calls": {"tools": [{"type": "function", "function": FUNCTION}]},
        "top_logprobs": {"logprobs": True},
    },
    "responses": {
        "tool_choice": {
            "tools": [
                {"type": "function", **FUNCTION},
                {"type": "custom", "name": "query"},
                {"type": "mcp", "server_label": "shop", "require_approval": "never"},
                {"type": "file_search"},
            ]
        }
    },
}
"""What the rest of the body must hold for a field of the first level to make sense."""


@dataclass(frozen=True, slots=True)
class Found:
    path: str
    state: State
    why: str = ""


def hints_of(operation: Operation, ids: Mapping[str, str]) -> Mapping[str, Any]:
    known = {**NEEDED, **BY_AREA.get(operation.area, {})}
    stored = {
        "file_id": ids["file_id"],
        "file_ids": ids["file_id"],
        "input_file_id": ids["input_file_id"],
        "vector_store_ids": ids["vector_store_id"],
        "filters": {"type": "eq", "key": "year", "value": 2026},
        "filters[type=and]": {"filters": [{"type": "eq", "key": "year", "value": 2026}]},
        "filters[].value": 2026,
        "filters[CompoundFilter]": {
            "type": "and",
            "filters": [{"type": "eq", "key": "year", "value": 2026}],
        },
        "filters[CompoundFilter].filters[]": {"type": "eq", "key": "year", "value": 2026},
        "filters[type=eq].value": 2026,
        "seconds": 3600,
        "filters[type=and].filters[]": {"type": "eq", "key": "year", "value": 2026},
        "previous_response_id": ids["former_id"],
        "conversation": ids["conversation_id"],
        "conversation.id": ids["conversation_id"],
        "tools[][type=mcp]": {"server_url": ids["mcp_url"]},
        "server_url": ids["mcp_url"],
        "file_url": ids["page"],
        **{f"{at}[][type=input_image].file_id": ids["image_id"] for at in ("content", "output")},
    }
    files = {"": {"file_ids": [ids["file_id"]]}} if operation.path.endswith("/file_batches") else {}
    return {**known, **stored, **files}


async def probe(place: Place, operation: Operation, ids: Mapping[str, str]) -> list[Found]:
    """Each field of the operation's body, as `samples` finds them."""
    hints = hints_of(operation, ids)
    elsewhere = COUNTED_ELSEWHERE.get(str(operation))
    silent = NO_EFFECT.get(str(operation), frozenset())
    in_path = frozenset(re.findall(r"{(\w+)}", operation.path))
    found: dict[str, Found] = {}
    for sample in samples(operation.body, hints):
        if sample.path in in_path:
            continue
        sample = _without(sample, in_path)
        if elsewhere is None or not sample.path.startswith(elsewhere):
            state, why = await _state(place, operation, ids, sample)
            if sample.path in silent and state == "read":
                state, why = "ignored", "no effect"
            before = found.get(sample.path)
            if before is None or RANK.index(state) < RANK.index(before.state):
                found[sample.path] = Found(sample.path, state, why)
    return list(found.values())


async def _state(
    place: Place, operation: Operation, ids: Mapping[str, str], sample: Sample
) -> tuple[State, str]:
    place.wire.seen.clear()
    place.base.seen.clear()
    first = _names(sample.path)[0]
    beside = BESIDE.get(operation.area, {}).get(first, {})
    if operation.path.endswith("/file_batches") and first == "files":
        sample = _without(sample, frozenset({"file_ids"}))
    if operation.area == "responses" and "tools" in beside:
        tools = [{**each, **_place_of(each, ids)} for each in beside["tools"]]
        beside = {**beside, "tools": tools}
    sample = _alone(sample)
    body = await _fresh(place, {**beside, **sample.right})
    status, why = await _send(place, operation, ids, body)
    if status >= 400:
        return "refused", why
    seen = [*place.wire.seen, *place.base.seen]
    reached = any(_holds(each.body, _names(sample.path)) for each in seen)
    status, _ = await _send(place, operation, ids, {**beside, **sample.wrong})
    if status >= 400:
        return "read", ""
    return ("passed on" if reached else "ignored"), ""


async def _fresh(place: Place, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A conversation takes an item's id once; what is referred to is an item of another one."""
    items = cast(list[dict[str, Any]], body.get("items", ()))
    fresh = [{**item, **({"id": f"msg_{new_id()}"} if "id" in item else {})} for item in items]
    for item in fresh:
        if item.get("type") == "item_reference":
            told = {"items": [{**SAID, "id": item["id"]}]}
            reply = await place.served.post("/v1/conversations", told)
            if reply.status >= 400:
                raise AssertionError(f"no item to refer to: {reply.body!r:.300}")
    asked: Any = body.get("input")
    if isinstance(asked, list):
        body = {**body, "input": [*_calls(cast(list[Any], asked)), *asked]}
    return {**body, "items": fresh} if items else body


def _calls(items: Sequence[Any]) -> list[Mapping[str, Any]]:
    """Of which there are results."""
    kinds = {
        "function_call_output": {"type": "function_call", "arguments": "{}"},
        "custom_tool_call_output": {"type": "custom_tool_call", "input": "Hi"},
    }
    return [
        {**kinds[item["type"]], "call_id": item["call_id"], "name": "weather"}
        for item in items
        if isinstance(item, dict) and item.get("type") in kinds
    ]


def _place_of(tool: Mapping[str, Any], ids: Mapping[str, str]) -> Mapping[str, Any]:
    match tool["type"]:
        case "mcp":
            return {"server_url": ids["mcp_url"]}
        case "file_search":
            return {"vector_store_ids": [ids["vector_store_id"]]}
        case _:
            return {}


def _alone(sample: Sample) -> Sample:
    """A stored file comes in place of its content, not beside it."""
    alone = (
        "input_file].file_id",
        "input_file].file_url",
        "input_image].file_id",
        "file].file.file_id",
    )
    if not sample.path.endswith(tuple(f"[type={each}" for each in alone)):
        return sample
    return Sample(sample.path, _stripped(sample.right), _stripped(sample.wrong))


def _stripped(value: Any) -> Any:
    if isinstance(value, list):
        return [_stripped(each) for each in cast(list[Any], value)]
    if isinstance(value, dict):
        pairs = cast(dict[str, Any], value).items()
        return {k: _stripped(v) for k, v in pairs if k not in {"file_data", "image_url"}}
    return value


def _without(sample: Sample, names: frozenset[str]) -> Sample:
    bodies: list[Mapping[str, Any]] = [sample.right, sample.wrong]
    left = [{k: v for k, v in body.items() if k not in names} for body in bodies]
    return Sample(sample.path, *left)


async def _send(
    place: Place, operation: Operation, ids: Mapping[str, str], body: Any
) -> tuple[int, str]:
    """A server that fails has found a fault of its own: that is never a finding of this table."""
    if "{upload_id}" in operation.path:
        ids, body = await _pending(place, operation, ids, body)
    path = "/v1" + operation.path.format(**ids)
    if operation.path.endswith("/parts"):
        data = aiohttp.FormData({"data": "none"}) if body["data"] == WRONG else _part()
        reply = await place.served.request(operation.method, path, data=data)
    elif operation.path == "/files":
        reply = await place.served.request(operation.method, path, data=form_of(body))
    else:
        reply = await place.served.request(operation.method, path, json=body)
    if reply.status >= 500:
        raise AssertionError(f"{operation}: {reply.status} for {body!r:.500}: {reply.body!r:.300}")
    return reply.status, reply.error["message"] if reply.status >= 400 else ""


async def _pending(
    place: Place, operation: Operation, ids: Mapping[str, str], body: Any
) -> tuple[Mapping[str, str], Any]:
    """An upload of its own, and where it is to be completed a part: each ends once."""
    made = (await place.served.post("/v1/uploads", ANNOUNCED)).json["id"]
    if operation.path.endswith("/complete") and body.get("part_ids") != WRONG:
        parts = f"/v1/uploads/{made}/parts"
        part = (await place.served.request("POST", parts, data=_part())).json["id"]
        body = {**body, "part_ids": [part]}
    return {**ids, "upload_id": made}, body


def _part() -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("data", b"Hi", filename="data")
    return form


def form_of(body: Mapping[str, Any]) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for name, value in body.items():
        if name == "file" and value != WRONG:
            form.add_field("file", b"Hi", filename="hi.txt")
        elif isinstance(value, dict) and value != WRONG:
            for inner, text in cast(dict[str, Any], value).items():
                form.add_field(f"{name}[{inner}]", str(text))
        else:
            form.add_field(name, str(value))
    return form


def _names(path: str) -> list[str]:
    """A path's names alone: without brackets and what they hold."""
    return re.sub(r"\[[^\]]*\]", "", path).split(".")


def _holds(value: Any, names: Sequence[str]) -> bool:
    """Whether what the model's server was sent has the field, at the same place."""
    if not names:
        return True
    if isinstance(value, list):
        return any(_holds(member, names) for member in cast(list[Any], value))
    if not isinstance(value, dict) or names[0] not in value:
        return False
    return _holds(cast(dict[str, Any], value)[names[0]], names[1:])
