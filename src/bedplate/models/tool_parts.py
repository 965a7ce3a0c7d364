"""Tool calls put in order while they arrive in parts, whatever liberties the server takes.

The first call is handed on as it grows. Those after it are held back to the end of the answer:
servers write parallel calls side by side, and a ChatEvent stream has one call after the other.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bedplate.domain.chat import ToolCallDelta
from bedplate.domain.ids import new_id

EMPTY = "{}"
AWAITS_VALUE = (":", "[", ",")


@dataclass(slots=True)
class _Call:
    """`given` counts the characters of the arguments that were handed on; -1: nothing yet.

    `depth` is that of open brackets at their end, where `quoted` says whether a string is open and
    `escaped` whether a backslash is its last character.
    """

    id: str = ""
    name: str = ""
    arguments: str = ""
    custom: bool = False
    given: int = -1
    whole: bool = False
    depth: int = 0
    quoted: bool = False
    escaped: bool = False

    def append(self, text: str) -> None:
        """`whole` once the brackets are closed; the text of a custom tool has none that count."""
        self.arguments += text
        if self.custom:
            return
        for character in text:
            if self.escaped:
                self.escaped = False
            elif self.quoted:
                self.quoted = character != '"'
                self.escaped = character == "\\"
            elif character == '"':
                self.quoted = True
            elif character in "{[":
                self.depth += 1
            elif character in "}]":
                self.depth -= 1
                self.whole = self.whole or self.depth == 0


class ToolParts:
    """`characters` counts the arguments so far.

    Parts belong to a call by its index, else by its id, else to the latest. The same index with
    another id and a name is another call once the former's arguments are whole: some servers number
    every call 0. A part that repeats what has come is passed over; one that is doubled without such
    a sign cannot be told from two equal ones, and stands.
    """

    def __init__(self) -> None:
        self.characters = 0
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(
        self,
        *,
        index: int | None = None,
        id: str = "",
        name: str = "",
        arguments: Any = None,
        custom: bool = False,
    ) -> Iterator[ToolCallDelta]:
        """Takes a part; gives what can be handed on of the first call. `custom` where the part says
        that the tool is one.
        """
        call = self._find(index, id, name)
        call.custom = call.custom or custom
        if not call.name:
            call.name = name
        if not call.id:
            call.id = id
        new = _new(call, _text(arguments))
        call.append(new)
        self.characters += len(new)
        first = self._calls[0]
        if call is first and call.name and (call.id or call.arguments):
            yield from _rest(0, first)

    def finish(self) -> Iterator[ToolCallDelta]:
        """What was held back; ValueError for a call whose name never came."""
        for index, call in enumerate(self._calls):
            if not call.name:
                raise ValueError("a tool call came without a name")
            if not (call.custom or call.arguments.strip()):
                call.arguments = EMPTY
                call.given = min(call.given, 0)
            yield from _rest(index, call)

    def _find(self, index: int | None, id: str, name: str) -> _Call:
        found = self._known(index, id, name)
        if found is None or _begins_another(found, id, name, numbered=index is not None):
            found = _Call()
            self._calls.append(found)
        if index is not None:
            self._by_index[index] = found
        return found

    def _known(self, index: int | None, id: str, name: str) -> _Call | None:
        by_id = next((call for call in self._calls if id and call.id == id), None)
        if by_id is not None:
            return by_id
        if index is not None:
            return self._by_index.get(index)
        latest = self._calls[-1] if self._calls else None
        if latest is not None and name and latest.name and (latest.whole or latest.name != name):
            return None
        return latest


def _begins_another(call: _Call, id: str, name: str, *, numbered: bool) -> bool:
    if not (id and name and call.id and call.id != id):
        return False
    return not numbered or call.whole or name != call.name


def _new(call: _Call, text: str) -> str:
    """What of `text` does not repeat what has come."""
    known = call.arguments
    if call.custom:
        return text
    if call.whole and known.endswith(text.rstrip()):
        return ""
    if text.startswith(known) and _cannot_repeat(known):
        return text[len(known) :]
    return text


def _rest(index: int, call: _Call) -> Iterator[ToolCallDelta]:
    new = call.arguments[max(0, call.given) :]
    if call.given < 0:
        call.id = call.id or f"call_{new_id()}"
        yield ToolCallDelta(index, new, call.id, call.name, call.custom)
    elif new:
        yield ToolCallDelta(index, new, custom=call.custom)
    call.given = len(call.arguments)


def _cannot_repeat(known: str) -> bool:
    """Whether no JSON object that begins as `known` goes on with the same beginning: a text that
    does is all of it once more.
    """
    in_first_key = known.count('"') == 1 and known.endswith('"')
    return known.startswith("{") and not in_first_key and not known.rstrip().endswith(AWAITS_VALUE)


def _text(arguments: Any) -> str:
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments, ensure_ascii=False)
