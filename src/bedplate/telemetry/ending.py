"""A trace that has ended, made into the form in which it is kept: no content that must not be."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from bedplate.domain.chat import Message
from bedplate.domain.ids import DEFAULT_TENANT, TenantId
from bedplate.domain.traces import Content, EndedSpan, EndedTrace, Value
from bedplate.telemetry.conventions import AGENT, DROPPED_SPANS
from bedplate.telemetry.protocol import Redactor
from bedplate.telemetry.trace import Said, Span, Trace

logger = logging.getLogger(__name__)

NOT_RECORDED = "[not recorded: redaction failed]"
PLAIN = (str, bool, int, float)
AS_IS = frozenset({"type", "role", "id", "name", "chunk_id"})
"""Ids and words of the form: to redact them would make the rest unreadable."""

Level = Callable[[TenantId], Content]
"""What is kept of a tenant's content."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Runs in a thread. `redactor` is there where any level is "redacted"."""

    level: Level
    redactor: Redactor | None = None

    def whole(self, trace: Trace) -> EndedTrace:
        return self._ended(trace, trace.spans, late=False)

    def late(self, span: Span) -> EndedTrace:
        return self._ended(span.trace, [span], late=True)

    def _ended(self, trace: Trace, spans: Sequence[Span], *, late: bool) -> EndedTrace:
        account = trace.account
        tenant = account.tenant if account else DEFAULT_TENANT
        level = self.level(tenant)
        if not late and trace.dropped:
            spans[0].attributes[DROPPED_SPANS] = trace.dropped
        assistant = account.assistant if account else None
        if not late and assistant is not None:
            spans[0].attributes.setdefault(AGENT, assistant)
        return EndedTrace(
            id=trace.id,
            spans=tuple(self._span(span, level, tenant) for span in spans),
            tenant=tenant,
            key=account.key if account else None,
            assistant=assistant,
            late=late,
            dropped=0 if late else trace.dropped,
        )

    def _span(self, span: Span, level: Content, tenant: TenantId) -> EndedSpan:
        above = span.parent
        return EndedSpan(
            id=f"{span.id:016x}",
            parent=span.trace.remote if above is None else f"{above.id:016x}",
            name=span.name,
            kind=span.kind,
            started=span.started,
            took=span.took,
            attributes={name: plain(value) for name, value in span.attributes.items()},
            content={
                name: self._kept(value, level, tenant) for name, value in span.contents.items()
            }
            if span.contents and level != "off"
            else {},
            error=span.error,
        )

    def _kept(self, value: Said, level: Content, tenant: TenantId) -> str:
        try:
            kept = self._each(_data(value), level, tenant)
        except Exception:  # noqa: BLE001 - whatever it is, what was not redacted is not kept
            logger.warning("content of a trace could not be redacted and is not recorded")
            return NOT_RECORDED
        return kept if isinstance(kept, str) else msgspec.json.encode(kept).decode()

    def _each(self, value: Any, level: Content, tenant: TenantId) -> Any:
        """The same data, each of its texts as it may be kept."""
        if isinstance(value, str):
            if level == "full":
                return value
            return NOT_RECORDED if self.redactor is None else self.redactor.redact(value, tenant)
        if isinstance(value, dict):
            table = cast(dict[str, Any], value)
            return {
                name: inner if name in AS_IS else self._each(inner, level, tenant)
                for name, inner in table.items()
            }
        if isinstance(value, list | tuple):
            return [self._each(inner, level, tenant) for inner in cast(Sequence[Any], value)]
        return value


def plain(value: Any) -> Value:
    """A value that every back end knows: data as JSON."""
    return value if isinstance(value, PLAIN) else msgspec.json.encode(value).decode()


def _data(value: Said) -> Any:
    """Messages in the form of the semantic conventions."""
    if isinstance(value, str):
        return value
    return [_message(each) if isinstance(each, Message) else each for each in value]


def _message(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if message.role == "tool":
        answered = {"id": message.tool_call_id or "", "response": message.content}
        parts.append({"type": "tool_call_response", **answered})
    elif message.content:
        parts.append({"type": "text", "content": message.content})
    parts += [
        {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
        for call in message.tool_calls
    ]
    return {"role": message.role, "parts": parts}
