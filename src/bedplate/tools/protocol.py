"""What a tool is: a specification for the model, a policy for the server, and a call."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.tools import ToolSpec


@dataclass(frozen=True, slots=True)
class ToolContext:
    """For whom a tool is called, and until when (`deadline`, on the event loop's clock).

    `key` is the same whenever the same effect is asked for again: a tool hands it on as its
    idempotency key. `run` and `call` say where the call comes from, for records.
    """

    account: Account = LOCAL
    key: str = ""
    run: str = ""
    call: str = ""
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call came to, as the model is told it, bounded.

    `failed` says that `text` is why it failed: status, what was wrong and what would be right, in
    a form in which the model can correct its call. `retryable`: the same call may work later.
    `unknown`: it failed so that its effect may have happened or not. `missing`: what was asked for
    is not there. `truncated`: there was more. `flagged` names what a guard found in the text.
    """

    text: str
    failed: bool = False
    retryable: bool = False
    unknown: bool = False
    missing: bool = False
    truncated: bool = False
    flagged: tuple[str, ...] = ()


Effect = Literal["none", "idempotent", "once"]
"""Reads only; may be repeated with the same key; must not happen twice."""


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """What the server sees to, whatever the model wants.

    `approve` is whether a human confirms each call, or a condition on the arguments, e.g.
    "amount > 100", under which one does (tools/approval.py). `attempts` counts the first; further
    ones only where the result is retryable and, where `effect` is "once", says that nothing was done. `per_minute` is of each
    tenant. `assistants` empty means every one.
    """

    effect: Effect = "none"
    approve: bool | str = False
    seconds: float = 30.0
    attempts: int = 1
    per_minute: int | None = None
    max_characters: int = 20_000
    assistants: tuple[str, ...] = ()


class Tool(Protocol):
    """One function that a model may call."""

    @property
    def spec(self) -> ToolSpec: ...

    @property
    def policy(self) -> ToolPolicy: ...

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Do it. `arguments` fit the specification's schema already. What goes wrong with the call
        is a failed result; errors are raised for what the model cannot mend (ConfigError, Unavailable).
        """
        ...

    async def status(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult | None:
        """Whether the effect with `context.key` has happened already: its result; None where that is
        not known, as of every tool that cannot be asked. A failed result says that it has not.
        """
        ...


class Toolset(Protocol):
    """Tools that come together, from one place. `tools` may change; each keeps its name."""

    async def tools(self) -> tuple[Tool, ...]: ...


@dataclass(frozen=True, slots=True)
class ToolParts:
    """What of the house a tool may use, handed over by the app: callables by name."""

    callables: Mapping[str, Any] = field(default_factory=dict[str, Any])


class NamedTool(Tool, Protocol):
    """A tool with the name that the place it comes from has for it."""

    @property
    def name(self) -> str: ...


class NamedToolset(Protocol):
    """As `Toolset`, of named tools."""

    async def tools(self) -> tuple[NamedTool, ...]: ...


class OpenRemote(Protocol):
    """Opens tools of a place that a request names, which `place` tells of in messages."""

    def __call__(
        self, options: Mapping[str, Any], *, place: str
    ) -> AbstractAsyncContextManager[NamedToolset]: ...


class OpenToolset(Protocol):
    """Opens the tools of one table `[tools.NAME]` from its own options."""

    def __call__(
        self, options: Mapping[str, Any], *, name: str, parts: ToolParts
    ) -> AbstractAsyncContextManager[Toolset]: ...
