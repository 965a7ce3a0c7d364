"""The part of a question that is read for conditions, and what has been found in it so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile, pairwise

from bedplate.rag.self_query_schema import LONGEST_NAME, Field
from bedplate.rag.self_query_thesaurus import CONCEPTS, DATE_VERBS, TOPIC, VALUE_CUES
from bedplate.rag.self_query_vocabulary import Vocabulary
from bedplate.rag.self_query_words import Token, word_set

HYPHENS = frozenset("-\u2010\u2011")
MOST_OPENING = 4
"""A noun phrase of more words than these is rather a statement."""

VERBS = word_set(
    """is are was were be been being am has have had do does did can could will would shall should
    may might must cannot isn't aren't wasn't weren't doesn't don't didn't when where why how
    who what whose whom because if than whether while until therefore so not
    """
)
"""Words of a clause: what comes after them is no longer the noun phrase before them."""

_BE = word_set("is are")
_RELATIVES = word_set("that which who")
_LINKS = word_set(
    "that which who and also but or both either , the a an all only not with costs cost"
)
GOVERNING = (
    TOPIC
    | frozenset(VALUE_CUES)
    | frozenset(DATE_VERBS)
    | frozenset(cue for concept in CONCEPTS.values() for cue in concept.cues)
)
"""Words that begin what is said of the noun before them."""


@dataclass(frozen=True, slots=True)
class Found:
    """Tokens `first` up to `last` that say `clause`, a filter in JSON.

    `cued`: a word of the sentence names the field. `weak`: only to be believed where nothing else
    of the sentence is left unexplained.
    """

    first: int
    last: int
    clause: Mapping[str, object]
    meaning: str
    cued: bool = True
    weak: bool = False


@dataclass(slots=True)
class Sentence:
    """Tokens under reading; `taken` marks those that a finding already explains."""

    tokens: Sequence[Token]
    vocabulary: Vocabulary
    taken: set[int] = field(default_factory=set[int])
    locked: set[int] = field(default_factory=set[int])
    starts: set[int] = field(default_factory=set[int])
    stops: set[int] = field(default_factory=set[int])
    """`starts`: where known values begin; `stops`: where they are over."""

    def low(self, index: int) -> str:
        """The lower-case token at `index`, or nothing outside the sentence."""
        return self.tokens[index].low if 0 <= index < len(self.tokens) else ""

    def fold(self, index: int) -> str:
        return self.tokens[index].fold if 0 <= index < len(self.tokens) else ""

    def text(self, first: int, last: int) -> str:
        """The tokens as the question has them, with one space where it has any."""
        span = self.tokens[first:last]
        gaps = ["", *(" " if b.start > a.end else "" for a, b in pairwise(span))]
        return "".join(f"{gap}{token.text}" for gap, token in zip(gaps, span, strict=True))

    def free(self, index: int) -> bool:
        return 0 <= index < len(self.tokens) and index not in self.taken

    def take(self, first: int, last: int) -> None:
        self.taken.update(range(first, last))

    def ends_phrase(self, at: int) -> bool:
        """Whether a noun phrase is over at `at`, so that no further noun is qualified there."""
        if at >= len(self.tokens) or at in self.taken:
            return True
        token = self.tokens[at]
        if not token.is_word:
            return token.low not in HYPHENS
        return token.is_filler or token.fold in self.vocabulary.schema.records | GOVERNING

    def attached(self, first: int) -> bool:
        """Whether what begins at `first` is said of the records asked for.

        So it is right after them, after a known value or after another condition, or in the noun
        phrase that opens the sentence; further on, after a verb, it tells of something else.
        """
        at = first - 1
        while at >= 0 and at not in self.taken and self._is_link(at):
            at -= 1
        if at < 0 or at in self.taken or at + 1 in self.stops:
            return True
        if self.tokens[at].fold in self.vocabulary.schema.records:
            return True
        opening = self.unexplained(first)
        said = [token for token in opening if not token.is_filler]
        return len(said) <= MOST_OPENING and not any(token.low in VERBS for token in opening)

    def _is_link(self, at: int) -> bool:
        """Whether the word only ties a condition on; "are" does after "that", and else states."""
        if self.tokens[at].low in _BE:
            return self.low(at - 1) in _RELATIVES
        return self.tokens[at].low in _LINKS

    def unexplained(self, end: int) -> list[Token]:
        """The words before `end` that no finding explains, without what opens a request."""
        words = [t for i, t in enumerate(self.tokens[:end]) if i not in self.taken and t.is_word]
        return list(dropwhile(lambda token: token.is_filler, words))

    def before(self, end: int, phrases: Mapping[str, object]) -> int:
        """How many tokens just before `end` are one of `phrases`; the longest one counts."""
        for size in range(min(4, end), 0, -1):
            words = [self.low(i) for i in range(end - size, end)]
            if " ".join(words) in phrases and all(self.free(i) for i in range(end - size, end)):
                return size
        return 0

    def phrase(self, first: int, size: int) -> str:
        return " ".join(self.low(i) for i in range(first, first + size))

    def after(self, start: int, phrases: Mapping[str, object]) -> int:
        """How many tokens from `start` on are one of `phrases`; the longest one counts."""
        for size in range(min(4, len(self.tokens) - start), 0, -1):
            span = range(start, start + size)
            if self.phrase(start, size) in phrases and all(self.free(i) for i in span):
                return size
        return 0

    def field_before(self, end: int) -> tuple[list[Field], int]:
        """The fields whose name ends just before `end`, and how many tokens the name has."""
        for size in range(min(LONGEST_NAME, end), 0, -1):
            found = self.vocabulary.schema.named([self.fold(i) for i in range(end - size, end)])
            if found:
                return found, size
        return [], 0

    def field_after(self, start: int) -> tuple[list[Field], int]:
        for size in range(min(LONGEST_NAME, len(self.tokens) - start), 0, -1):
            span = range(start, start + size)
            found = self.vocabulary.schema.named([self.fold(i) for i in span])
            if found:
                return found, size
        return [], 0
