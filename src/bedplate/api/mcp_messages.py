"""The Model Context Protocol's messages, however they come: what each method gives.

Source: modelcontextprotocol.io, specification of the versions below. There are no sessions: each
request stands for itself.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, cast

from bedplate import __version__
from bedplate.access.protocol import Scope as KeyScope
from bedplate.api import mcp_resources as resources
from bedplate.api.mcp_calls import Call
from bedplate.api.mcp_tools import TOOLS, Tool
from bedplate.app import App
from bedplate.domain.accounts import Account
from bedplate.errors import BedplateError, InvalidInput, NotFound

logger = logging.getLogger(__name__)

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
"""The newest first."""

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
NO_RESOURCE, INTERNAL = -32002, -32603
INSTRUCTIONS = (
    "Searches documents and answers from them. Call list_collections first. Cite document ids."
)

Id = str | int
Answer = Mapping[str, Any]


class Refused(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Messages:
    """Answers with the rights, and at the cost, of whoever calls."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def answer(
        self, message: Mapping[str, Any], account: Account, deadline: float
    ) -> Answer | None:
        """The answer to a request; None for a notification, or for an answer to what nobody asked.

        Raises:
            Refused: this is no JSON-RPC message.
        """
        method, id = message.get("method"), message.get("id")
        if message.get("jsonrpc") != "2.0" or isinstance(id, bool):
            raise Refused(INVALID_REQUEST, "This is no JSON-RPC 2.0 message.")
        if id is None or method is None:
            return None
        if not isinstance(id, Id) or not isinstance(method, str):
            raise Refused(INVALID_REQUEST, "id must be a string or a number.")
        params: object = message.get("params") or {}
        if not isinstance(params, dict):
            return failure(id, INVALID_PARAMS, "params must be an object.")
        call = Call(self._app, account, deadline)
        try:
            result = await self._result(call, method, cast(Mapping[str, Any], params))
        except Refused as refused:
            return failure(id, refused.code, refused.message)
        return {"jsonrpc": "2.0", "id": id, "result": result}

    async def _result(self, call: Call, method: str, params: Mapping[str, Any]) -> Answer:
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
            case "resources/list" | "resources/templates/list" | "resources/read":
                return await self._resource(call, method, params)
            case _:
                raise Refused(NO_METHOD, f"There is no method {method!r}.")

    async def _called(self, call: Call, params: Mapping[str, Any]) -> Answer:
        """What a tool gives or why it failed, which its caller's model is to read."""
        tool = TOOLS.get(str(params.get("name")))
        if tool is None:
            raise Refused(INVALID_PARAMS, f"There is no tool {params.get('name')!r}.")
        if not self._may(call.account, tool.scope):
            return _failed(f"{tool.name} needs a key with the scope {tool.scope!r}.")
        return await _run(tool, call, params.get("arguments"))

    async def _resource(self, call: Call, method: str, params: Mapping[str, Any]) -> Answer:
        if not self._may(call.account, resources.SCOPE):
            raise Refused(
                INVALID_REQUEST, f"{method} needs a key with the scope {resources.SCOPE!r}."
            )
        try:
            match method:
                case "resources/list":
                    return await resources.page(call, params.get("cursor"))
                case "resources/read":
                    return await resources.read(call, params.get("uri"))
                case _:
                    return {"resourceTemplates": [resources.TEMPLATE]}
        except NotFound as error:
            raise Refused(NO_RESOURCE, error.message) from error
        except InvalidInput as error:
            raise Refused(INVALID_PARAMS, error.message) from error
        except BedplateError as error:
            raise Refused(INTERNAL, error.message) from error

    def _may(self, account: Account, needed: KeyScope) -> bool:
        if account.key is None:
            # On this machine, while there are no keys: the gate let nobody else in.
            return True
        key = self._app.keyring.holder(account.key)
        return key is not None and key.allows(needed)


async def _run(tool: Tool, call: Call, arguments: object) -> Answer:
    try:
        given = await tool.call(call, arguments)
    except BedplateError as error:
        logger.info("tool failed", extra={"tool": tool.name, "code": error.code})
        return _failed(error.message)
    text = json.dumps(given, ensure_ascii=False)
    return {"content": [{"type": "text", "text": text}], "structuredContent": given}


def _welcome(asked: object) -> Answer:
    return {
        "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}, "resources": {}},
        "serverInfo": {"name": "bedplate", "title": "Bedplate", "version": __version__},
        "instructions": INSTRUCTIONS,
    }


def _failed(message: str) -> Answer:
    return {"content": [{"type": "text", "text": message}], "isError": True}


def failure(id: Id | None, code: int, message: str) -> Answer:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}
