"""The tool "mcp" of a response. Source: OpenAI API reference, "tools"."""

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from msgspec import Struct

from bedplate.api.reading import convert, kind, wrong
from bedplate.responses.remote import Approval, RemoteServer, ToolFilter

LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
MOST_HEADERS = 32
HIDDEN = "<redacted>"


class ToolNames(Struct, frozen=True):
    tool_names: list[str] | None = None
    read_only: bool | None = None


class ApprovalFilter(Struct, frozen=True):
    always: ToolNames | None = None
    never: ToolNames | None = None


class McpTool(Struct, frozen=True):
    server_label: str
    server_url: str | None = None
    server_description: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = None
    allowed_tools: Any = None
    require_approval: Any = None
    connector_id: str | None = None
    tunnel_id: str | None = None


def read_server(tool: McpTool, where: str) -> RemoteServer:
    """InvalidInput for what names no server at a URL."""
    if not LABEL.fullmatch(tool.server_label):
        raise wrong(
            f"{where}.server_label",
            "expected a letter, then up to 63 letters, digits, '_' or '-', got "
            f"{tool.server_label!r:.100}",
        )
    for name in ("connector_id", "tunnel_id"):
        if getattr(tool, name) is not None:
            raise wrong(f"{where}.{name}", "is a service of OpenAI; send server_url")
    return RemoteServer(
        tool.server_label,
        _url(tool.server_url, f"{where}.server_url"),
        _headers(tool, where),
        _only(tool.allowed_tools, f"{where}.allowed_tools"),
        _approval(tool.require_approval, f"{where}.require_approval"),
    )


def shown_server(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """As a response repeats it: what may be secret is left out, as OpenAI does."""
    shown = {name: value for name, value in raw.items() if name != "authorization"}
    parts = urlsplit(str(raw.get("server_url", "")))
    if parts.path.strip("/") or parts.query:
        shown["server_url"] = f"{parts.scheme}://{parts.netloc}/{HIDDEN}"
    if raw.get("headers"):
        shown["headers"] = dict.fromkeys(raw["headers"], HIDDEN)
    return shown


def _url(given: str | None, where: str) -> str:
    if given is None:
        raise wrong(where, "is required")
    try:
        parts = urlsplit(given)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and " " not in given
        _ = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        sound = False
    if not sound or "@" in urlsplit(given).netloc:
        raise wrong(where, "expected an http or https URL without credentials")
    return given


def _headers(tool: McpTool, where: str) -> Mapping[str, str]:
    headers = dict(tool.headers or {})
    if len(headers) > MOST_HEADERS:
        raise wrong(f"{where}.headers", f"expected at most {MOST_HEADERS}, got {len(headers)}")
    if tool.authorization is not None:
        if any(name.lower() == "authorization" for name in headers):
            raise wrong(f"{where}.authorization", "is in headers as well; send one of them")
        headers["Authorization"] = f"Bearer {tool.authorization}"
    for name, value in headers.items():
        text = name + value
        if not name or not (text.isascii() and text.isprintable()) or set(name) & set(" :"):
            raise wrong(f"{where}.headers", f"{name!r:.100} is no header that can be sent")
    return headers


def _only(given: Any, where: str) -> ToolFilter | None:
    match given:
        case None:
            return None
        case list():
            return _filter(convert({"tool_names": given}, ToolNames, where))
        case dict():
            found = _filter(convert(cast(dict[str, Any], given), ToolNames, where))
            return None if found == ToolFilter() else found
        case _:
            raise wrong(where, f"expected list or object, got {kind(given)}")


def _approval(given: Any, where: str) -> Approval:
    match given:
        case None | "always":
            return Approval()
        case "never":
            return Approval(usual=False)
        case dict():
            fields = cast(dict[str, Any], given)
            for name in fields:
                if name not in ApprovalFilter.__struct_fields__:
                    raise wrong(f"{where}.{name:.100}", "expected 'always' and 'never' alone")
            named = convert(fields, ApprovalFilter, where)
            return Approval(always=_filter(named.always), never=_filter(named.never))
        case _:
            raise wrong(where, f"expected 'always', 'never' or an object, got {given!r:.100}")


def _filter(given: ToolNames | None) -> ToolFilter:
    if given is None:
        return ToolFilter()
    names = None if given.tool_names is None else frozenset(given.tool_names)
    return ToolFilter(names, given.read_only)
