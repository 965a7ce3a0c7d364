"""Long sentences cut to the clauses that matter, word for word."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from bedplate.sentences import Span

_CUT = re.compile(
    r"[,;:，；、](?=\s)|[，；、]|\s[-–—]+\s|—|\s(?=[(\[])|(?<=[)\]])\s|\|"
    r"|\s(?=(?:and|but|or|nor|yet|so|because|although|though|while|whereas|which|who|where|when|"
    r"after|before|until|unless|if|since)\s)",
)
_CONNECTIVE = re.compile(r"(?:and|but|or|nor|yet|so)\s+", re.IGNORECASE)
_EDGE = " \t\r\n,;:|-–—，；、"
_PAIRS = (("(", ")"), ("[", "]"))
CHARACTERS_PER_WORD = 12
SHARE_WEIGHT = 0.35
START_WEIGHT = 0.05
SAID_WEIGHT = 10.0


def size(text: str) -> float:
    """Length in words; text without spaces counts by its characters."""
    return max(len(text.split()), len(text) / CHARACTERS_PER_WORD)


def cut_clause(
    text: str,
    span: Span,
    limit: int,
    worth: Callable[[str], float],
    said: Span | None = None,
) -> Span:
    """The run of neighbouring clauses of `text[span]` that is worth most within `limit` words.

    `worth` scores a text, about 0 to 1; longer runs and runs from the sentence's start are
    preferred a little, those that hold `said` always. A single clause over the limit is cut after
    `limit` words.
    """
    start, end = span
    if size(text[start:end]) <= limit:
        return span
    cuts = [start, *(m.end() for m in _CUT.finditer(text, start, end)), end]
    best, best_worth = _shortened(text, start, end, limit), -1.0
    segments = [(a, b) for a, b in pairwise(cuts) if b > a]
    for first, (begin, _) in enumerate(segments):
        for _, stop in segments[first:]:
            run = _trimmed(text, begin, stop)
            words = size(text[slice(*run)])
            if words > limit:
                break
            value = worth(text[slice(*run)]) + SHARE_WEIGHT * words / limit
            value += START_WEIGHT * (begin == start)
            value += SAID_WEIGHT * (said is not None and run[0] <= said[0] and said[1] <= run[1])
            if run[1] > run[0] and value > best_worth:
                best, best_worth = run, value
    return best


def _shortened(text: str, start: int, end: int, limit: int) -> Span:
    words = [m.end() for m in re.finditer(r"\S+", text[start:end])][:limit]
    stop = min(words[-1] if words else end - start, limit * CHARACTERS_PER_WORD)
    return start, start + stop


def _trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start] in _EDGE:
        start += 1
    while end > start and text[end - 1] in _EDGE:
        end -= 1
    if match := _CONNECTIVE.match(text, start, end):
        start = match.end()
    for opening, closing in _PAIRS:
        inside = text[start:end]
        if inside.count(opening) > inside.count(closing) and inside.startswith(opening):
            start += 1
        elif inside.count(closing) > inside.count(opening) and inside.endswith(closing):
            end -= 1
    return start, end


def overlap_worth(
    terms: Sequence[str], weight: Callable[[str], float]
) -> Callable[[Sequence[str]], float]:
    """The share of the question's terms, by weight, that other terms repeat."""
    weights = {t: weight(t) for t in terms}
    total = max(sum(weights.values()), 1e-9)
    return lambda found: sum(w for t, w in weights.items() if t in found) / total
