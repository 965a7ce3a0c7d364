"""A question as tokens, and the English words that carry no search term of their own."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from bedplate.terms import STOP_WORDS

_TOKEN = re.compile(
    r"""(?P<iso>[0-9]{4}-[0-9]{2}-[0-9]{2})(?![\w-])
      | (?P<number>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?)(?P<suffix>[^\W\d_]*)
      | (?P<word>[^\W_]+(?:['\u2019][^\W_]+)*(?:\+\+|\#(?!\w))?)
      | (?P<sign><=|>=|!=|[^\w\s])""",
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*(?:\+\+|#(?!\w))?")
_APOSTROPHES = str.maketrans("", "", "'\u2019")
_CACHED_WORDS = 65_536


def word_set(text: str) -> frozenset[str]:
    """The words of `text`, which reads better than a long list of quoted ones."""
    return frozenset(text.split())


JOINTS = frozenset('-&./_"\u201c\u201d\u2010\u2011')
"""Signs that may stand within a name: Sci-Fi, Dolce & Gabbana, T.J. Miller."""

REQUEST = word_set(
    """show find list give get want wanted need looking look search searching see display
    recommend suggest buy please kindly tell hi hello thanks like interested help fetch return
    browse sort sorted order ordered rank ranked have got sell carry offer offered exist anything
    something everything i'm i'd what's which's who's currently only just ones one available released made came come coming
    """
)
"""What a person says around a request."""

FILLER = STOP_WORDS | REQUEST


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as written from `start` to `end`; `low` and `fold` are what is compared.

    `number` is the value of a number; letters written onto it ("16gb", "1990s") are its `suffix`.
    """

    start: int
    end: int
    text: str
    low: str
    fold: str
    number: float | None = None
    suffix: str = ""
    is_word: bool = True

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper() or self.text[0].isdigit()

    @property
    def is_filler(self) -> bool:
        return not self.is_word or self.low.replace("\u2019", "'") in FILLER


def tokens(text: str) -> list[Token]:
    return [_token(match) for match in _TOKEN.finditer(text)]


def _token(match: re.Match[str]) -> Token:
    written = match.group()
    low = written.lower()
    number = match["number"]
    return Token(
        match.start(),
        match.end(),
        written,
        low,
        fold(low),
        None if number is None else float(number.replace(",", "")),
        (match["suffix"] or "").lower(),
        is_word=match["sign"] is None,
    )


def folded(text: str) -> Iterator[str]:
    """The words of a value as they are compared; "&" is the word it is read as."""
    for word in _WORD.findall(text.replace("&", " and ") if "&" in text else text):
        yield fold(word)


@lru_cache(maxsize=_CACHED_WORDS)
def fold(word: str) -> str:
    """Without case, diacritics, apostrophes and the ending of a plural: "Women's" is "women"."""
    word = word.casefold().translate(_APOSTROPHES)
    if not word.isascii():
        parts = unicodedata.normalize("NFKD", word)
        word = "".join(part for part in parts if not unicodedata.combining(part))
    return _singular(word)


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith(("ies", "ie")):
        # Both "cookies" and "batteries" have this ending: so "cookie" is folded as well.
        return f"{word.removesuffix('s')[:-2]}y"
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    return word[:-1]
