"""Injections around a model call, in retrieved passages, and in documents on their way in."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bedplate.domain.accounts import LOCAL, Account
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
from bedplate.domain.guard import Injection, TextKind
from bedplate.errors import GuardBlocked
from bedplate.guards.actions import blanked, sanitised
from bedplate.guards.protocol import CallGuard, GuardedCall, InjectionGuard

logger = logging.getLogger(__name__)

GUARD = "injection"
KINDS: Mapping[str, TextKind] = {"user": "user", "tool": "tool"}
"""Of messages by their roles; others are not looked at: the operator's words, and the model's."""


class InjectionCalls:
    """Looks at what the user says and at tools' answers, each as what it is.

    Where a question was asked of passages, the bare question is looked at in place of the message
    that shows both; `InjectionPassages` has looked at them.
    """

    def __init__(self, guard: InjectionGuard, kinds: frozenset[TextKind]) -> None:
        self._guard = guard
        self._kinds = kinds

    async def open(self, model: str, request: ChatRequest) -> GuardedCall:
        verdicts: dict[str, Injection] = {}
        for kind in sorted(self._kinds & {"user", "tool"}):
            texts = sorted({text for text in _texts(request, kind) if text.strip()})
            found = await self._guard.check(texts, kind, request.account)
            verdicts |= {t: v for t, v in zip(texts, found, strict=True) if v.flagged}
            blocked = next((v for v in found if v.decision == "block"), None)
            if blocked is not None:
                raise GuardBlocked(
                    f"The request holds what looks like orders to the model ({_why(blocked)}) in "
                    f"what a {kind} says, and goes no further.",
                    guard=GUARD,
                    found=tuple(sorted({reason.rule for reason in blocked.reasons})),
                )

        def clean(text: str) -> str:
            verdict = verdicts.get(text)
            drop = verdict is not None and verdict.decision == "sanitise"
            return sanitised(text, verdict) if drop and verdict else text

        sent = _changed(request, clean) if verdicts else request
        notes = [Note("guard", model, f"{GUARD}: {_why(each)}") for each in verdicts.values()]
        return _Call(sent, notes)


class InjectionPassages:
    """What was retrieved: data, which gives no orders."""

    def __init__(self, guard: InjectionGuard) -> None:
        self._guard = guard

    async def cleaned(self, passages: Sequence[Passage], account: Account = LOCAL) -> list[Passage]:
        texts = [passage.hit.text for passage in passages]
        found = await self._guard.check(texts, "document", account)
        kept: list[Passage] = []
        for passage, verdict in zip(passages, found, strict=True):
            if verdict.flagged:
                told = {"document": passage.hit.document_id, "why": _why(verdict)}
                logger.warning("a passage looks like orders to the model", extra=told)
            if verdict.decision == "block":
                continue
            if verdict.decision == "sanitise":
                text = blanked(passage.hit.text, verdict)
                if not text.strip():
                    continue
                passage = replace(passage, hit=replace(passage.hit, text=text))
            kept.append(passage)
        return kept


class Chained:
    """Guards one after the other: each sees what the one before it lets through."""

    def __init__(self, guards: Sequence[CallGuard]) -> None:
        self._guards = guards

    async def open(self, model: str, request: ChatRequest) -> GuardedCall:
        calls: list[GuardedCall] = []
        for guard in self._guards:
            calls.append(await guard.open(model, request))
            request = calls[-1].request
        return calls[0] if len(calls) == 1 else _ChainedCall(request, calls)


class _Call:
    slow = False

    def __init__(self, request: ChatRequest, notes: Sequence[Note]) -> None:
        self.request = request
        self.stopped: str | None = None
        self._notes = tuple(notes)

    def passes(self, text: str) -> bool:
        return True

    def take_text(self, text: str) -> str | None:
        return text

    def take(self, event: ChatEvent) -> Sequence[ChatEvent]:
        if isinstance(event, Finished) and self._notes:
            return [replace(event, notes=(*event.notes, *self._notes))]
        return [event]


class _ChainedCall:
    def __init__(self, request: ChatRequest, calls: Sequence[GuardedCall]) -> None:
        self.request = request
        self._calls = calls

    @property
    def stopped(self) -> str | None:
        return next((call.stopped for call in self._calls if call.stopped is not None), None)

    @property
    def slow(self) -> bool:
        return any(call.slow for call in self._calls)

    def passes(self, text: str) -> bool:
        return all(call.passes(text) for call in self._calls)

    def take_text(self, text: str) -> None:
        """A guard that takes no text may stand behind one that has taken it already."""

    def take(self, event: ChatEvent) -> Sequence[ChatEvent]:
        events: Sequence[ChatEvent] = (event,)
        for call in reversed(self._calls):
            if len(events) == 1:
                events = call.take(events[0])
            else:
                events = [left for each in events for left in call.take(each)]
        return events


def _why(verdict: Injection) -> str:
    names = Counter(reason.rule for reason in verdict.reasons)
    return f"{', '.join(list(names)[:3])}; score {verdict.score:.2f}, {verdict.decision}"


def _texts(request: ChatRequest, kind: TextKind) -> list[str]:
    asked = [request.asked, request.whole] if kind == "user" and request.asked else []
    last = max((n for n, m in enumerate(request.messages) if m.role == "user"), default=-1)
    return asked + [
        text
        for number, message in enumerate(request.messages)
        if KINDS.get(message.role) == kind and not (asked and number == last)
        for text in (message.content, *(p.text for p in message.parts if isinstance(p, TextPart)))
    ]


def _changed(request: ChatRequest, clean: Callable[[str], str]) -> ChatRequest:
    asked = clean(request.asked)

    def message(each: Message) -> Message:
        if each.role not in KINDS:
            return each
        content = clean(each.content)
        if request.asked and asked != request.asked:
            content = content.replace(request.asked, asked)
        return replace(each, content=content, parts=tuple(part(p) for p in each.parts))

    def part(each: TextPart | ImagePart) -> TextPart | ImagePart:
        return replace(each, text=clean(each.text)) if isinstance(each, TextPart) else each

    return replace(
        request,
        messages=tuple(message(each) for each in request.messages),
        asked=asked,
        whole=clean(request.whole),
    )
