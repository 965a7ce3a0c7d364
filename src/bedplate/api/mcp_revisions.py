"""Which revision of the Model Context Protocol a message is of, and what its client wants told.

Source: modelcontextprotocol.io, revision 2026-07-28, "Versioning" and "Streamable HTTP": since then
a request says in its own `_meta` what clients settled in a handshake before, and over HTTP its
headers repeat it.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from bedplate.api.mcp_failures import INVALID_PARAMS, UNKNOWN_VERSION, WRONG_HEADER, Refused
from bedplate.api.mcp_notices import Level

BY_REQUEST = ("2026-07-28",)
BY_HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
VERSIONS = BY_REQUEST + BY_HANDSHAKE
"""The newest first."""

VERSION, CAPABILITIES, LEVEL = (
    f"io.modelcontextprotocol/{key}"
    for key in ("protocolVersion", "clientCapabilities", "logLevel")
)
VERSION_HEADER, METHOD_HEADER, NAME_HEADER = "mcp-protocol-version", "mcp-method", "mcp-name"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
ENCODED, ENCODED_END = "=?base64?", "?="

Headers = Mapping[str, list[str]]
"""Every value of a name in small letters."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a request says of itself.

    `alone` is whether it is of a revision without a handshake. `token` is what its progress is told
    under, None where nobody wants to hear of it; so is `level` for its log.
    """

    alone: bool
    token: str | int | None = None
    level: Level | None = None


def is_alone(params: Mapping[str, Any], headers: Headers | None) -> bool:
    """Whether a request is of a revision without a handshake, or of one that nobody knows."""
    asked = (headers or {}).get(VERSION_HEADER, [])
    return VERSION in _meta(params) or any(each not in BY_HANDSHAKE for each in asked)


def read_envelope(method: str, params: Mapping[str, Any], headers: Headers | None) -> Envelope:
    """What the request says of itself; `headers` are None where there are none, as on standard input.

    Raises:
        Refused: a part is missing, headers say something else, or the revision is not known.
    """
    meta = _meta(params)
    token = meta.get("progressToken")
    if token is not None and (isinstance(token, bool) or not isinstance(token, str | int)):
        raise Refused(INVALID_PARAMS, "progressToken must be a string or an integer.")
    if not is_alone(params, headers):
        return Envelope(alone=False, token=token)
    if VERSION not in meta:
        # Who says it in the header alone may come from before, with a revision of its own.
        check_version(headers)
    missing = [key for key in (VERSION, CAPABILITIES) if key not in meta]
    if missing:
        raise Refused(INVALID_PARAMS, f"params._meta must have {' and '.join(map(repr, missing))}.")
    if headers is not None:
        _check_headers(method, params, meta[VERSION], headers)
    if not isinstance(meta[VERSION], str):
        raise Refused(INVALID_PARAMS, f"{VERSION} must be a string.")
    if meta[VERSION] not in BY_REQUEST:
        raise _unknown(meta[VERSION])
    level = read_level(meta[LEVEL]) if LEVEL in meta else None
    return Envelope(alone=True, token=token, level=level)


def check_version(headers: Headers | None) -> None:
    """Refused for a version that only the header names, and that is not spoken."""
    for asked in (headers or {}).get(VERSION_HEADER, []):
        if asked not in VERSIONS:
            raise _unknown(asked)


def read_level(asked: object) -> Level:
    if asked not in get_args(Level):
        shown = ", ".join(get_args(Level))
        raise Refused(INVALID_PARAMS, f"The log level {asked!r:.100} is not one of {shown}.")
    return cast(Level, asked)


def _meta(params: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: object = params.get("_meta")
    return cast(Mapping[str, Any], meta) if isinstance(meta, dict) else {}


def _unknown(asked: str) -> Refused:
    message = f"The protocol version {asked!r:.100} is not one of {', '.join(VERSIONS)}."
    return Refused(UNKNOWN_VERSION, message, {"supported": list(VERSIONS), "requested": asked})


def _check_headers(
    method: str, params: Mapping[str, Any], version: object, headers: Headers
) -> None:
    """A proxy may have judged by them, so they must say what the body does."""
    said = [(VERSION_HEADER, version), (METHOD_HEADER, method)]
    name = params.get(NAMED_BY[method]) if method in NAMED_BY else None
    if name is not None:
        said.append((NAME_HEADER, name))
    for header, value in said:
        given = headers.get(header, [])
        if len(given) != 1:
            shown = "is missing" if not given else "is there more than once"
            raise Refused(WRONG_HEADER, f"The header {header} {shown}.")
        if (_decoded(given[0]) if header == NAME_HEADER else given[0]) != value:
            message = f"The header {header} is {given[0]!r:.200}, the body has {value!r:.200}."
            raise Refused(WRONG_HEADER, message)


def _decoded(value: str) -> str | None:
    """A value that no header can carry as it is comes as `=?base64?…?=`; None where it is broken."""
    if not (value.startswith(ENCODED) and value.endswith(ENCODED_END)):
        return value
    try:
        return base64.b64decode(
            value[len(ENCODED) : -len(ENCODED_END)].encode("ascii"), validate=True
        ).decode()
    except (binascii.Error, UnicodeError):
        return None
