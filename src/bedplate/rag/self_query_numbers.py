"""Numbers with a comparison: "under $50", "rated 4 or better", "between 2 and 5 kg"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bedplate.rag.self_query_schema import Field
from bedplate.rag.self_query_sentence import Found, Sentence
from bedplate.rag.self_query_thesaurus import CONCEPTS, MONEY_SIGNS
from bedplate.rag.self_query_words import FILLER, Token, word_set

_COMPARE: Mapping[str, str] = {
    phrase.strip(): operator
    for phrases, operator in (
        (
            "under|below|less than|cheaper than|fewer than|lower than|smaller than|lighter than|"
            "shorter than|<|beneath|not more expensive than|costing less than",
            "$lt",
        ),
        (
            "at most|up to|no more than|not more than|max|maximum|a maximum of|maximum of|<=|\u2264|"
            "within|not over|not above|no higher than|no over",
            "$lte",
        ),
        (
            "over|above|more than|greater than|higher than|exceeding|>|larger than|bigger than|"
            "better than|heavier than|longer than|pricier than|more expensive than|upwards of",
            "$gt",
        ),
        (
            "at least|no less than|not less than|no fewer than|min|minimum|a minimum of|"
            "minimum of|>=|\u2265|not under|not below|starting at|starting from|from|since",
            "$gte",
        ),
        ("exactly|=|equal to|equals", "$eq"),
    )
    for phrase in phrases.split("|")
}
_COMPARE_CUES: Mapping[str, str] = {
    "cheaper than": "price",
    "pricier than": "price",
    "more expensive than": "price",
    "not more expensive than": "price",
    "costing less than": "price",
    "heavier than": "weight",
    "lighter than": "weight",
}
_SUFFIX: Mapping[str, str] = {
    phrase: operator
    for phrases, operator in (
        (
            "or more|or better|or higher|or above|or up|or over|or greater|or larger|or bigger|"
            "or longer|and up|and above|and over|and more|and higher|and better|and upwards|+|plus|"
            "upwards|minimum|min|at least|at minimum",
            "$gte",
        ),
        (
            "or less|or lower|or under|or below|or cheaper|or fewer|or smaller|or lighter|"
            "or shorter|and under|and below|and less|and lower|maximum|max|at most|tops",
            "$lte",
        ),
    )
    for phrase in phrases.split("|")
}
_SCALES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9,
    "hundred": 1e2,
}  # fmt: skip
_ABOUT = word_set("around about approximately roughly circa nearly almost ~ approx")
_DASHES = frozenset("-\u2013\u2014")
_EACH = word_set("a an per each / every")
_LINKS = word_set("of is are be a the must should to than by at = :")
_MOST_LINKS = 3
_BARE = word_set("$lt $lte $gt $gte")
_SPELLED: Mapping[str, float] = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
}  # fmt: skip
_MONEY = frozenset({"price", "money"})
_FAR = 10
"""A limit so many times the highest value is about something else."""
_OPPOSITE = {"$lt": "$gte", "$lte": "$gt", "$gt": "$lte", "$gte": "$lt"}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written, `first` up to `last`; `units` are the concepts that its unit fits."""

    first: int
    last: int
    value: float
    units: frozenset[str]
    scaled: bool = False


def read_numbers(sentence: Sentence) -> list[Found]:
    """Every comparison whose field is beyond doubt, left to right; its tokens are taken."""
    found: list[Found] = []
    index = 0
    while index < len(sentence.tokens):
        one = _condition(sentence, index) if _is_start(sentence, index) else None
        if one is None:
            index += 1
            continue
        sentence.take(one.first, one.last)
        found.append(one)
        index = one.last
    return found


def _is_start(sentence: Sentence, index: int) -> bool:
    number = _number(sentence.tokens[index])
    return number is not None and sentence.free(index) and index not in sentence.locked


def _number(token: Token) -> float | None:
    return _SPELLED.get(token.low) if token.number is None else token.number


