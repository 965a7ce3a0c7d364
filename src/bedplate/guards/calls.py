"""Personal data around a model call: replaced on the way in, put back or replaced on the way out."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    ImagePart,
    Message,
    Note,
    Passage,
    TextPart,
)
from bedplate.domain.guard import Finding
from bedplate.domain.tools import ToolCall
from bedplate.errors import GuardBlocked, InvalidInput
from bedplate.guards.outgoing import Outgoing
from bedplate.guards.policy import Policy, replaced
from bedplate.guards.protocol import GuardedCall, PiiGuard
from bedplate.guards.pseudonyms import PSEUDONYM, Pseudonyms
from bedplate.guards.spans import OpenFinder, Spans
from bedplate.guards.stream import guarded
from bedplate.guards.stream_json import JsonGuard

GUARD = "pii"

AT_ONCE = 20_000
"""Characters of a request from which on the event loop is not kept waiting for it."""


class PiiCalls:
    """One policy for everybody, and tenants' own. `asked` looks at requests, `answered` at answers."""

    def __init__(
        self,
        asked: PiiGuard,
        answered: PiiGuard,
        policy: Policy,
        tenants: Mapping[str, Policy],
    ) -> None:
        self._asked = asked
        self._answered = answered
        self._policy = policy
        self._tenants = tenants

    async def open(self, model: str, request: ChatRequest) -> GuardedCall:
        policy = self._tenants.get(request.account.tenant, self._policy)
        if "output" in policy.on and request.logprobs is not None:
            raise InvalidInput(
                "logprobs would show what guards.pii takes out of the answer: leave it out, or take "
                '"output" from guards.pii.on.',
                param="logprobs",
            )
        incoming = Incoming(self._asked, policy)
        sent = request
        if "input" in policy.on:
            if self._asked.slow or _length(request) > AT_ONCE:
                sent = await asyncio.to_thread(incoming.cleaned, request)
            else:
                sent = incoming.cleaned(request)
        return PiiCall(model, sent, self._answered, policy, incoming)


class Incoming:
    """What a request says, without what the policy keeps from models.

    Instructions are the operator's own words and are left as they are.
    """

    def __init__(self, guard: PiiGuard, policy: Policy) -> None:
        self._guard = guard
        self._policy = policy
        self.names = Pseudonyms()
        self.counts: Counter[str] = Counter()

    def cleaned(self, request: ChatRequest) -> ChatRequest:
        """Raises GuardBlocked for what the policy blocks."""
        messages = tuple(self._message(message) for message in request.messages)
        passages = tuple(self._passage(passage) for passage in request.passages)
        asked, whole = self._text(request.asked), self._text(request.whole)
        now, before = (messages, passages, asked, whole), _said(request)
        if now == before:
            return request
        return replace(request, messages=messages, passages=passages, asked=asked, whole=whole)

    def _text(self, text: str) -> str:
        return replaced(text, self._guard.find(text), self._mark) if text else text

    def _mark(self, type: str, value: str) -> str:
        mode = self._policy.of(type, value)
        if mode == "keep":
            return value
        if mode == "block":
            raise GuardBlocked(
                f"The request holds personal data that must not reach a model ({type}): take it out.",
                guard=GUARD,
                found=(type,),
            )
        self.counts[type] += 1
        if mode == "pseudonym":
            return self.names.of(type, value)
        return self._policy.hash(type, value) if mode == "hash" else f"[{type}]"

    def _message(self, message: Message) -> Message:
        if message.role in ("system", "developer"):
            return message
        if not (message.parts or message.tool_calls):
            said = self._said(message)
            return message if said == message.content else replace(message, content=said)
        return replace(
            message,
            content=self._said(message),
            parts=tuple(self._part(part) for part in message.parts),
            tool_calls=tuple(self._call(call) for call in message.tool_calls),
        )

    def _call(self, call: ToolCall) -> ToolCall:
        read = self._text if call.custom else self._json
        return replace(call, arguments=read(call.arguments))

    def _said(self, message: Message) -> str:
        """A tool's answer is mostly JSON, and stays it."""
        if message.role == "tool" and message.content.lstrip()[:1] in ("{", "["):
            return self._json(message.content)
        return self._text(message.content)

    def _part(self, part: TextPart | ImagePart) -> TextPart | ImagePart:
        return replace(part, text=self._text(part.text)) if isinstance(part, TextPart) else part

    def _json(self, text: str) -> str:
        return guarded(JsonGuard(partial(self._guard.finder, self._guard.scan), self._mark), text)

    def _passage(self, passage: Passage) -> Passage:
        hit = passage.hit
        cleaned = replace(
            hit,
            text=self._text(hit.text),
            title=self._text(hit.title),
            heading=hit.heading and self._text(hit.heading),
        )
        return replace(passage, hit=cleaned)


