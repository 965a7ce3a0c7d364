"""Made texts in many languages, from the templates in phrases/: one file a language, `[section]`
headings, one template a line, `{one|or another}` within it.

Public sets have hardly a benign text that is not English, while their attacks come in many
languages. So each language here has both, in about the same words.
"""

import random
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_CHOICE = re.compile(r"\{([^{}]*)\}")
_SPACE = re.compile(r" {2,}| (?=[.,!?;:](?:\s|$))")


@lru_cache(maxsize=1)
def languages() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((Path(__file__).parent / "phrases").glob("*.txt")):
        sections = found.setdefault(path.stem, {})
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                current = sections.setdefault(line.strip("[]"), [])
            elif line.strip():
                current.append(line)
    return found


def filled(template: str, draw: random.Random) -> str:
    """One of the texts that a template stands for."""
    while _CHOICE.search(template):
        template = _CHOICE.sub(lambda m: draw.choice(m[1].split("|")), template)
    return _SPACE.sub(lambda m: " " if len(m[0]) > 1 else "", template).strip()


class Phrases:
    """What is made of one language's templates."""

    def __init__(self, language: str, draw: random.Random) -> None:
        self._sections = languages()[language]
        self._draw = draw

    def one(self, section: str) -> str:
        if section not in self._sections:
            section = {
                "fake": "override", "mail": "benign", "doc": "override", "persona": "near",
            }[section]  # fmt: skip
        return filled(self._draw.choice(self._sections[section]), self._draw)

    def attack(self) -> str:
        """Something that a user says against the operator's will."""
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
        return text

    def mails(self, count: int) -> Iterator[str]:
        for _ in range(count):
            yield " ".join(self.one("mail") for _ in range(self._draw.choice((1, 1, 2, 3))))