def _condition(sentence: Sentence, index: int) -> Found | None:
    one = _quantity(sentence, index)
    if one is None or sentence.low(one.first - 1) in _ABOUT:
        return None
    spans = _range(sentence, one)
    if spans is not None:
        first, other = spans
        low, high = sorted((one.value, other.value))
        units = one.units | other.units
        whole = Quantity(one.first, other.last, low, units)
        return _bound(sentence, whole, first, other.last, {"$gte": low, "$lte": high})
    size = sentence.before(one.first, _COMPARE)
    comparator = sentence.phrase(one.first - size, size)
    first, last = one.first - size, one.last
    operator = _COMPARE.get(comparator)
    if operator is None:
        tail = sentence.after(last, _SUFFIX)
        operator = _SUFFIX.get(sentence.phrase(last, tail), "$eq")
        last += tail
        if not one.units and tail:
            one = _quantity(sentence, index, unit_at=last) or one
    elif operator in _OPPOSITE and sentence.low(first - 1) in ("not", "never"):
        operator, first = _OPPOSITE[operator], first - 1
    cue = _COMPARE_CUES.get(comparator)
    if cue is not None:
        one = Quantity(one.first, one.last, one.value, one.units | {cue}, one.scaled)
    return _bound(sentence, one, first, max(last, one.last), {operator: one.value})


def _quantity(sentence: Sentence, index: int, unit_at: int | None = None) -> Quantity | None:
    """The number at `index` with its sign, scale and unit; the unit may stand further on."""
    token = sentence.tokens[index]
    value = _number(token)
    if value is None:
        return None
    first, last = index, index + 1
    if value >= 100 and token.number is None and sentence.low(index - 1) in ("a", "one"):
        first -= 1
    units: set[str] = set()
    scaled = token.suffix in _SCALES
    if sentence.low(index - 1) in MONEY_SIGNS and sentence.free(index - 1):
        first, units = index - 1, {"price", "money"}
    if scaled:
        value *= _SCALES[token.suffix]
    elif sentence.low(last) in _SCALES and len(sentence.low(last)) > 2:
        value, last, scaled = value * _SCALES[sentence.low(last)], last + 1, True
    if token.suffix and not scaled:
        units |= _concepts(token.suffix)
        if not units:
            return None
    at = last if unit_at is None else unit_at
    if sentence.low(at) == "-" and _concepts(sentence.fold(at + 1)):
        at += 1
    sign = sentence.low(at)
    named = _MONEY if sign in MONEY_SIGNS else _concepts(sentence.fold(at))
    if named and sentence.free(at):
        units, last = units | named, at + 1
    return Quantity(first, last, value, frozenset(units), scaled)


def _concepts(word: str) -> frozenset[str]:
    return frozenset(name for name, concept in CONCEPTS.items() if word in concept.units)


def _range(sentence: Sentence, one: Quantity) -> tuple[int, Quantity] | None:
    """The second number of "between A and B", "from A to B" or "A-B", and where the range starts."""
    link, lead = sentence.low(one.last), sentence.low(one.first - 1)
    spoken = (lead == "between" and link in ("and", "to")) or link == "to"
    dashed = link in _DASHES and lead not in _DASHES
    if not (spoken or dashed):
        return None
    at = one.last + 1
    at += sentence.low(at) in MONEY_SIGNS
    if not (at < len(sentence.tokens) and _is_start(sentence, at)):
        return None
    other = _quantity(sentence, at)
    if other is None:
        return None
    return one.first - (lead in ("between", "from", "of")), other


def _bound(
    sentence: Sentence, one: Quantity, first: int, last: int, bounds: Mapping[str, float]
) -> Found | None:
    """The condition, if one field is meant and some of its values meet it."""
    field, first, last, cued = _field(sentence, one, first, last, bounds)
    if field is None:
        return None
    low, high = field.facet.low, field.facet.high
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    if "$eq" in bounds and not (cued and low <= one.value <= high and field.facet.whole):
        return None
    if not _possible(bounds, low, high):
        return None
    written = {key: _tidy(value) for key, value in bounds.items()}
    clause = {field.name: written.get("$eq", written)}
    weak = not cued and not _follows(sentence, first, last)
    return Found(first, last, clause, meaning(field.name, written), cued, weak)


def _follows(sentence: Sentence, first: int, last: int) -> bool:
    """Whether a number without a cue comes after, or just before, the noun it is said of."""
    if not sentence.unexplained(first) and last < len(sentence.tokens):
        noun = sentence.fold(last) in sentence.vocabulary.schema.records
        return noun or last in sentence.starts or first - 1 in sentence.taken
    return sentence.attached(first)


