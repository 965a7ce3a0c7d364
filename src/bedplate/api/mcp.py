"""POST /mcp: the Model Context Protocol over HTTP, one JSON-RPC message a request.

Source: modelcontextprotocol.io, "Streamable HTTP", versions below. There are no sessions: each
request stands for itself, so any server answers it, and a client that hangs up ends the work.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, cast

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate import __version__
from bedplate.access.protocol import Scope as KeyScope
from bedplate.api.access import account_of
from bedplate.api.bodies import deadline_of
from bedplate.api.mcp_tools import TOOLS, Call, Tool
from bedplate.api.reading import read_object
from bedplate.app import App
from bedplate.domain.accounts import Account
from bedplate.errors import BedplateError, InvalidInput

logger = logging.getLogger(__name__)

PATH = "/mcp"
VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
"""The newest first."""

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
INSTRUCTIONS = (
    "Searches documents and answers from them. Call list_collections first. Cite document ids."
)

Id = str | int


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Mcp:
    """Answers with the rights, and at the cost, of the request's own access key."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        version = Headers(scope=scope).get("mcp-protocol-version")
        if version is not None and version not in VERSIONS:
            message = f"MCP-Protocol-Version {version!r} is not one of {', '.join(VERSIONS)}."
            await _error(None, INVALID_REQUEST, message, 400)(scope, receive, send)
            return
        try:
            message = read_object(await request.body())
        except InvalidInput as error:
            await _error(None, PARSE_ERROR, error.message, 400)(scope, receive, send)
            return
        answer = await self._answer(scope, message)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, message: Mapping[str, Any]) -> Response:
        method, id = message.get("method"), message.get("id")
        if message.get("jsonrpc") != "2.0" or isinstance(id, bool):
            return _error(None, INVALID_REQUEST, "This is no JSON-RPC 2.0 message.", 400)
        if id is None or method is None:
            # A notification, or an answer to what nobody asked.
            return Response(status_code=202)
        if not isinstance(id, Id) or not isinstance(method, str):
            return _error(None, INVALID_REQUEST, "id must be a string or a number.", 400)
        params: object = message.get("params") or {}
        if not isinstance(params, dict):
            return _error(id, INVALID_PARAMS, "params must be an object.")
        call = Call(self._app, account_of(scope), deadline_of(scope))
        try:
            result = await self._result(call, method, cast(Mapping[str, Any], params))
        except Refused as refused:
            return _error(id, refused.code, refused.message)
        return _json({"jsonrpc": "2.0", "id": id, "result": result})

    async def _result(
        self, call: Call, method: str, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        match method:
            case "initialize":
                return _welcome(params.get("protocolVersion"))
            case "ping":
                return {}
            case "tools/list":
                allowed = [t for t in TOOLS.values() if self._may(call.account, t.scope)]
                return {"tools": [tool.shown() for tool in allowed]}
            case "tools/call":
                return await self._called(call, params)
            case _:
                raise Refused(NO_METHOD, f"There is no method {method!r}.")

    async def _called(self, call: Call, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a tool gives or why it failed, which its caller's model is to read."""
        tool = TOOLS.get(str(params.get("name")))
        if tool is None:
            raise Refused(INVALID_PARAMS, f"There is no tool {params.get('name')!r}.")
        if not self._may(call.account, tool.scope):
            return _failed(f"{tool.name} needs a key with the scope {tool.scope!r}.")
        return await _run(tool, call, params.get("arguments"))

    def _may(self, account: Account, needed: KeyScope) -> bool:
        if account.key is None:
            # On this machine, while there are no keys: the gate let nobody else in.
            return True
        key = self._app.keyring.holder(account.key)
        return key is not None and key.allows(needed)


async def _run(tool: Tool, call: Call, arguments: object) -> Mapping[str, Any]:
    try:
        given = await tool.call(call, arguments)
    except BedplateError as error:
        logger.info("tool failed", extra={"tool": tool.name, "code": error.code})
        return _failed(error.message)
    text = json.dumps(given, ensure_ascii=False)
    return {"content": [{"type": "text", "text": text}], "structuredContent": given}


def _welcome(asked: object) -> Mapping[str, Any]:
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "bedplate", "title": "Bedplate", "version": __version__},
        "instructions": INSTRUCTIONS,
    }


def _failed(message: str) -> Mapping[str, Any]:
    return {"content": [{"type": "text", "text": message}], "isError": True}


def _error(id: Id | None, code: int, message: str, status: int = 200) -> Response:
    return _json({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}, status)


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, media_type="application/json")
