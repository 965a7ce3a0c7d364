"""Conditions on dates and years: "before 1997", "added since January", "from 2006 onwards"."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date

from bedplate.domain.filters import normalise_date
from bedplate.rag.self_query_numbers import meaning
from bedplate.rag.self_query_periods import Period, period
from bedplate.rag.self_query_schema import Field
from bedplate.rag.self_query_sentence import Found, Sentence
from bedplate.rag.self_query_thesaurus import DATE_VERBS

_COMPARE: Mapping[str, str] = {
    phrase: relation
    for phrases, relation in (
        ("before|earlier than|prior to|older than|pre|up until|not after|not since", "before"),
        ("after|later than|newer than|post|past", "after"),
        ("since|starting|starting in|starting from|as of|beginning|beginning in", "since"),
        ("until|till|through|up to|by|no later than", "until"),
        ("from", "from"),
        (
            "in|during|within|of|on|over|throughout|dated|in the year|from the|in early|in late",
            "in",
        ),
        ("between", "between"),
    )
    for phrase in phrases.split("|")
}
_SUFFIX: Mapping[str, str] = {
    phrase: relation
    for phrases, relation in (
        (
            "onwards|onward|on|and onwards|and on|or later|and later|or newer|and newer|or after|"
            "and after|and up|upwards|+|and beyond|to now|to today|to date|until now|"
            "until today|to present|to the present|- present",
            "since",
        ),
        ("or earlier|and earlier|or before|and before|or older|and older", "until"),
    )
    for phrase in phrases.split("|")
}
_LAST_DAY = 31
_DASHES = frozenset("-\u2013\u2014")


def read_dates(sentence: Sentence, today: date) -> list[Found]:
    """Every condition on a time, left to right; its tokens are taken."""
    found: list[Found] = []
    if not sentence.vocabulary.schema.times:
        return found
    index = 0
    while index < len(sentence.tokens):
        named = period(sentence, index, today) if sentence.free(index) else None
        one = None if named is None else _condition(sentence, named, today)
        if one is None:
            index += 1
            continue
        sentence.take(one.first, one.last)
        found.append(one)
        index = one.last
    return found


def _condition(sentence: Sentence, named: Period, today: date) -> Found | None:
    first, last = named.first, named.last
    size = sentence.before(first, _COMPARE)
    comparator = sentence.phrase(first - size, size)
    relation, first = _COMPARE.get(comparator, ""), first - size
    if comparator in ("older than", "newer than", "over") and not named.years:
        return None
    start, end = named.start, named.end
    other = _other(sentence, named, relation, today)
    if other is not None:
        last, relation = other.last, "in"
        start, end = _from_to(sentence, named, other)
    elif relation == "between":
        return None
    else:
        tail = sentence.after(last, _SUFFIX)
        # "films from 2006 on" but not "released in 2006 on tape".
        if tail and (sentence.phrase(last, tail) != "on" or _ends(sentence, last + tail)):
            relation, last = _SUFFIX[sentence.phrase(last, tail)], last + tail
    first, verb = _verb(sentence, first)
    if relation == "from":
        # "released from 1988" begins there; "films from 1988" are of that year.
        relation = "since" if verb or sentence.low(first - 1) == "," else "in"
    if named.open and relation in ("", "in", "from"):
        relation = "since"
    if verb is None and not (sentence.ends_phrase(last) or last in sentence.starts):
        # "after 2001 attacks": the time belongs to another noun.
        return None
    whole = named.years and (other is None or other.years)
    bounds = (relation or "in", start, end)
    weak = verb is None and (not relation or not sentence.attached(first))
    return _bound(sentence, (first, last), bounds, whole, verb, weak=weak)


def _from_to(sentence: Sentence, named: Period, other: Period) -> tuple[date, date]:
    """The whole range; "between March and May 2025" begins in the March before that May."""
    start = named.start
    has_year = any(
        (sentence.tokens[i].number or 0) > _LAST_DAY for i in range(named.first, named.last)
    )
    if not named.years and not has_year and start > other.start:
        start = _in_year(start, other.start.year)
        if start > other.start:
            start = _in_year(start, other.start.year - 1)
    return min(start, other.start), max(named.end if start == named.start else other.end, other.end)


def _in_year(day: date, year: int) -> date:
    return day.replace(year=year, day=min(day.day, monthrange(year, day.month)[1]))


def _other(sentence: Sentence, named: Period, relation: str, today: date) -> Period | None:
    """The end of a range: "between A and B", "from A to B", "A-B"."""
    link = sentence.low(named.last)
    fits = (
        (link == "and" and relation == "between")
        or (link in ("to", "through", "until", "till") and relation in ("from", "between", ""))
        or link in _DASHES
        or (link in ("to", "through") and relation in ("in", "since"))
    )
    return period(sentence, named.last + 1, today) if fits else None


def _ends(sentence: Sentence, at: int) -> bool:
    return at >= len(sentence.tokens) or not sentence.tokens[at].is_word


def _verb(sentence: Sentence, first: int) -> tuple[int, frozenset[str] | None]:
    """The verb or field name before a time, and the names of the fields it may mean."""
    at = first
    while at > 0 and sentence.low(at - 1) in ("is", "was", "were", "on", ":", "between"):
        at -= 1
    names, size = sentence.field_before(at)
    if any(field.kind == "date" or field.is_year for field in names):
        return at - size, frozenset(word for field in names for word in field.words)
    verb = sentence.fold(at - 1)
    if verb in DATE_VERBS and at - 1 not in sentence.taken:
        return at - 1, DATE_VERBS[verb]
    return first, None


def _bound(
    sentence: Sentence,
    span: tuple[int, int],
    bounds: tuple[str, date, date],
    whole: bool,  # noqa: FBT001 - a fact about the period, passed on
    verb: frozenset[str] | None,
    *,
    weak: bool,
) -> Found | None:
    schema = sentence.vocabulary.schema
    years = [field for field in schema.times if field.is_year] if whole else []
    dates = [field for field in schema.times if field.kind == "date"]
    names = verb or frozenset[str]()
    meant = [field for field in (*years, *dates) if field.named(names)]
    field = schema.time(names, meant or years or dates)
    if field is None:
        return None
    relation, start, end = bounds
    limits = _limits(field, relation, start, end)
    if not _possible(limits, field):
        return None
    written: Mapping[str, object] = limits
    clause: object = written
    if field.is_year and limits.get("$gte") is not None and limits["$gte"] == limits.get("$lte"):
        clause, written = limits["$gte"], {"$eq": limits["$gte"]}
    text = meaning(field.name, written)
    return Found(*span, {field.name: clause}, text, cued=verb is not None, weak=weak)


def _limits(field: Field, relation: str, start: date, end: date) -> dict[str, float | str]:
    """The bounds: of years closed, of dates half-open, so that no moment of the last day is lost."""
    year = field.is_year
    first: float | str = start.year if year else start.isoformat()
    last: float | str = end.year - 1 if year else end.isoformat()
    until, after = ("$lte", "$gt") if year else ("$lt", "$gte")
    match relation:
        case "before":
            return {"$lt": first}
        case "after":
            return {after: last}
        case "since":
            return {"$gte": first}
        case "until":
            return {until: last}
        case _:
            return {"$gte": first, until: last}


def _possible(limits: Mapping[str, float | str], field: Field) -> bool:
    low, high = field.facet.low, field.facet.high
    for key, value in limits.items():
        bound = normalise_date(value) if isinstance(value, str) else value
        if isinstance(bound, str) and isinstance(low, str) and isinstance(high, str):
            fits = _meets(key, low < bound, low <= bound, high > bound, high >= bound)
        elif isinstance(bound, int | float) and not isinstance(low, str | None):
            top = high if isinstance(high, int | float) else low
            fits = _meets(key, low < bound, low <= bound, top > bound, top >= bound)
        else:
            fits = False
        if not fits:
            return False
    return True


def _meets(key: str, *tests: bool) -> bool:
    return tests[("$lt", "$lte", "$gt", "$gte").index(key)]