def _field(
    sentence: Sentence, one: Quantity, first: int, last: int, bounds: Mapping[str, float]
) -> tuple[Field | None, int, int, bool]:
    """The field meant, with the span widened over the words that say so: the unit first, then a
    field's name after the number, a name or cue before it, and "in stock" after it.
    """
    schema = sentence.vocabulary.schema
    found = _by_unit(sentence, one, first, last)
    if found is None and not one.units & _MONEY:
        found = _by_name_after(sentence, first, last)
    found = found or _by_word_before(sentence, first, last)
    if found is None and sentence.low(last) in ("in", "of"):
        found = _by_name_after(sentence, first, last, skip=1)
    if found is not None:
        return found
    if one.units or not bounds.keys() <= _BARE or _is_time(sentence, one, first):
        return None, first, last, False
    rate = sentence.low(last) in _EACH
    field = _bare(sentence, schema.numbers, last + 2 * rate)
    if rate and (field is None or not field.named([sentence.fold(last + 1)])):
        return None, first, last, False
    return field, first, last + 2 * rate, False


_Meant = tuple[Field, int, int, bool]
"""A field, the span with the words that name it, and whether they leave no doubt."""


def _by_unit(sentence: Sentence, one: Quantity, first: int, last: int) -> _Meant | None:
    word = sentence.fold(one.last - 1)
    for name in sorted(one.units, key=list(CONCEPTS).index):
        field = sentence.vocabulary.schema.of_concept(name, word)
        if field is None:
            continue
        # A percentage may be one of anything: it takes a word to make it a discount.
        at = _before(sentence, first)
        cues = CONCEPTS[name].cues
        before = sentence.fold(at - 1) in cues or field.named([sentence.fold(at - 1)])
        first = at - 1 if before and sentence.free(at - 1) else first
        after = sentence.fold(last) in cues
        last += after
        if sentence.low(last) in _EACH | {"in"} and field.named([sentence.fold(last + 1)]):
            last += 2
        return field, first, last, before or after or "percent" not in one.units
    return None


def _by_name_after(sentence: Sentence, first: int, last: int, skip: int = 0) -> _Meant | None:
    fields, size = sentence.field_after(last + skip)
    numbers = [field for field in fields if field.kind == "number"]
    return (numbers[0], first, last + skip + size, True) if len(numbers) == 1 else None


def _by_word_before(sentence: Sentence, first: int, last: int) -> _Meant | None:
    at = _before(sentence, first)
    fields, size = sentence.field_before(at)
    numbers = [field for field in fields if field.kind == "number"]
    if len(numbers) == 1 and sentence.low(at - size - 1) != "in":
        return numbers[0], at - size, last, True
    word = sentence.fold(at - 1)
    for name, concept in CONCEPTS.items():
        if word in concept.cues and sentence.low(at - 2) != "in":
            field = sentence.vocabulary.schema.of_concept(name, word)
            if field is not None:
                return field, at - 1, last, True
    return None


def _before(sentence: Sentence, first: int) -> int:
    """Where the words end that a comparison is made of: "price (is) under 50"."""
    at = first
    while at > 0 and sentence.low(at - 1) in _LINKS and first - at < _MOST_LINKS:
        at -= 1
    return at


def _is_time(sentence: Sentence, one: Quantity, first: int) -> bool:
    """Whether a number without a unit is rather a year: "from 2009 to 2014", "since 40"."""
    text = sentence.text(one.first, one.last)
    years = len(text) in (4, 9) and 1900 <= one.value <= 2100
    return years or sentence.low(first) in ("from", "since")


def _bare(sentence: Sentence, numbers: Sequence[Field], last: int) -> Field | None:
    """A number without a unit: a price where there is one, else the only number there is."""
    if last < len(sentence.tokens) and sentence.tokens[last].is_word:
        word = sentence.low(last)
        if word not in FILLER:
            return None
    price = sentence.vocabulary.schema.of_concept("price")
    return price or (numbers[0] if len(numbers) == 1 else None)


def _possible(bounds: Mapping[str, float], low: float, high: float) -> bool:
    if any(value > _FAR * abs(high) for key, value in bounds.items() if key in ("$lt", "$lte")):
        return False
    return all(_meets(key, value, low, high) for key, value in bounds.items())


def _meets(operator: str, value: float, low: float, high: float) -> bool:
    match operator:
        case "$lt":
            return low < value
        case "$lte":
            return low <= value
        case "$gt":
            return high > value
        case "$gte":
            return high >= value
        case _:
            return low <= value <= high


def _tidy(value: float) -> float:
    return int(value) if value == int(value) and abs(value) < 1e15 else value


_SHOWN = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">=", "$eq": "=="}


def meaning(field: str, bounds: Mapping[str, object]) -> str:
    """The bounds as a reader is shown them: `price < 50`."""
    return " and ".join(f"{field} {_SHOWN[key]} {value}" for key, value in bounds.items())
