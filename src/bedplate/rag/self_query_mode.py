"""What kind of sentence it is: one that asks for records, one about them, or another one."""

from collections.abc import Sequence
from enum import Enum

from bedplate.rag.self_query_sentence import Sentence
from bedplate.rag.self_query_values import Named
from bedplate.rag.self_query_vocabulary import is_small
from bedplate.rag.self_query_words import word_set
from bedplate.terms import STOP_WORDS

_POLITE = word_set("please hi hello hey ok okay so and well then")
_ASKS = word_set("who whom whose when where why how")
_ANSWERED_YES = word_set(
    "did does do is are was were has have had can could will would should may must am"
)
_REQUESTS = frozenset(
    {
        "do you", "do we", "have you", "are there", "is there", "can i", "can you", "can we",
        "could you", "could i", "would you", "will you", "have we",
    }
)  # fmt: skip
_PREPOSITIONS = word_set("in at on for of to from by with during under after before")
_INTERROGATIVES = word_set("what who whom why how")
_PRONOUNS = word_set("it he she they this these those that we his her its their")
_SPEAKERS = word_set("i i'm i'd i've we we're we'd my our show find give list get search")
_RELATIVES = word_set("that which who whose whom where there when")
_MAIN_VERBS = word_set("is was are were has had does did")
_INVERSIONS = frozenset(f", {verb}" for verb in word_set("did does do was were has have had"))
_BE = word_set("is are was were 's the")


class Mode(Enum):
    REQUEST = "asks for records: its noun phrase and everything said of it are conditions"
    CHOICE = "asks which records: as a request, but a single uncertain condition is none"
    QUESTION = "asks something about records: only conditions that name their field count"
    OTHER = "speaks of something else"


def mode(sentence: Sentence, named: Sequence[Named], *, order: bool) -> Mode:
    """The kind of `sentence`; `order`: it holds a superlative of a field."""
    start = 0
    while sentence.low(start) in _POLITE or sentence.low(start) in (",", "!"):
        start += 1
    first, second = sentence.low(start), sentence.low(start + 1)
    if sentence.phrase(start, 2) in _REQUESTS:
        return Mode.REQUEST
    if _asks_later(sentence, start):
        return Mode.OTHER
    if first in ("what", "which", "what's"):
        # "what is the refund policy?" asks for what it says, not for records.
        says = first == "what's" or (first == "what" and second in _BE)
        known = _noun_phrase_is_known(sentence, start + 1, named)
        return Mode.CHOICE if known and (order or not says) else Mode.OTHER
    if first in _ASKS:
        return Mode.QUESTION if _speaks_of_records(sentence, named) else Mode.OTHER
    if _states(sentence, start):
        return Mode.OTHER
    # "is the red umbrella waterproof?": the condition is what is asked, not what is known.
    return Mode.OTHER if first in _ANSWERED_YES | _PRONOUNS else Mode.REQUEST


def _states(sentence: Sentence, start: int) -> bool:
    """Whether it has a main verb, as in "Ben is a film starring ...": that tells, and asks not."""
    if sentence.low(start) in _SPEAKERS:
        return False
    for index in range(start + 1, len(sentence.tokens)):
        word = sentence.low(index)
        if word in _RELATIVES:
            return False
        if word in _MAIN_VERBS:
            return True
    return False


def _asks_later(sentence: Sentence, start: int) -> bool:
    """Whether the question proper comes further on: "in what year ...", "in 1972, did ..."."""
    for index in range(start + 1, len(sentence.tokens)):
        if sentence.low(index) in _INTERROGATIVES or sentence.phrase(index - 1, 2) in _INVERSIONS:
            return True
    after_preposition = sentence.low(start) in _PREPOSITIONS
    return after_preposition and sentence.low(start + 1) in ("which", "whose", "whom")


def _noun_phrase_is_known(sentence: Sentence, at: int, named: Sequence[Named]) -> bool:
    """Whether "which ..." goes on with records or a known value: "which laptops ...".

    What follows directly counts: "which war did ..." asks for a war, not for records of a war,
    so a value must be followed by a condition or by another value.
    """
    while sentence.low(at) in _BE:
        at += 1
    last = at
    while last < len(sentence.tokens):
        token = sentence.tokens[last]
        if not token.is_word or token.low in STOP_WORDS - {"most", "more"}:
            break
        last += 1
    records = sentence.vocabulary.schema.records
    if any(sentence.fold(index) in records for index in range(at, last)):
        return True
    follows = sentence.low(last)
    heads = [one for one in named if at <= one.first and one.last == last and _closed(one)]
    return bool(heads) and follows not in ("did", "was", "were", "does", "do", "had", "has")


def _speaks_of_records(sentence: Sentence, named: Sequence[Named]) -> bool:
    records = sentence.vocabulary.schema.records
    if any(token.fold in records for token in sentence.tokens):
        return True
    return any(_closed(one) and sentence.ends_phrase(one.last) for one in named)


def _closed(one: Named) -> bool:
    return any(is_small(value.field) for value in one.values)
