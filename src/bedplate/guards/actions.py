"""What is done about an injection: by the kind of text it stands in."""

import re
from collections.abc import Mapping, Sequence

from bedplate.domain.guard import Action, Injection, Reason, TextKind

REMOVED = "[removed: instructions]"

_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$)|\n|(?<=[。！？])")


def action_of(
    actions: Mapping[TextKind, Action], kind: TextKind, reasons: Sequence[Reason]
) -> Action:
    """What is set for the kind, or else "flag"."""
    action = actions.get(kind, "flag")
    # Nothing can be dropped of a text that is suspicious as a whole.
    if action == "sanitise" and not any(reason.end for reason in reasons):
        return "block"
    return action


def sanitised(text: str, found: Injection) -> str:
    """The text without the sentences that its reasons lie in."""
    spans = sorted(_sentence(text, r.start, r.end) for r in found.reasons if r.end)
    parts: list[str] = []
    position = 0
    for start, end in spans:
        if start >= position:
            parts += (text[position:start], REMOVED)
        position = max(position, end)
    return "".join((*parts, text[position:]))


def blanked(text: str, found: Injection) -> str:
    """The same with blanks in their place, so that all else stays where it is: it may be cited."""
    for start, end in (_sentence(text, r.start, r.end) for r in found.reasons if r.end):
        text = f"{text[:start]}{' ' * (end - start)}{text[end:]}"
    return text


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    before = [match.end() for match in _SENTENCE_END.finditer(text, max(0, start - 1_000), start)]
    first = before[-1] if before else max(0, start - 1_000)
    while first < start and text[first].isspace():
        first += 1
    after = _SENTENCE_END.search(text, end, min(len(text), end + 1_000))
    last = after.end() if after else min(len(text), end + 1_000)
    while last > end and text[last - 1].isspace():
        last -= 1
    return first, last
