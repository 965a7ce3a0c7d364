"""What can be told of an answer's text alone: language, length, terms."""

import asyncio
import re
from collections.abc import Iterator, Sequence

from bedplate.domain.checks import Contract, Failure
from bedplate.markers import without_markers
from bedplate.quality.language import Languages

LEAST_LETTERS = 20
"""Of a question or an answer whose language is told."""

QUESTION = "question"

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
"""Hyphens, joiners and marks that nobody sees, and that would part a blocked term."""


class TextRules:
    """The rules of one contract. The language of a text of few letters is not held against it."""

    def __init__(self, contract: Contract, languages: Languages) -> None:
        self._contract = contract
        self._languages = languages
        self._terms = [
            (term, _whole_words(_INVISIBLE.sub("", term) or term)) for term in contract.terms
        ]

    async def failures(self, question: str, text: str) -> list[Failure]:
        """Those of a whole answer."""
        return await asyncio.to_thread(self._failures, question, text)

    def failures_so_far(self, text: str) -> list[Failure]:
        """Those that nothing which comes after can mend. Quick: text of an answer."""
        return [*self._blocked(text), *self._too_long(text)]

    def _failures(self, question: str, text: str) -> list[Failure]:
        found = [*self.failures_so_far(text), *self._too_short(text)]
        if (wrong := self._language(question, text)) is not None:
            found.append(wrong)
        return found

    def _blocked(self, text: str) -> Iterator[Failure]:
        plain = _INVISIBLE.sub("", without_markers(text))
        for term, pattern in self._terms:
            if pattern.search(plain):
                yield Failure("terms", f"It must not hold the words {term!r}.")

    def _too_long(self, text: str) -> Iterator[Failure]:
        most = self._contract.most_words
        if most is not None and (count := words(text)) > most:
            yield Failure("length", f"It has {count} words; at most {most} are wanted.")

    def _too_short(self, text: str) -> Iterator[Failure]:
        least = self._contract.least_words
        if least and (count := words(text)) < least:
            yield Failure("length", f"It has {count} words; at least {least} are wanted.")

    def _language(self, question: str, text: str) -> Failure | None:
        wanted = self._contract.language
        if wanted == QUESTION:
            wanted = self._languages.of([question], least_letters=LEAST_LETTERS)
        if wanted is None:
            return None
        found = self._languages.of([without_markers(text)], least_letters=LEAST_LETTERS)
        if found is None or found == wanted:
            return None
        return Failure("language", f"It is in the language {found!r}; {wanted!r} is wanted.")


def words(text: str) -> int:
    return len(without_markers(text).split())


def joined(failures: Sequence[Failure]) -> str:
    """The failures as lines, for a trace or a log."""
    return "; ".join(f"{each.rule}: {each.message}" for each in failures)


def _whole_words(term: str) -> re.Pattern[str]:
    parts = r"\s+".join(map(re.escape, term.split()))
    return re.compile(rf"(?<!\w){parts}(?!\w)", re.IGNORECASE)
