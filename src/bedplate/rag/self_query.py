"""A question read as filter, sort and remaining text, by rules over schema and known values.

Nothing is learned and no collection is known beforehand: what a sentence can mean follows from the
fields, their kinds, their values and bounds. A condition is taken only where the sentence leaves
no doubt; everything else stays text to search for, because a wrong filter loses the answer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import cast

from bedplate.domain.retrieval import Match, SelfQuery
from bedplate.rag.self_query_clauses import conditions
from bedplate.rag.self_query_dates import read_dates
from bedplate.rag.self_query_flags import read_flags
from bedplate.rag.self_query_mode import Mode, mode
from bedplate.rag.self_query_numbers import read_numbers
from bedplate.rag.self_query_order import Order, read_order
from bedplate.rag.self_query_rest import content, rest
from bedplate.rag.self_query_sentence import Found, Sentence
from bedplate.rag.self_query_values import candidates, lock, read_values, titles
from bedplate.rag.self_query_vocabulary import Vocabulary
from bedplate.rag.self_query_words import tokens

MOST_TOKENS = 80
"""A longer sentence describes; it is not read for conditions."""

_LONGEST = 4_000
"""Conditions are looked for within so many characters."""

_LEADS = (Mode.REQUEST, Mode.CHOICE)
_CERTAIN = 2
_HEAD_TOKENS = 20
_WHOLE_TOKENS = 40
_SHORT = 8
"""What follows a colon in so few words, without a full stop, goes on asking: "hats: red ones"."""

_HEAD = re.compile(
    r"""(?: :\s{1,9} | \n{1,9} | \s[-\u2013\u2014]\s{1,9}(?=[^\W\d])
          | [,;]?\s{1,9}(?=(?:in\ which|where)\s)
          | ,\s{1,9}(?=(?:It|He|She|They|The|This|In|A|An|Featuring|Based)\s) )(?=\S)""",
    re.VERBOSE,
)
"""Where a description begins: after a colon or a dash, or with a clause of its own."""

_SENTENCE_END = re.compile(r"(?<=[a-z0-9)\"'][a-z0-9)\"'][.!?])\s{1,9}(?=[\"'\u201c]?[A-Z0-9])")


def read(question: str, vocabulary: Vocabulary, *, today: date) -> SelfQuery:
    """What `question` asks of the collection whose values `vocabulary` holds.

    A condition that no document of the collection can meet by itself is not taken; whether several
    meet in one document is for the caller to see. Without any condition or order the text is the
    question, unchanged. `today` is what "since January" and "last month" count from.
    """
    if vocabulary.identifiers(question.strip().rstrip("?.!")):
        # Someone looks for the document of that title, which may well name a genre.
        return SelfQuery(question)
    for head, tail in _regions(question):
        found = _read(head, tail, vocabulary, today)
        if found is not None:
            return found
    return SelfQuery(question)


def _regions(question: str) -> Iterator[tuple[str, str]]:
    """Which leading part to read for conditions, with the part that is text in any case.

    Conditions are said before a colon or in the first sentence; what follows describes. If
    nothing is said there, a short question is read as a whole.
    """
    for pattern, most in ((_HEAD, _HEAD_TOKENS), (_SENTENCE_END, MOST_TOKENS)):
        split = pattern.search(question[:_LONGEST])
        if split is None:
            continue
        head, tail = question[: split.start()], question[split.end() :]
        listed = split.group().startswith(":") and not tail.endswith(".")
        goes_on = listed and len(tokens(tail)) <= _SHORT
        if not goes_on and len(tokens(head)) <= most:
            yield head, tail
    most = MOST_TOKENS if not _SENTENCE_END.search(question[:_LONGEST]) else _WHOLE_TOKENS
    if len(question) <= _LONGEST and len(tokens(question)) <= most:
        yield question, ""


def _read(head: str, tail: str, vocabulary: Vocabulary, today: date) -> SelfQuery | None:
    sentence = Sentence(tokens(head), vocabulary)
    named = candidates(sentence)
    lock(sentence, named)
    sentence.starts = {one.first for one in named}
    sentence.stops = {one.last for one in named}
    found = [*read_dates(sentence, today), *read_numbers(sentence)]
    order = read_order(sentence)
    asked = mode(sentence, named, order=order is not None)
    found += read_flags(sentence)
    known = [*titles(sentence), *named]
    found += conditions(sentence, read_values(sentence, known, lead=asked in _LEADS))
    found, order = _believed(sentence, _without_second_times(sentence, found), order, asked)
    if not found and order is None:
        return None
    found.sort(key=lambda one: one.first)
    if asked in _LEADS:
        left = rest(head, sentence, found)
        text = " ".join(part for part in (left, tail.strip()) if part)
    else:
        text = f"{head} {tail}".strip()
    return SelfQuery(
        text=text,
        filter=_combined([one.clause for one in found]),
        sort=None if order is None else order.sort,
        limit=None if order is None else order.limit,
        matched=_matches(sentence, found, order),
    )


def _without_second_times(sentence: Sentence, found: Sequence[Found]) -> list[Found]:
    """Of conditions on one number or time, those that narrow the first one of them.

    Another whole range, as in "films from 1976-1978 that play in 1945", is about something else.
    """
    kept: list[Found] = []
    ranged: dict[str, Found] = {}
    for one in sorted(found, key=lambda one: one.first):
        ((name, value),) = one.clause.items()
        numeric = isinstance(value, int | float) or _is_bounds(value)
        first = ranged.get(name) if numeric and not name.startswith("$") else None
        if first is not None and not _bounds_join(dict(first.clause), name, value):
            sentence.taken.difference_update(range(one.first, one.last))
            continue
        if numeric:
            ranged.setdefault(name, one)
        kept.append(one)
    return kept


def _is_bounds(value: object) -> bool:
    return isinstance(value, dict) and "$in" not in cast(dict[str, object], value)


def _believed(
    sentence: Sentence, found: Sequence[Found], order: Order | None, asked: Mode
) -> tuple[list[Found], Order | None]:
    """What stands. A question must speak of the records, and name the fields it restricts."""
    if asked is Mode.OTHER:
        return [], None
    if asked is Mode.QUESTION:
        return [one for one in found if one.cued and not one.weak], None
    weak = [one for one in found if one.weak]
    guess = order is not None and order.weak
    if (weak or guess) and content(sentence):
        for one in weak:
            sentence.taken.difference_update(range(one.first, one.last))
        if order is not None and guess:
            sentence.taken.difference_update(range(order.first, order.last))
            order = None
        found = [one for one in found if not one.weak]
    if asked is Mode.CHOICE and len(found) + (order is not None) < _CERTAIN and content(sentence):
        return [], None
    return list(found), order


def _combined(clauses: Sequence[Mapping[str, object]]) -> Mapping[str, object] | None:
    """All clauses as one object, with $and only where two of them cannot share it."""
    merged: dict[str, object] = {}
    apart: list[Mapping[str, object]] = []
    for clause in clauses:
        if any(clause == other for other in apart):
            continue
        ((key, value),) = clause.items()
        if key not in merged:
            merged[key] = value
        elif merged[key] != value and not _bounds_join(merged, key, value):
            apart.append(clause)
    if not apart:
        return merged or None
    return {"$and": [*({key: value} for key, value in merged.items()), *apart]}


def _bounds_join(merged: dict[str, object], key: str, value: object) -> bool:
    """Join {"$gt": 1} and {"$lt": 5} of one field; False if they cannot be."""
    present = merged[key]
    if key.startswith("$") or not isinstance(present, dict) or not isinstance(value, dict):
        return False
    old, new = cast(dict[str, object], present), cast(dict[str, object], value)
    if not old.keys().isdisjoint(new):
        return False
    merged[key] = {**old, **new}
    return True


def _matches(sentence: Sentence, found: Sequence[Found], order: Order | None) -> tuple[Match, ...]:
    spans = [(one.first, one.last, one.meaning) for one in found]
    if order is not None:
        way = "descending" if order.sort.descending else "ascending"
        spans.append((order.first, order.last, f"sort by {order.sort.field}, {way}"))
    return tuple(
        Match(sentence.tokens[first].start, sentence.tokens[last - 1].end, meaning)
        for first, last, meaning in sorted(spans)
    )
