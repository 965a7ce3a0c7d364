"""The Model Context Protocol's messages, however they come: what each method gives.

Source: modelcontextprotocol.io, specification of the revisions in `mcp_revisions.py`. Each request
stands for itself; all that a connection may remember is the level of its log.
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from bedplate import __version__
from bedplate.access.protocol import Scope as KeyScope
from bedplate.api import mcp_resources as resources
from bedplate.api.mcp_calls import Call
from bedplate.api.mcp_failures import (
    INTERNAL,
    INVALID_PARAMS,
    INVALID_REQUEST,
    NO_METHOD,
    NO_RESOURCE,
    Id,
    Refused,
)
from bedplate.api.mcp_notices import Level, Notices, Tell
from bedplate.api.mcp_revisions import (
    BY_HANDSHAKE,
    VERSIONS,
    Envelope,
    Headers,
    check_version,
    is_alone,
    read_envelope,
    read_level,
)
from bedplate.api.mcp_tools import TOOLS, Tool
from bedplate.app import App
from bedplate.domain.accounts import Account
from bedplate.errors import BedplateError, InvalidInput, NotFound

logger = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Searches documents and answers from them. Call list_collections first. Cite document ids."
)
SERVER: Mapping[str, Any] = {"name": "bedplate", "title": "Bedplate", "version": __version__}
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
CAPABILITIES: Mapping[str, Any] = {"tools": {}, "resources": {}}
LOGGING: Mapping[str, Any] = {**CAPABILITIES, "logging": {}}

HOUR_MS = 3_600_000
FRESH: Mapping[str, tuple[int, str]] = {
    "server/discover": (HOUR_MS, "public"),
    "tools/list": (0, "private"),
    "resources/list": (0, "private"),
    "resources/templates/list": (HOUR_MS, "private"),
    "resources/read": (0, "private"),
}
"""For how long, in ms, and for whom a result may be kept. What a key may see can change at once."""

Answer = Mapping[str, Any]
Method = Callable[["Asked"], Awaitable[Answer]]


@dataclass(slots=True)
class Connection:
    """What a client that greeted has settled for all of its requests; `level` None before it asks."""

    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a message, until when it waits, and how it hears of what goes on meanwhile.

    `headers` are those of HTTP, None without. `connection` is None where none outlives a request.
    """

    account: Account
    deadline: float
    tell: Tell
    headers: Headers | None = None
    connection: Connection | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """`alone` is whether it answers a request of a revision without a handshake."""

    message: Answer
    alone: bool = False

    @property
    def code(self) -> int | None:
        return self.message.get("error", {}).get("code")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read."""

    caller: Caller
    envelope: Envelope
    params: Mapping[str, Any]
    call: Call


class Messages:
    """Answers with the rights, and at the cost, of whoever calls."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def answer(self, message: Mapping[str, Any], caller: Caller) -> Reply | None:
        """The answer to a request; None for a notification, or for an answer to what nobody asked.

        Raises:
            Refused: this is no JSON-RPC message.
        """
        method, id = message.get("method"), message.get("id")
        if message.get("jsonrpc") != "2.0" or isinstance(id, bool):
            raise Refused(INVALID_REQUEST, "This is no JSON-RPC 2.0 message.")
        if method is None and ("result" in message or "error" in message):
            return None
        if not isinstance(method, str):
            raise Refused(INVALID_REQUEST, "method must be a string.")
        if "id" not in message:
            check_version(caller.headers)
            return None
        if not isinstance(id, Id):
            raise Refused(INVALID_REQUEST, "id must be a string or a number.")
        params: object = message.get("params") or {}
        if not isinstance(params, dict):
            wrong = Refused(INVALID_PARAMS, "params must be an object.")
            return Reply(wrong.told(id), is_alone({}, caller.headers))
        known = cast(Mapping[str, Any], params)
        alone = is_alone(known, caller.headers)
        try:
            envelope = read_envelope(method, known, caller.headers)
            return Reply(await self._answered(id, method, known, envelope, caller), alone)
        except Refused as refused:
            return Reply(refused.told(id), alone)

    async def _answered(
        self,
        id: Id,
        method: str,
        params: Mapping[str, Any],
        envelope: Envelope,
        caller: Caller,
    ) -> Answer:
        if envelope.alone or caller.connection is None:
            level = envelope.level
        else:
            level = caller.connection.level
        notices = Notices(caller.tell, envelope.token, level)
        call = Call(self._app, caller.account, caller.deadline, notices)
        methods = self._alone if envelope.alone else self._greeted
        if method not in methods or (method == "logging/setLevel" and caller.connection is None):
            raise Refused(NO_METHOD, f"There is no method {method!r:.100}.")
        result = await methods[method](Asked(caller, envelope, params, call))
        if envelope.alone:
            result = {"resultType": "complete", **result, "_meta": {SERVER_KEY: SERVER}}
            if method in FRESH:
                result["ttlMs"], result["cacheScope"] = FRESH[method]
        return {"jsonrpc": "2.0", "id": id, "result": result}

    @cached_property
    def _both(self) -> Mapping[str, Method]:
        return {
            "tools/list": self._tools,
            "tools/call": self._called,
            "resources/list": self._resource(
                lambda a: resources.page(a.call, a.params.get("cursor"))
            ),
            "resources/read": self._resource(lambda a: resources.read(a.call, a.params.get("uri"))),
            "resources/templates/list": self._resource(_templates),
        }

    @cached_property
    def _greeted(self) -> Mapping[str, Method]:
        more = {"initialize": _welcome, "ping": _pong, "logging/setLevel": _level}
        return {**self._both, **more}

    @cached_property
    def _alone(self) -> Mapping[str, Method]:
        return {**self._both, "server/discover": _discovered}

    async def _tools(self, asked: Asked) -> Answer:
        _one_page(asked.params.get("cursor"))
        account = asked.caller.account
        return {
            "tools": [self._shown[t.name] for t in TOOLS.values() if self._may(account, t.scope)]
        }

    @cached_property
    def _shown(self) -> Mapping[str, Answer]:
        return {name: tool.shown() for name, tool in TOOLS.items()}

    async def _called(self, asked: Asked) -> Answer:
        """What a tool gives or why it failed, which its caller's model is to read."""
        name = asked.params.get("name")
        tool = TOOLS.get(str(name))
        if tool is None:
            raise Refused(INVALID_PARAMS, f"There is no tool {name!r:.100}.")
        if not self._may(asked.caller.account, tool.scope):
            return _failed(f"{tool.name} needs a key with the scope {tool.scope!r}.")
        return await _run(tool, asked.call, asked.params.get("arguments"))

    def _resource(self, give: Method) -> Method:
        async def given(asked: Asked) -> Answer:
            if not self._may(asked.caller.account, resources.SCOPE):
                message = f"Resources need a key with the scope {resources.SCOPE!r}."
                raise Refused(INVALID_REQUEST, message)
            try:
                return await give(asked)
            except NotFound as error:
                code = INVALID_PARAMS if asked.envelope.alone else NO_RESOURCE
                raise Refused(code, error.message, {"uri": asked.params.get("uri")}) from error
            except InvalidInput as error:
                raise Refused(INVALID_PARAMS, error.message) from error
            except BedplateError as error:
                raise Refused(INTERNAL, error.message) from error

        return given

    def _may(self, account: Account, needed: KeyScope) -> bool:
        if account.key is None:
            # On this machine, while there are no keys: the gate let nobody else in.
            return True
        key = self._app.keyring.holder(account.key)
        return key is not None and key.allows(needed)


