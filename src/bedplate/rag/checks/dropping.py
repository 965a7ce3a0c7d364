"""Claims taken out of an answer, with their markers and the list item or row they leave empty."""

import re
from collections.abc import Sequence

from bedplate.domain.answers import Claim
from bedplate.domain.checks import Failure

_MARKERS_AFTER = re.compile(r"(?:\s{0,2}\[\d{1,3}\]){0,20}[.!?…]?(?:\s{0,2}\[\d{1,3}\]){0,20}")
_NOTHING = re.compile(r"^[ \t]*(?:[-*•–]|\d{1,2}[.)])?[ \t]*$\n?", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


def without(text: str, claims: Sequence[Claim], failures: Sequence[Failure]) -> str | None:
    """`text` without the claims that failed; None where a failure is no claim that can be found."""
    spans: list[tuple[int, int]] = []
    for failure in failures:
        if not failure.claim or (span := _span(text, failure.claim, claims)) is None:
            return None
        spans.append(span)
    kept, last = "", 0
    for start, end in sorted(set(spans)):
        if start >= last:
            kept = _together(kept, text[last:start])
        last = max(last, end)
    return tidy(_together(kept, text[last:]))


def _together(before: str, after: str) -> str:
    """Without the second of the two spaces that stood around what is gone."""
    return before + (after.lstrip(" ") if not before or before[-1].isspace() else after)


def tidy(text: str) -> str:
    """Without what is left of items and lines that are empty now."""
    lines = _NOTHING.sub(lambda m: "\n" if not m.group().strip() else "", text)
    return _BLANK_LINES.sub("\n\n", lines).strip()


def _span(text: str, words: str, claims: Sequence[Claim]) -> tuple[int, int] | None:
    for claim in claims:
        if claim.text == words and claim.start < claim.end:
            return claim.start, _after(text, claim.end)
    start = text.find(words)
    return None if start < 0 else (start, _after(text, start + len(words)))


def _after(text: str, end: int) -> int:
    match = _MARKERS_AFTER.match(text, end)
    return match.end() if match else end