class PiiCall:
    def __init__(
        self, model: str, request: ChatRequest, guard: PiiGuard, policy: Policy, incoming: Incoming
    ) -> None:
        self._model = model
        self._request = request
        self._guard = guard
        self._policy = policy
        self._incoming = incoming
        self._counts: Counter[str] = Counter()
        self._guards = "output" in policy.on
        self.slow = self._guards and guard.slow
        self._takes = self._guards or len(incoming.names) > 0
        self._passed = False
        self._out: Outgoing | None = None

    @property
    def request(self) -> ChatRequest:
        return self._request

    @property
    def stopped(self) -> str | None:
        return None if self._out is None else self._out.stopped

    def passes(self, text: str) -> bool:
        # A pseudonym is to be put back, and JSON is read as such.
        if self._takes and (len(self._incoming.names) or self._request.output is not None):
            return False
        self._passed = not self._takes or not self._guard.find(text)
        return self._passed

    def take_text(self, text: str) -> str | None:
        if not self._takes:
            return text
        self._out = self._out or self._outgoing()
        return self._out.take_text(text)

    def take(self, event: ChatEvent) -> Sequence[ChatEvent]:
        # Of a text that passed none was taken, nor is any held.
        is_plain_end = isinstance(event, Finished) and event.reasoning is None
        if not self._takes or (is_plain_end and self._passed and self._out is None):
            events: Sequence[ChatEvent] = (event,)
        else:
            self._out = self._out or self._outgoing()
            events = self._out.take(event)
        if not isinstance(event, Finished) or not (notes := self._notes()):
            return events
        return [
            replace(each, notes=(*each.notes, *notes)) if isinstance(each, Finished) else each
            for each in events
        ]

    def _outgoing(self) -> Outgoing:
        names, guard = self._incoming.names, self._guard
        opens: OpenFinder = (
            partial(guard.finder, names.restoring(guard.scan))
            if self._guards
            else partial(Spans, names.restoring(_nothing))
        )
        return Outgoing(opens, self._mark, json=self._request.output is not None)

    def _mark(self, type: str, value: str) -> str | None:
        names = self._incoming.names
        if type == PSEUDONYM:
            return names.value(value)
        if names.holds(type, value):
            # The user's own, which the user may see.
            return value
        mode = self._policy.of(type, value)
        if mode == "keep":
            return value
        if mode == "block":
            return None
        self._counts[type] += 1
        return self._policy.hash(type, value) if mode == "hash" else f"[{type}]"

    def _notes(self) -> list[Note]:
        told = (("input", self._incoming.counts), ("output", self._counts))
        return [
            Note("guard", self._model, f"{GUARD} on {where}: {_told(counts)}")
            for where, counts in told
            if counts
        ]


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{type} {count}" for type, count in sorted(counts.items()))


def _nothing(text: str, start: int) -> list[Finding]:
    return []


def _said(request: ChatRequest) -> tuple[object, ...]:
    return request.messages, request.passages, request.asked, request.whole


def _length(request: ChatRequest) -> int:
    said = sum(len(message.content) for message in request.messages)
    return said + sum(len(passage.hit.text) for passage in request.passages)