async def _run(tool: Tool, call: Call, arguments: object) -> Answer:
    started = time.perf_counter()
    try:
        given = await tool.call(call, arguments)
    except BedplateError as error:
        logger.info("tool failed", extra={"tool": tool.name, "code": error.code})
        await call.notices.log("error", {"tool": tool.name, "failed": error.code})
        return _failed(error.message)
    took = round((time.perf_counter() - started) * 1000, 1)
    await call.notices.log("info", {"tool": tool.name, "took_ms": took})
    text = json.dumps(given, ensure_ascii=False)
    return {"content": [{"type": "text", "text": text}], "structuredContent": given}


async def _welcome(asked: Asked) -> Answer:
    version = asked.params.get("protocolVersion")
    if not isinstance(version, str):
        raise Refused(INVALID_PARAMS, "protocolVersion must be a string.")
    return {
        # One that is not spoken is answered with one that is; a client that cannot, hangs up.
        "protocolVersion": version if version in BY_HANDSHAKE else BY_HANDSHAKE[0],
        "capabilities": CAPABILITIES if asked.caller.connection is None else LOGGING,
        "serverInfo": SERVER,
        "instructions": INSTRUCTIONS,
    }


async def _discovered(asked: Asked) -> Answer:
    return {
        "supportedVersions": list(VERSIONS),
        "capabilities": LOGGING,
        "instructions": INSTRUCTIONS,
    }


async def _pong(asked: Asked) -> Answer:
    return {}


async def _level(asked: Asked) -> Answer:
    if asked.caller.connection is not None:
        asked.caller.connection.level = read_level(asked.params.get("level"))
    return {}


async def _templates(asked: Asked) -> Answer:
    _one_page(asked.params.get("cursor"))
    return {"resourceTemplates": [resources.TEMPLATE]}


def _one_page(cursor: object) -> None:
    if cursor is not None:
        raise Refused(INVALID_PARAMS, f"cursor: {str(cursor)!r:.100} is not one that was given.")


def _failed(message: str) -> Answer:
    return {"content": [{"type": "text", "text": message}], "isError": True}
