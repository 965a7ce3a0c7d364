"""MCP servers that a request names: what of them is offered to the model, and what is asked first.

Source: OpenAI API reference, "tools", type "mcp".
"""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol

from bedplate.domain.tools import ToolChoice, ToolSpec
from bedplate.errors import InvalidInput
from bedplate.responses.items import McpListedTool, McpListTools, item_id
from bedplate.tools.protocol import Tool

LONGEST_NAME = 64
CHOSEN = "mcp:"
"""What a choice of tools names them by until the server was asked: "mcp:label:name"."""

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ToolFilter:
    """Those of some names, those that only read, or do not; both where both are given."""

    names: frozenset[str] | None = None
    reads: bool | None = None

    def matches(self, name: str, *, reads: bool) -> bool:
        """One that names nothing matches nothing."""
        if self.names is None and self.reads is None:
            return False
        named = self.names is None or name in self.names
        return named and (self.reads is None or self.reads == reads)


@dataclass(frozen=True, slots=True)
class Approval:
    """Which calls somebody has to allow: those of `always`, none of `never`, else as `usual`."""

    usual: bool = True
    always: ToolFilter = ToolFilter()
    never: ToolFilter = ToolFilter()

    def needed(self, name: str, *, reads: bool) -> bool:
        if self.always.matches(name, reads=reads):
            return True
        return self.usual and not self.never.matches(name, reads=reads)


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """`headers` may hold secrets; `only` is what of it is offered, None for all."""

    label: str
    url: str
    headers: Mapping[str, str]
    only: ToolFilter | None = None
    approval: Approval = Approval()


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """`name` is as its server calls it; `reads` is whether the server says that it only reads."""

    name: str
    reads: bool
    tool: Tool


class OpenServer(Protocol):
    """Opens a server for as long as a response is made.

    Raises:
        InvalidInput: nobody may be asked there.
        Unavailable: it cannot be reached, or does not say what it offers.
    """

    def __call__(
        self, server: RemoteServer, /
    ) -> AbstractAsyncContextManager[Sequence[RemoteTool]]: ...


@dataclass(frozen=True, slots=True)
class Offered:
    server: RemoteServer
    remote: RemoteTool
    spec: ToolSpec

    @property
    def asks(self) -> bool:
        """Whether somebody has to allow each call."""
        return self.server.approval.needed(self.remote.name, reads=self.remote.reads)


class Offer:
    """The tools of all servers, each under a name that no other tool of the request has."""

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = set(taken)
        self._tools: dict[str, Offered] = {}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(each.spec for each in self._tools.values())

    def find(self, name: str) -> Offered | None:
        """By what the model calls it."""
        return self._tools.get(name)

    def named(self, label: str, name: str) -> Offered | None:
        """By what its server calls it."""
        for each in self._tools.values():
            if (each.server.label, each.remote.name) == (label, name):
                return each
        return None

    def name_of(self, label: str, name: str) -> str:
        """What the model calls a tool, also one that is not offered any more."""
        offered = self.named(label, name)
        return _NO_NAME.sub("_", name)[:LONGEST_NAME] if offered is None else offered.spec.name

    def add(self, server: RemoteServer, tools: Sequence[RemoteTool]) -> McpListTools:
        """Offer what the request allows of them; what is shown of it."""
        allowed = [
            each
            for each in tools
            if server.only is None or server.only.matches(each.name, reads=each.reads)
        ]
        for each in allowed:
            name = self._free(each.tool.spec.name, server.label)
            self._taken.add(name)
            self._tools[name] = Offered(server, each, replace(each.tool.spec, name=name))
        listed = [
            McpListedTool(
                each.name,
                each.tool.spec.parameters,
                each.tool.spec.description or None,
                {"read_only": each.reads},
            )
            for each in allowed
        ]
        return McpListTools(server.label, tuple(listed), item_id(McpListTools))

    def chosen(self, choice: ToolChoice | None) -> ToolChoice | None:
        """The choice by the names that the model knows; InvalidInput for a tool that is not there."""
        if choice is None or not any(name.startswith(CHOSEN) for name in choice.names):
            return choice
        names: list[str] = []
        for name in choice.names:
            if not name.startswith(CHOSEN):
                names.append(name)
                continue
            _, label, wanted = name.split(":", 2)
            found = [
                each.spec.name
                for each in self._tools.values()
                if each.server.label == label and wanted in ("", each.remote.name)
            ]
            if not found:
                raise InvalidInput(
                    f"tool_choice: the MCP server {label!r} has no tool {wanted!r:.100} to offer.",
                    param="tool_choice",
                )
            names += found
        return ToolChoice(choice.mode, tuple(names))

    def _free(self, name: str, label: str) -> str:
        if name not in self._taken:
            return name
        longer = _NO_NAME.sub("_", f"{label}_{name}")[: LONGEST_NAME - 4]
        numbered = (longer if n == 1 else f"{longer}_{n}" for n in count(1))
        return next(each for each in numbered if each not in self._taken)


def chosen_name(label: str, name: str | None) -> str:
    """What a choice names a tool by before its server was asked; all of it without a name."""
    return f"{CHOSEN}{label}:{name or ''}"
