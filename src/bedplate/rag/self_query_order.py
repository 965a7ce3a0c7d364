"""Order and number of results: "the cheapest laptop", "top 5 by rating", "sorted by price"."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedplate.domain.retrieval import Sort
from bedplate.rag.self_query_schema import Field, Schema
from bedplate.rag.self_query_sentence import Sentence
from bedplate.rag.self_query_thesaurus import CONCEPTS, NEWEST, OLDEST
from bedplate.rag.self_query_words import word_set
from bedplate.terms import STOP_WORDS

_HIGH = word_set("highest most largest biggest greatest best top maximum max longest")
_LOW = word_set("lowest least smallest fewest worst minimum min shortest")
_ADJECTIVES: Mapping[str, tuple[str, bool]] = {
    "most expensive": ("price", True),
    "least expensive": ("price", False),
    "most affordable": ("price", False),
    "best value": ("price", False),
    "lowest priced": ("price", False),
    "highest priced": ("price", True),
}
_RATED = word_set("rated reviewed scored rating star score")
_COUNTS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twenty": 20,
}  # fmt: skip
_SORTED = word_set("sorted sort ordered order ranked rank")
_DESCENDING = word_set("descending desc decreasing")
_ASCENDING = word_set("ascending asc increasing")
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Order:
    """Tokens `first` up to `last` ask for this order. `weak`: a guess, as of "best"."""

    first: int
    last: int
    sort: Sort
    limit: int | None
    weak: bool = False


def read_order(sentence: Sentence) -> Order | None:
    """The first order asked for by a field that there is; its tokens are taken."""
    guess: Order | None = None
    for index in range(len(sentence.tokens)):
        if not sentence.free(index) or index in sentence.locked:
            continue
        found = _sorted_by(sentence, index) or _top(sentence, index)
        found = found or _superlative(sentence, index)
        if found is not None and not found.weak:
            sentence.take(found.first, found.last)
            return found
        guess = guess or found
    if guess is not None:
        sentence.take(guess.first, guess.last)
    return guess


def _sorted_by(sentence: Sentence, at: int) -> Order | None:
    """As in "sorted by price, descending"."""
    if sentence.low(at) not in _SORTED or sentence.low(at + 1) != "by":
        return None
    names, size = sentence.field_after(at + 2)
    last = at + 2 + size
    field = names[0] if names else None
    descending = False
    if field is None:
        word = sentence.fold(at + 2)
        concept = next((n for n, c in CONCEPTS.items() if word in c.names | c.cues), None)
        field = sentence.vocabulary.schema.of_concept(concept) if concept else None
        last += 1
        if field is None:
            return None
    skip = sentence.low(last) in (",", "(", "in")
    word = sentence.low(last + skip)
    if word in _DESCENDING or word in _ASCENDING:
        descending, last = word in _DESCENDING, last + skip + 1
        last += sentence.low(last) in (")", "order")
    return Order(at, last, Sort(field.name, descending), None)


def _top(sentence: Sentence, at: int) -> Order | None:
    """As in "top 3 raincoats by rating": the field stands further on, and is taken there."""
    limit = _count(sentence, at + 1)
    if sentence.low(at) not in ("top", "best", "first") or limit is None:
        return None
    for index in range(at + 2, len(sentence.tokens)):
        names, size = sentence.field_after(index + 1)
        fields = [field for field in names if field.kind in ("number", "date")]
        if sentence.low(index) in ("by", "for") and fields:
            sentence.take(index, index + 1 + size)
            first = at - (sentence.low(at - 1) == "the")
            return Order(first, at + 2, Sort(fields[0].name, descending=True), limit)
    return None


def _superlative(sentence: Sentence, at: int) -> Order | None:
    first, limit = at, None
    read = _adjective(sentence, at)
    if read is None:
        return None
    field, descending, last, weak = read
    if limit is None and sentence.low(at) in ("top", "best", "first") and _count(sentence, last):
        limit, last = _count(sentence, last), last + 1
    if _count(sentence, first - 1) and sentence.free(first - 1):
        limit, first = _count(sentence, first - 1), first - 1
        first -= sentence.low(first - 1) == "top"
    if sentence.low(first - 1) == "the":
        first -= 1
    if sentence.low(last) == "first":
        return Order(first, last + 1, Sort(field.name, descending), limit, weak)
    if limit is None and _is_singular(sentence, last):
        limit = 1
    return Order(first, last, Sort(field.name, descending), limit, weak)


def _adjective(sentence: Sentence, at: int) -> tuple[Field, bool, int, bool] | None:
    """The field that the superlative at `at` orders by, whether downwards, and where it ends."""
    schema = sentence.vocabulary.schema
    pair = _ADJECTIVES.get(sentence.phrase(at, min(2, len(sentence.tokens) - at)))
    word, hyphen = sentence.low(at), sentence.low(at + 1) == "-"
    if pair is not None and (price := schema.of_concept(pair[0])):
        return price, pair[1], at + 2, False
    if word == "most" and sentence.low(at + 1) in ("recent", "recently"):
        skip = sentence.low(at + 1) == "recently"
        named = schema.time([sentence.fold(at + 2)] if skip else [], schema.times)
        return named and (named, True, at + 2 + skip, False)
    after = at + 1 + hyphen
    if word in _HIGH | _LOW:
        found = _of_name(sentence, after, descending=word in _HIGH)
        if found is not None:
            return found
    return _own(schema, sentence, at, word)


def _of_name(
    sentence: Sentence, at: int, *, descending: bool
) -> tuple[Field, bool, int, bool] | None:
    """A superlative and what it measures: "highest stock", "best rated", "most viewed"."""
    schema = sentence.vocabulary.schema
    names, size = sentence.field_after(at)
    fields = [field for field in names if field.kind in ("number", "date")]
    if fields:
        return fields[0], descending, at + size, False
    word = sentence.fold(at)
    if word in _RATED:
        rating = schema.of_concept("rating", word)
        return rating and (rating, descending, at + 1, False)
    for name, concept in CONCEPTS.items():
        if word and (word in concept.names or (descending and word in concept.highest)):
            field = schema.of_concept(name)
            if field is not None:
                return field, descending, at + 1, False
    return None


def _own(
    schema: Schema, sentence: Sentence, at: int, word: str
) -> tuple[Field, bool, int, bool] | None:
    """A superlative that says by itself what it measures: cheapest, heaviest, newest."""
    for name, concept in CONCEPTS.items():
        if word in concept.lowest | concept.highest:
            field = schema.of_concept(name)
            if field is not None:
                return field, word in concept.highest, at + 1, False
    if word in ("newest", "latest") or word in OLDEST:
        field = schema.time([], schema.times)
        return field and (field, word in NEWEST, at + 1, False)
    if word in ("best", "top"):
        field = schema.of_concept("rating")
        return field and (field, True, at + 1, True)
    return None


def _count(sentence: Sentence, at: int) -> int | None:
    if not 0 <= at < len(sentence.tokens):
        return None
    token = sentence.tokens[at]
    number = _COUNTS.get(token.low) if token.number is None else token.number
    fits = number is not None and number == int(number) and 1 <= number <= _MOST
    return int(number) if fits and number is not None and not token.suffix else None


def _is_singular(sentence: Sentence, at: int) -> bool:
    """Whether the noun phrase that starts at `at` speaks of one thing; with no noun, it does."""
    last = None
    for index in range(at, len(sentence.tokens)):
        token = sentence.tokens[index]
        if token.low in ("-", "&") or (token.low == "of" and last is None):
            continue
        if not token.is_word or token.low in STOP_WORDS or index in sentence.taken:
            break
        last = token
    if last is None:
        return True
    return last.fold == last.low.replace("'", "") or not last.low.endswith("s")
