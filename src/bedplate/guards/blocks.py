"""Blocks: the stretches of a text that findings cannot reach beyond.

A block is a word, or a run of words that together may be one value: groups of digits, an address,
a private key. What lies between blocks is never part of a finding. Where a block ends follows from
the text up to a few characters behind it, so that a stream is cut exactly as the whole is.
"""

import re

FILLER = "\ufffc"
"""Stands where something was found before; no pattern may match it and no context cross it."""

WINDOW = 1_024
"""Characters of a block that are looked at together; a longer one is worked through in steps."""
OVERLAP = 128
"""Of one step with the next: no shorter value is cut in two."""
LONGEST_KEY = 16_384
"""Characters of a private key."""

# Scripts that write no spaces: each of their signs stands alone.
_ALONE = (
    "\u2e80-\u303f\u3040-\u30ff\u3100-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff61-\uffdc\U00020000-\U0003ffff"
)
ALONE = re.compile(f"[{_ALONE}]")
_BREAK = rf"\s\x00-\x1f\x7f{FILLER}{_ALONE}"
_WORD = re.compile(f"[^{_BREAK}]+")
_GAP = re.compile(f"[{_BREAK}]+")
# Small words that hold nothing and join nothing, each with what ends it.
_PLAIN = re.compile(
    rf"(?:[a-z\u00df-\u00f6\u00f8-\u00ff'\u2019]{{1,15}}[.,;:!?)\"\u201d]{{0,3}}[{_BREAK}]+)+"
)
_BEGIN = "-----BEGIN"
_HEADER = re.compile(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----")
_HEADER_SO_FAR = re.compile(r"-----BEGIN(?: [A-Z0-9 ]{0,42}-{0,5})?\Z")
_HEADER_ROOM = 60
_BODY = re.compile(r"[A-Za-z0-9+/=\s\\:,\-]*")
_BARE_BODY = re.compile(r"[A-Za-z0-9+/=\s\\]*")
_FOOTER = re.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----")
_ABBREVIATED = re.compile(r"[A-Za-z]{1,4}\.")
_BEHIND_DIGITS = frozenset(
    {"ext", "ext.", "extension", "office", "landline", "mobile", "cell", "fax"}
)
_LONGEST_BEHIND = 10


def next_word(text: str, start: int) -> int:
    """Where, from `start` on, the first character stands that a block may begin with."""
    gap = _GAP.match(text, start)
    position = gap.end() if gap else start
    plain = _PLAIN.match(text, position)
    return plain.end() if plain else position


def word_end(text: str, start: int) -> int:
    """Where the word ends that goes on at `start`; there itself where none does."""
    found = _WORD.match(text, start)
    return found.end() if found else start


def block_end(text: str, start: int, *, final: bool) -> int | None:
    """Where the block ends that begins at `start`; None where more text could change that.

    At most `WINDOW` behind the start, except for a private key. `final` says that no more comes.
    """
    if text.startswith(_BEGIN, start):
        known, end = _key_end(text, start, final=final)
        if not known or end:
            return end or None
    limit = start + WINDOW
    word, position = start, start
    while True:
        found = _WORD.match(text, position, limit)
        end = found.end() if found else position
        if end >= limit:
            return limit
        if end == len(text) and not final:
            return None
        key = text.find(_BEGIN, max(word, start + 1), end)
        if key >= 0:
            return key
        if end == len(text):
            return end
        joined = _joins(text, word, end, final=final)
        if joined is None:
            return None
        if not joined:
            return end
        word = position = end + 1


def _joins(text: str, word: int, end: int, *, final: bool) -> bool | None:
    """Whether the word behind the space at `end` may belong to the same value."""
    if text[end] != " ":
        return False
    said = text[word:end]
    digits = not said.isalpha() and any(map(str.isdigit, said))
    if not _may_go_on(said, digits=digits):
        return False
    if end + 1 == len(text):
        return False if final else None
    first = text[end + 1]
    if first.isdigit() or first in "+(#" or first.isupper():
        return True
    if not digits or text[end - 1] == "," or not first.isalpha():
        return False
    following = _WORD.match(text, end + 1, end + 1 + _LONGEST_BEHIND)
    if following is None:
        return False
    if following.end() == len(text) and not final:
        so_far = _bare(following[0])
        if so_far == "x" or any(each.startswith(so_far) for each in _BEHIND_DIGITS):
            return None
    return _is_behind(following[0])


def _may_go_on(word: str, *, digits: bool) -> bool:
    if not digits and not word[0].isupper() and word[0] not in "+(" and not _is_behind(word):
        return False
    if word[-1] == ".":
        return bool(_ABBREVIATED.fullmatch(word))
    return word[-1] not in ';:!?\u201d"'


def _bare(word: str) -> str:
    return word.rstrip(",;:!?)")


def _is_behind(word: str) -> bool:
    return _bare(word) in _BEHIND_DIGITS or (word[0] == "x" and word[1:2].isdigit())


def _key_end(text: str, start: int, *, final: bool) -> tuple[bool, int]:
    """Whether it is known that a private key begins here, and where it ends; 0 for nowhere."""
    header = _HEADER.match(text, start)
    if header is None:
        open_ended = len(text) - start < _HEADER_ROOM and _HEADER_SO_FAR.match(text, start)
        return bool(final or not open_ended), 0
    limit = header.end() + LONGEST_KEY
    body = _BODY.match(text, header.end(), limit)
    reached = body.end() if body else header.end()
    footer = _FOOTER.search(text, header.end(), reached)
    if footer:
        return True, footer.end()
    if reached == len(text) and reached < limit and not final:
        return False, 0
    bare = _BARE_BODY.match(text, header.end(), limit)
    return True, bare.end() if bare else header.end()
