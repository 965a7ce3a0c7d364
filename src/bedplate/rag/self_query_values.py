"""Known values named in a sentence: which words they are, and which field is meant.

A value counts only where the sentence uses it as a value: after a word that governs it ("starring
X"), or as the head of a noun phrase ("red umbrellas under ..."), never as part of another phrase
("umbrella stand") or of a description ("about war").
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bedplate.rag.self_query_sentence import HYPHENS, Sentence
from bedplate.rag.self_query_thesaurus import PREPOSITIONS, TOPIC, VALUE_CUES
from bedplate.rag.self_query_vocabulary import MOST_WORDS, Value, is_small
from bedplate.rag.self_query_words import JOINTS, Token, word_set
from bedplate.terms import STOP_WORDS

_NEGATIONS = word_set("neither nor not without except excluding non no minus")
_SKIPPED = word_set("the a an both either any all only in from by with of for is are as")
_NOUN_LINKS = word_set("and or both no not")
_BETWEEN = word_set("both either also all only not the a an")
LISTED = frozenset({"and", "or", ",", "nor", "&"})


@dataclass(frozen=True, slots=True)
class Named:
    """Words `first` up to `last` that are a value, of one or several fields."""

    first: int
    last: int
    values: tuple[Value, ...]
    start: int = -1
    negated: bool = False
    cued: bool = False
    weak: bool = False

    @property
    def head(self) -> int:
        """Where it starts with the words that govern it."""
        return self.first if self.start < 0 else self.start


def candidates(sentence: Sentence) -> list[Named]:
    """The longest stretches of words that are known values, left to right, none overlapping."""
    found: list[Named] = []
    at = 0
    while at < len(sentence.tokens):
        one = _longest(sentence, at)
        if one is None:
            at += 1
        else:
            found.append(one)
            at = one.last
    return found


def _longest(sentence: Sentence, at: int) -> Named | None:
    spans = _spans(sentence, at)
    for last, words in reversed(spans):
        if values := sentence.vocabulary.exact(words):
            if len(words) > 1 and all(_is_stop(t) for t in _words(sentence, at, last)):
                continue
            return Named(at, last, tuple(values))
    for last, words in reversed(spans):
        edges = (sentence.tokens[at], sentence.tokens[last - 1])
        if len(words) == 1 or any(_is_stop(token) for token in edges):
            continue
        if values := sentence.vocabulary.inflected(words):
            return Named(at, last, tuple(values))
    for last, words in spans[1:3]:
        if sentence.low(at + 1) in HYPHENS and (values := sentence.vocabulary.abbreviated(words)):
            return Named(at, last, tuple(values))
    return None


def _spans(sentence: Sentence, at: int) -> list[tuple[int, list[str]]]:
    """The stretches of words from `at` on, signs within names skipped, shortest first."""
    spans: list[tuple[int, list[str]]] = []
    words: list[str] = []
    index = at
    while index < len(sentence.tokens) and len(words) < MOST_WORDS:
        token = sentence.tokens[index]
        if token.is_word:
            words = [*words, token.fold.replace(".", "")]
            spans.append((index + 1, words))
        elif not words or not (token.low in JOINTS or _goes_on(sentence, index)):
            break
        elif token.low == "&":
            words = [*words, "and"]
        index += 1
    return spans


def _goes_on(sentence: Sentence, comma: int) -> bool:
    """Whether the comma is one within a name: "Ed Begley, Jr."."""
    return sentence.low(comma) == "," and sentence.low(comma + 1) in ("jr", "sr", "inc", "ltd")


def _words(sentence: Sentence, first: int, last: int) -> list[Token]:
    return [token for token in sentence.tokens[first:last] if token.is_word]


def _is_stop(token: Token) -> bool:
    return token.low in STOP_WORDS


def lock(sentence: Sentence, named: Sequence[Named]) -> None:
    """Keep the numbers within values ("7 days return policy") from being read as amounts."""
    for one in named:
        words = _words(sentence, one.first, one.last)
        if len(words) > 1 and any(word.number is None for word in words):
            sentence.locked.update(range(one.first, one.last))


def titles(sentence: Sentence) -> list[Named]:
    """Values of identifying fields, which only a cue such as "titled" makes one look for."""
    found: list[Named] = []
    for index, token in enumerate(sentence.tokens):
        names = VALUE_CUES.get(token.fold)
        if names is None or "title" not in names:
            continue
        quoted = sentence.low(index + 1) in ('"', "'", "\u201c")
        first = index + 1 + quoted
        for last, _ in reversed(_spans(sentence, first)):
            if values := tuple(sentence.vocabulary.identifiers(sentence.text(first, last))):
                found.append(Named(index + 1, last + quoted, values, start=index, cued=True))
                break
    return found


def read_values(sentence: Sentence, named: Sequence[Named], *, lead: bool) -> list[Named]:
    """Those of `named` that the sentence uses as values, each with the one field meant.

    `lead`: the sentence asks for records, so that values need no word that governs them.
    """
    kept: list[Named] = []
    following: int | None = None
    for one in reversed(named):
        if any(index in sentence.taken for index in range(one.first, one.last)):
            continue
        chosen = _judge(sentence, one, following, named, lead=lead)
        if chosen is not None:
            kept.append(chosen)
            following = chosen.head
    return kept[::-1]


def _judge(
    sentence: Sentence, one: Named, following: int | None, named: Sequence[Named], *, lead: bool
) -> Named | None:
    names, start, strong, prep = _cue(sentence, one.first, named)
    negated, start = _negation(sentence, start)
    negated = negated or _continues_negation(sentence, one.first, named)
    own, size = sentence.field_after(one.last)
    last = one.last
    own = [field for field in own if any(v.field.name == field.name for v in one.values)]
    if own and not strong:
        names, strong, last = frozenset(own[0].words), True, one.last + size
    values = _of_fields(one.values, names, strict=strong)
    if not values:
        return None
    values = _as_written(sentence, one, _meant(values))
    found = replace(
        one, last=last, values=values, start=start, negated=negated, cued=strong or prep
    )
    if not _credible(sentence, one):
        return None
    if strong:
        return found
    if not lead or _in_description(sentence, one.first, governed=prep):
        return None
    if not (_stands_alone(sentence, one, following) and _placed(sentence, found, names)):
        return None
    closed = all(is_small(value.field) for value in found.values)
    suits = prep and all(value.field.named(names) for value in found.values)
    return found if closed else _name(sentence, found, governed=prep, suits=suits)


def _name(sentence: Sentence, found: Named, *, governed: bool, suits: bool) -> Named | None:
    """One of a great many values, of which some are any words: a preposition before it or its
    capitals show that it is meant.

    Someone who writes without capitals may mean the name, if nothing else is left to mean.
    """
    words = _words(sentence, found.first, found.last)
    if _is_stop(words[-1]):
        return None
    if len(words) == 1:
        return found if suits and words[0].is_capital and len(words[0].text) > 2 else None
    if governed or all(word.is_capital or _is_stop(word) for word in words):
        return found
    cased = any(token.text[0].isupper() for token in sentence.tokens)
    return None if cased else replace(found, weak=True)


def _cue(
    sentence: Sentence, first: int, named: Sequence[Named]
) -> tuple[frozenset[str], int, bool, bool]:
    """What governs the value that starts at `first`: the names of the fields it points to, where
    it starts, whether it settles the field, and whether it is at least a preposition.
    """
    at = first
    while at > 0 and sentence.low(at - 1) in LISTED:
        listed = next((n for n in named if n.last == at - 1 or n.last == at - 2), None)
        if listed is None:
            break
        names, _, strong, prep = _cue(sentence, listed.first, named)
        return names, first, strong, prep
    prep = frozenset[str]()
    for _ in range(3):
        if not sentence.free(at - 1):
            break
        word = sentence.low(at - 1)
        prep = PREPOSITIONS.get(word, prep)
        fields, size = sentence.field_before(at)
        if fields and fields[0].kind == "string":
            return frozenset(fields[0].words), at - size, True, True
        if sentence.fold(at - 1) in VALUE_CUES:
            return VALUE_CUES[sentence.fold(at - 1)], at - 1, True, True
        if word not in _SKIPPED and word not in (":", "=", '"', "\u201c"):
            break
        at -= 1
    return prep, first, False, bool(prep)


def _negation(sentence: Sentence, start: int) -> tuple[bool, int]:
    at = start
    while at > 0 and sentence.low(at - 1) in _SKIPPED | {"than", "-"}:
        at -= 1
    word = sentence.low(at - 1)
    if word in _NEGATIONS or (word == "other" and sentence.low(at) == "than"):
        return True, at - 1
    return False, start


def _continues_negation(sentence: Sentence, first: int, named: Sequence[Named]) -> bool:
    """Whether it goes on a list that began with "not": "not red or blue"."""
    if sentence.low(first - 1) not in LISTED:
        return False
    before = next((one for one in named if one.last == first - 1), None)
    if before is None:
        return False
    _, start, _, _ = _cue(sentence, before.first, named)
    return _negation(sentence, start)[0] or _continues_negation(sentence, before.first, named)


def _of_fields(
    values: Sequence[Value], names: frozenset[str], *, strict: bool
) -> tuple[Value, ...]:
    pointed = tuple(value for value in values if value.field.named(names))
    if pointed or not names:
        return pointed or tuple(values)
    # "starring" in a collection that has no cast says nothing about its other fields.
    return () if strict else tuple(values)


def _meant(values: Sequence[Value]) -> tuple[Value, ...]:
    """One field's spellings of the value: the field with most documents, a single-valued one
    before a list, and all where even that is equal.
    """
    weights: dict[str, tuple[int, bool]] = {}
    for value in values:
        count, _ = weights.get(value.field.name, (0, False))
        weights[value.field.name] = (count + value.documents, not value.field.is_list)
    best = max(weights.values())
    return tuple(value for value in values if weights[value.field.name] == best)


def _as_written(sentence: Sentence, one: Named, values: Sequence[Value]) -> tuple[Value, ...]:
    """Of several spellings the one that the sentence has, if it has one: Sport or Sports."""
    written = sentence.text(one.first, one.last)
    spoken = "".join(word.low for word in _words(sentence, one.first, one.last))
    fields = {value.field.name for value in values}
    for fits in (
        [value for value in values if value.text.rstrip(".") == written],
        [value for value in values if value.text.rstrip(".").lower() == written.lower()],
        [v for v in values if "".join(c for c in v.text.lower() if c.isalnum()) == spoken],
    ):
        if {value.field.name for value in fits} == fields:
            return tuple(fits)
    return tuple(values)


def _credible(sentence: Sentence, one: Named) -> bool:
    """Not a common word that happens to be a value: "It" is one only with its capital."""
    words = _words(sentence, one.first, one.last)
    said = [word for word in words if not _is_stop(word) and len(word.low) > 1]
    if said and words[0].low in ("the", "a", "an"):
        return all(word.is_capital for word in said)
    if said:
        return True
    return one.first > 0 and all(word.is_capital for word in words)


def _in_description(sentence: Sentence, first: int, *, governed: bool) -> bool:
    """Whether a word such as "about" comes before, and no condition, nor a comma that a
    preposition follows, in between.
    """
    if sentence.low(first - 1) in ("by", "from") and sentence.tokens[first].is_capital:
        return False
    for index in range(first - 1, -1, -1):
        if index in sentence.taken or (governed and sentence.low(index) in (",", ";")):
            return False
        if sentence.fold(index) in TOPIC or sentence.low(index) in TOPIC:
            return True
    return False


def _placed(sentence: Sentence, one: Named, names: frozenset[str]) -> bool:
    """Whether the value is where a sentence names what it wants: in the noun phrase that opens it,
    right after another condition or "that are", or after a preposition that suits the field or
    leads to a proper name. Values of several words are specific enough anywhere.
    """
    words = _words(sentence, one.first, one.last)
    if sum(not _is_stop(word) for word in words) > 1:
        return True
    at = one.head
    while sentence.low(at - 1) in _BETWEEN:
        at -= 1
    if at - 1 in sentence.taken or sentence.low(at - 1) in ("are", "is", *LISTED) or one.negated:
        return sentence.attached(at)
    opening = sentence.unexplained(one.first)
    if not any(_is_stop(word) and word.low not in _NOUN_LINKS for word in opening):
        return True
    if one.cued:
        having = sentence.low(one.first - 1) == "with" or sentence.low(one.first - 2) == "with"
        suits = all(
            value.field.named(names) or (having and value.field.is_list) for value in one.values
        )
        proper = all(word.is_capital for word in words) and one.values[0].text[0].isupper()
        return (suits or proper) and sentence.attached(one.first - 1)
    return False


def _stands_alone(sentence: Sentence, one: Named, following: int | None) -> bool:
    """Whether the value ends its noun phrase, so that it is not a part of another name."""
    if sentence.low(one.first - 1) in HYPHENS and sentence.low(one.first - 2) not in _NEGATIONS:
        return False
    return one.last == following or sentence.ends_phrase(one.last)
