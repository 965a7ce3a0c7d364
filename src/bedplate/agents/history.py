"""A run's log, read as the conversation that it is and the calls that are open in it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bedplate.agents.marking import marked
from bedplate.domain.chat import Message
from bedplate.domain.runs import Entry, EntryKind, NewEntry, Run
from bedplate.domain.tools import ToolCall

RECAP = "earlier_rounds"
LEFT_OUT = "(Left out: this answer was read before.)"


@dataclass(slots=True)
class CallState:
    """One call that the model asked for. `begun` counts intents; `asked` are questions to humans."""

    id: str
    request: ToolCall
    begun: int = 0
    key: str = ""
    effect: str = "none"
    arguments: Mapping[str, Any] | None = None
    asked: Mapping[str, Any] | None = None
    decided: Mapping[str, Any] | None = None
    child: str | None = None
    result: Mapping[str, Any] | None = None
    undo: Mapping[str, Any] | None = None
    undone: Mapping[str, Any] | None = None


@dataclass(slots=True)
class History:
    """Grows with the log. `said` is what user and operator said, `read` what came from elsewhere."""

    messages: list[Message]
    said: list[str]
    read: list[str] = field(default_factory=list[str])
    calls: dict[str, CallState] = field(default_factory=dict[str, CallState])
    numbers: list[int] = field(default_factory=lambda: [-1])
    """Of the entries that the messages are from."""
    recap: str = ""
    """What stands for rounds that are left out."""
    answer: str | None = None
    finish: str = ""
    since: int = 0
    """How many calls had been asked for when the run was last resumed."""

    @property
    def open(self) -> list[CallState]:
        """Those without a result, in the order in which they were asked for."""
        return [call for call in self.calls.values() if call.result is None]

    @property
    def finished(self) -> list[CallState]:
        return [call for call in self.calls.values() if call.result is not None]

    def made(self, tool: str, arguments: Mapping[str, Any]) -> list[CallState]:
        """The calls of a tool with just these arguments that it answered."""
        return [
            call
            for call in self.finished
            if call.begun and call.request.name == tool and call.arguments == arguments
        ]

    def add(self, number: int, kind: EntryKind, data: Mapping[str, Any]) -> None:
        match kind:
            case "started":
                self._say(number, data["goal"])
            case "message" if "source" in data:
                self.read.append(data["text"])
                self._show(number, Message("user", marked(data["source"], data["text"])))
            case "message":
                self._say(number, data["text"])
            case "model":
                self._answer(number, data)
            case "status":
                if data["status"] == "waiting":
                    self.since = len(self.calls)
            case "compacted":
                self._leave_out(number, data)
            case _:
                self._call(number, kind, self.calls[data["call"]], data)

    def _show(self, number: int, message: Message) -> None:
        self.numbers.append(number)
        self.messages.append(message)

    def _say(self, number: int, text: str) -> None:
        self.answer = None
        self.said.append(text)
        self._show(number, Message("user", text))

    def _leave_out(self, number: int, data: Mapping[str, Any]) -> None:
        """Rounds before an entry, for a recap in their place; and single results."""
        before, cleared = data["before"], set(data["cleared"])
        shown = [
            (at, replace(message, content=LEFT_OUT) if at in cleared else message)
            for at, message in zip(self.numbers, self.messages, strict=True)
            if (at >= before or message.role in ("system", "user"))
            and not (data["text"] and message.name == RECAP)
        ]
        if data["text"]:
            self.recap = data["text"]
            place = next((n for n, (at, _) in enumerate(shown) if at >= before), len(shown))
            # The number of the round that it stands before, so that both stay in order.
            recap = Message("user", marked(RECAP, data["text"]), name=RECAP)
            shown.insert(place, (before - 1, recap))
        self.numbers = [at for at, _ in shown]
        self.messages = [message for _, message in shown]

    def _answer(self, number: int, data: Mapping[str, Any]) -> None:
        calls = tuple(ToolCall(c["id"], c["tool"], c["arguments"]) for c in data["calls"])
        self._show(
            number,
            Message("assistant", data["text"], tool_calls=calls, reasoning=data["reasoning"]),
        )
        for index, call in enumerate(calls):
            id = f"{number}.{index}"
            self.calls[id] = CallState(id, call)
        self.finish = data["finish"]
        self.answer = None if calls else data["text"]

    def _call(self, number: int, kind: EntryKind, call: CallState, data: Mapping[str, Any]) -> None:
        match kind:
            case "call":
                call.begun += 1
                call.key, call.arguments = data["key"], data["arguments"]
                call.effect = data["effect"]
            case "asked":
                call.asked, call.decided = data, None
            case "decided":
                call.decided = data
            case "child":
                call.child = data["run"]
            case "undo":
                call.undo = data
            case "undone":
                call.undone = data
            case _:
                self._result(number, call, data)

    def _result(self, number: int, call: CallState, data: Mapping[str, Any]) -> None:
        if call.result is not None:
            return
        call.result = data
        if data["by"] != "server":
            (self.said if data["trusted"] else self.read).append(data["text"])
        # The server's words repeat what the model wrote: they are nobody's for the rule of origin.
        own = data["by"] in ("server", "human")
        text = data["text"] if own else marked(data["tool"], data["text"])
        self._show(
            number,
            Message(
                "tool",
                text,
                tool_call_id=call.request.id,
                name=call.request.name,
                failed=data["failed"],
            ),
        )


def history_of(run: Run, instructions: str, entries: Iterable[Entry]) -> History:
    """`instructions` are what the model is told first."""
    history = History([Message("system", instructions)], [run.setup.instructions])
    for entry in entries:
        history.add(entry.number, entry.kind, entry.data)
    return history


def grown(history: History, first: int, entries: Iterable[NewEntry]) -> None:
    """Add entries that were just written, the first of them under the number `first`."""
    for number, entry in enumerate(entries, first):
        # As it will be read again: keys as text, tuples as lists.
        history.add(number, entry.kind, json.loads(json.dumps(entry.data)))
