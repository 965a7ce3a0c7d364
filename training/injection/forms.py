"""Made texts in English, of many more forms than phrases/ has: what users ask for, what documents tell
people, what an order in a document says, what an attacker says.

One file of forms/ each. `[name]` begins a list of templates, `{one|or another}` is a choice, `@name` one
of a list, `\\n` a line's end. The first list is what is made.
"""

import random
import re
from functools import lru_cache
from pathlib import Path

_CHOICE = re.compile(r"\{([^{}]*)\}")
_LIST = re.compile(r"@([a-z]+)")
_SPACE = re.compile(r"(?<=\S) {2,}")
_STOP = re.compile(r" +(?=[.,!?;:](?:\s|$))|(?<=[.!?:])[.](?=\s|$)")

CAPITAL, BARE = 0.85, 0.15
"""How many begin with a capital, and how many end without a stop."""


@lru_cache(maxsize=8)
def lists(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    path = Path(__file__).parent / "forms" / f"{name}.txt"
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and "|" not in line:
            current = found.setdefault(line.strip("[]"), [])
        elif line.strip():
            current.append(line.replace("\\n", "\n"))
    return found


def made(name: str, draw: random.Random) -> str:
    """A text of the forms `name`."""
    known = lists(name)

    def one(list_name: str) -> str:
        text = draw.choice(known[list_name])
        while _CHOICE.search(text):
            text = _CHOICE.sub(lambda m: draw.choice(m[1].split("|")), text)
        return _LIST.sub(lambda m: one(m[1]) if m[1] in known else m[0], text)

    text = _STOP.sub("", _SPACE.sub(" ", one(next(iter(known))))).strip()
    if draw.random() < CAPITAL:
        text = text[:1].upper() + text[1:]
    return text.rstrip(".!") if draw.random() < BARE else text
