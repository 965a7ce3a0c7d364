"""Made texts in many languages, from the templates in phrases/: `[section]` headings, one template
a line, `{one|or another}` within it, `\\n` for a new line. A file is of the language that its name
begins with.

Public sets have hardly a benign text that is not English, while their attacks come in many
languages. So each language here has both, in about the same words.
"""

import random
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_CHOICE = re.compile(r"\{([^{}|]*\|[^{}]*)\}")
_SPACE = re.compile(r" {2,}| (?=[.,!?;:](?:\s|$))")

WHOLE = ("asked", "ordered", "told", "planted")
"""Sections of texts that stand by themselves: what users ask for and what attackers do, what
documents tell people and what they tell models. A tenth of their templates is never learnt from."""

LARGE = (
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "zh", "ja", "ko", "ar", "hi", "tr",
)  # fmt: skip
MADE = {**dict.fromkeys(LARGE, 8), "en": 40}
"""How often the templates of a language are filled; those of others are three times."""

_INSTEAD = {
    "fake": ("override",), "mail": ("benign",), "doc": ("planted", "override"),
    "persona": ("asked", "near"), "asked": ("near",), "told": ("mail", "benign"),
    "planted": ("doc", "override"), "ordered": ("override",),
}  # fmt: skip
"""Where a language has nothing in a section."""

Sections = dict[str, list[str]]


@lru_cache(maxsize=2)
def languages(*, held: bool = False) -> dict[str, Sections]:
    """Templates to learn from, or those of WHOLE that are `held` back, by language and section."""
    found: dict[str, Sections] = {}
    for path in sorted((Path(__file__).parent / "phrases").glob("*.txt")):
        sections = found.setdefault(path.stem.partition("_")[0], {})
        name = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.fullmatch(r"\[[a-z_]+\]", line):
                name = line.strip("[]")
            elif line.strip() and (name in WHOLE and _held(line)) == held:
                sections.setdefault(name, []).append(line)
    return {language: sections for language, sections in found.items() if sections}


def _held(template: str) -> bool:
    return zlib.crc32(template.encode()) % 10 == 0


def filled(template: str, draw: random.Random) -> str:
    """One of the texts that a template stands for."""
    while _CHOICE.search(template):
        template = _CHOICE.sub(lambda m: draw.choice(m[1].split("|")), template)
    spaced = _SPACE.sub(lambda m: " " if len(m[0]) > 1 else "", template)
    return spaced.replace("\\n", "\n").strip()


class Phrases:
    """What is made of one language's templates."""

    def __init__(self, language: str, draw: random.Random) -> None:
        self._sections = languages()[language]
        self._draw = draw

    def one(self, section: str) -> str:
        if section not in self._sections:
            section = next(name for name in _INSTEAD[section] if name in self._sections)
        return filled(self._draw.choice(self._sections[section]), self._draw)

    def attack(self) -> str:
        """Something that a user says against the operator's will."""
        if "ordered" in self._sections and self._draw.random() < 0.5:
            before = self._draw.choice(("asked", "benign")) if self._draw.random() < 0.2 else ""
            said = f"{self.one(before) if before else ''} {self.one('ordered')}"
            return self._styled(said.strip())
        kind = self._draw.choices(
            ("order", "after", "reveal", "secret", "role", "fake", "both"), (5, 3, 5, 4, 3, 2, 2)
        )[0]
        parts = {
            "order": ("override", "task"), "after": ("benign", "override", "task"),
            "reveal": ("reveal",), "secret": ("secret",), "role": ("role", "task"),
            "fake": ("fake", self._draw.choice(("secret", "reveal", "task"))),
            "both": ("override", self._draw.choice(("reveal", "secret"))),
        }[kind]  # fmt: skip
        if kind in {"reveal", "secret", "role"} and self._draw.random() < 0.25:
            parts = (self._draw.choice(("benign", "near")), *parts)
        return self._styled(" ".join(self.one(part) for part in parts))

    def benign(self) -> str:
        """What users ask for, often in the words of attacks."""
        if "asked" in self._sections and self._draw.random() < 0.6:
            parts = self._draw.choices(
                (("asked",), ("asked", "task"), ("benign", "asked"), ("asked", "asked")),
                (12, 1, 1, 1),
            )[0]
            return self._styled(" ".join(self.one(part) for part in parts))
        parts = self._draw.choices(
            (("near",), ("benign",), ("task",), ("benign", "task"), ("near", "benign"),
             ("task", "task"), ("mail", "task"), ("benign", "benign"), ("persona",)),
            (8, 5, 3, 1, 1, 1, 1, 1, 4),
        )[0]  # fmt: skip
        return self._styled(" ".join(self.one(part) for part in parts))

    def _styled(self, text: str) -> str:
        if self._draw.random() < 0.12:
            text = text.rstrip(".!?。")
        if self._draw.random() < 0.05:
            text = text.upper()
        elif self._draw.random() < 0.1:
            text = text.lower()
        return text

    def order(self) -> str:
        """What a document tells the model that reads it."""
        return self.one("planted" if self._draw.random() < 0.75 else "doc")

    def told(self) -> str:
        """What a document tells people."""
        return self.one("told" if self._draw.random() < 0.65 else "mail")

    def carrier(self) -> str:
        """A short document with `§` where a sentence of its own goes."""
        own = self._sections.get("carrier", [])
        known = own if own and self._draw.random() < 0.5 else languages()["en"]["carrier"]
        return filled(self._draw.choice(known), self._draw)

    def mails(self, count: int) -> Iterator[str]:
        for _ in range(count):
            yield " ".join(self.told() for _ in range(self._draw.choice((1, 1, 2, 3))))
