"""Items of a request, read strictly: what is wrong is named by its path.

Source: OpenAI API reference, "input" of "Create a model response" and items of conversations.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from msgspec import structs

from bedplate.api.chat_messages import IMAGE_SCHEMES
from bedplate.api.reading import convert, kind, wrong
from bedplate.responses.items import (
    Compaction,
    CustomToolCall,
    CustomToolCallOutput,
    FileSearchCall,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    ItemReference,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
    item_id,
)

ITEMS: Mapping[str, type[Item | ItemReference]] = {
    "message": Message,
    "reasoning": Reasoning,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "custom_tool_call": CustomToolCall,
    "custom_tool_call_output": CustomToolCallOutput,
    "file_search_call": FileSearchCall,
    "mcp_list_tools": McpListTools,
    "mcp_call": McpCall,
    "mcp_approval_request": McpApprovalRequest,
    "mcp_approval_response": McpApprovalResponse,
    "compaction": Compaction,
    "item_reference": ItemReference,
}
PARTS: Mapping[str, type[Part]] = {
    "input_text": InputText,
    "input_image": InputImage,
    "input_file": InputFile,
    "output_text": OutputText,
    "refusal": Refusal,
}
HAVE_NO_STATUS = (McpListTools, McpApprovalRequest, McpApprovalResponse, Compaction)
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
OUTPUT_PARTS = frozenset({"output_text", "refusal"})
FILES = ("file_data", "file_id", "file_url")
"""Where a file comes from."""

MOST_ITEMS = 9_000
"""Less than are kept, so that what a response puts out has room."""


def read_input(given: Any, where: str = "input") -> tuple[Item | ItemReference, ...]:
    """A text is what the user says; a list holds items, each with an id of its own afterwards."""
    if isinstance(given, str):
        return (_identified(Message("user", (InputText(given),))),)
    if not isinstance(given, list):
        raise wrong(where, f"expected string or list, got {kind(given)}")
    items = cast(list[Any], given)
    if len(items) > MOST_ITEMS:
        raise wrong(where, f"expected at most {MOST_ITEMS:,} items, got {len(items):,}")
    return tuple(read_item(item, f"{where}.{at}") for at, item in enumerate(items))


def read_item(given: Any, where: str) -> Item | ItemReference:
    if not isinstance(given, dict):
        raise wrong(where, f"expected object, got {kind(given)}")
    raw = cast(dict[str, Any], given)
    type = raw.get("type") or ("message" if "role" in raw else "item_reference")
    if not isinstance(type, str) or type not in ITEMS:
        raise wrong(f"{where}.type", f"only {', '.join(ITEMS)} are supported, got {type!r:.100}")
    fields: dict[str, Any] = {**raw, "type": type}
    if type == "message":
        fields["content"] = _content(raw.get("content"), raw.get("role"), f"{where}.content")
    elif type in OUTPUTS and isinstance(raw.get("output"), list):
        fields["output"] = _content(raw["output"], "user", f"{where}.output")
    elif type == "reasoning":
        fields["summary"] = raw.get("summary") or ()
    item = convert(fields, ITEMS[type], where)
    return item if isinstance(item, ItemReference) else _identified(item)


def _identified(item: Item) -> Item:
    """With an id, and whole: what a client sends is."""
    id = item.id or item_id(type(item))
    if isinstance(item, HAVE_NO_STATUS):
        return structs.replace(item, id=id)
    return structs.replace(item, id=id, status=item.status or "completed")


def _content(given: Any, role: Any, where: str) -> Sequence[Mapping[str, Any]]:
    if isinstance(given, str):
        return ({"type": "output_text" if role == "assistant" else "input_text", "text": given},)
    if not isinstance(given, list):
        raise wrong(where, f"expected string or list, got {kind(given)}")
    return [_part(part, role, f"{where}.{at}") for at, part in enumerate(cast(list[Any], given))]


def _part(given: Any, role: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise wrong(where, f"expected object, got {kind(given)}")
    part = cast(dict[str, Any], given)
    type = part.get("type")
    own = OUTPUT_PARTS if role == "assistant" else PARTS.keys() - OUTPUT_PARTS
    if not isinstance(type, str) or type not in own:
        known = ", ".join(name for name in PARTS if name in own)
        raise wrong(f"{where}.type", f"only {known} are supported here, got {type!r:.100}")
    if type == "input_file":
        return _file(part, where)
    if type == "input_image":
        _check_image(part, where)
        return {name: part.get(name) for name in ("type", "image_url", "detail", "file_id")}
    return {
        **part,
        **({"annotations": part.get("annotations") or ()} if type == "output_text" else {}),
    }


def _file(part: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    given = [name for name in FILES if part.get(name)]
    if not given and not part.get("text"):
        raise wrong(f"{where}.file_data", "is required, or file_id or file_url")
    if len(given) > 1:
        raise wrong(f"{where}.{given[1]}", f"cannot be sent together with {given[0]!r}")
    url = part.get("file_url")
    if url is not None and not str(url).startswith(("https://", "http://")):
        raise wrong(f"{where}.file_url", f"expected an http or https URL, got {url!r:.100}")
    return {name: value for name, value in part.items() if value is not None}


def _check_image(part: Mapping[str, Any], where: str) -> None:
    url = part.get("image_url")
    if part.get("file_id") is not None and url is None:
        return
    if not isinstance(url, str):
        raise wrong(f"{where}.image_url", f"expected string, got {kind(url)}")
    if not url.startswith(IMAGE_SCHEMES):
        raise wrong(f"{where}.image_url", f"expected https or a data:image/ URL, got {url[:40]!r}")
