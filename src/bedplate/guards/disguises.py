"""Views of a text without what hides words in it, each with where its signs stand in the text.

Undone are signs that nobody sees, letters that look like others, spaced letters, digits for
letters, markup, joined string literals, and encodings, which may lie within one another.
"""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import re2

from bedplate.guards.disguise_signs import signs_of

DEPTH = 3
"""Encodings within encodings that are undone."""
MOST_VIEWS = 40
MOST_DECODED = 65_536
"""Characters of all that is decoded of one text."""

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0100-\U000e01ef]"
)
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝвкмнтАВЕКМНОРСТУХІЈЅοαεικνρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧɡɩıℓ∣",
    "aeopcyxijsdhqwbkmhtABEKMHOPCTYXIJSoaeiknptuxABEZHIKMNOPTYXgiill",
)
_FOREIGN = re.compile(r"(?<!\w)[0-9A-Za-z_]*[^\W\x00-\x7f]\w*|[^\w\x00-\x7f]")
_WORD = re.compile(r"\w+")
_LEET = str.maketrans("013457@$!|", "oieastasil")
_LEET_WORD = re.compile(
    r"(?<![\w@$!|])(?=[\w@$!|]*[a-zA-Z])(?=[\w@$!|]*[013457@$!|])[\w@$!|]{3,24}"
)
_SPACED = re.compile(
    r"(?<!\w)(?:\w([ .\-_*|/])(?:\w\1){3,80}\w)(?!\w)(?:\s{2,}\w(?:\1\w){1,80}(?!\w))*"
)
_MARKUP = re.compile(r"<!--|-->|</?[a-zA-Z][^<>]{0,300}>|[*_`~]{1,3}(?=\w)|(?<=\w)[*_`~]{1,3}")
_JOINED = re.compile(r"""["']\s*(?:\+|\.|,|\|\||&)\s*["']""")
# RE2, as what is hidden may be long.
_HIDDEN: Any = cast("Any", re2).compile(
    r"(?is)<!--(.+?)-->|(?m:^)\[(?://|comment)\]:\s*#?\s*[(\"']([^\n]+?)[)\"']\s*(?m:$)|"
    r"<[a-z][^<>]{0,200}(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?:[;\"'\s]|\.0)|"
    r"color\s*:\s*(?:white|#fff(?:fff)?\b)|\bhidden\b)[^<>]{0,200}>(.+?)</|"
    r"<(?:img|a|input|meta)\b[^<>]{0,200}(?:alt|title|content|value)\s*=\s*[\"']([^\"']{20,1000})[\"']"
)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{20,20000}={0,2}(?![A-Za-z0-9+/])")
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:(?:\\x|0x)?[0-9a-fA-F]{2}[ ,:]?){12,8000}(?![0-9a-fA-F])")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2}|[A-Za-z0-9._\-]){4,20000}")
_ENTITIES = re.compile(r"(?:&#x?[0-9a-fA-F]{1,6};\s?){6,5000}")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}){6,5000}")
_BINARY = re.compile(r"(?<![01])(?:[01]{8}[ ,]?){8,4000}(?![01])")
_UNSEEN_KINDS = ("tag characters", "invisible")


@dataclass(frozen=True, slots=True)
class View:
    """A text as it reads without a disguise; `places` holds where in the original each sign stands."""

    text: str
    how: tuple[str, ...]
    places: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Of a stretch of the view, in the original."""
        if start >= end:
            return 0, 0
        return self.places[start], self.places[end - 1] + 1


def views(text: str) -> list[View]:
    """The text itself, and what it turns into; at most `MOST_VIEWS`."""
    found = [View(text, (), range(len(text)))]
    room = MOST_DECODED
    seen = {text}
    for view in found:
        if len(view.how) > DEPTH + 1:
            continue
        for made in _undone(view):
            if len(found) >= MOST_VIEWS or (len(made.text) > room and made.how[-1] in _DECODERS):
                break
            if made.text in seen or not made.text.strip():
                continue
            room -= len(made.text) if made.how[-1] in _DECODERS else 0
            seen.add(made.text)
            found.append(made)
    return found


def bare(text: str) -> View:
    """The text as a trained model reads it: without signs that nobody sees, letters that look like
    others as those.
    """
    view = View(text, (), range(len(text)))
    if text.isascii():
        return view
    for make in (_unseen, _lookalikes):
        for made in make(view):
            if made.how[-1] != "tag characters" and made.text != view.text:
                view = made
    return view


def hidden(text: str) -> Iterator[tuple[int, int, str]]:
    """Stretches that readers of the rendered text do not see."""
    # RE2 reads UTF-8, which has no half surrogate pairs.
    for match in _HIDDEN.finditer(text.encode("utf-8", "replace").decode()):
        group = next(n for n in range(1, 5) if match.span(n)[0] >= 0)
        yield match.start(group), match.end(group), "markup"
    for match in _TAGS.finditer(text):
        yield match.start(), match.end(), "tag characters"


def _undone(view: View) -> Iterator[View]:
    signs = signs_of(view.text)
    yield from _normalised(view, signs)
    if sum(each in _DECODERS for each in view.how) < DEPTH:
        yield from _decoded(view, signs)
    if not view.how:
        yield from _whole(view, signs)


def _normalised(view: View, signs: frozenset[str]) -> Iterator[View]:
    # One order for all: two rewritings in both orders would be two views that read alike.
    done = _ORDER.get(view.how[-1], 0) if view.how else 0
    if not view.text.isascii():
        if done <= _ORDER["invisible"] and not signs.isdisjoint(_UNSEEN_KINDS):
            yield from _unseen(view)
        if done < _ORDER["lookalikes"]:
            yield from _lookalikes(view)
    if len(view.how) <= 2:
        for how, expression, change in _REWRITINGS:
            if how in signs and done <= _ORDER[how]:
                yield from _rewritten(view, how, expression, change)


def _decoded(view: View, signs: frozenset[str]) -> Iterator[View]:
    for how, (expression, decode) in _DECODERS.items():
        if how not in signs:
            continue
        # Any word is spelt in the signs of percent-encoding.
        if how == "percent" and view.text.count("%") < 4:
            continue
        for match in expression.finditer(view.text):
            if (decoded := decode(match[0])) is not None and decoded != match[0]:
                start, end = view.span(match.start(), match.end())
                places = [min(start + n, end - 1) for n in range(len(decoded) - 1)]
                yield View(decoded, (*view.how, how), [*places, end - 1])


def _whole(view: View, signs: frozenset[str]) -> Iterator[View]:
    if "rot13" in signs:
        yield View(codecs.encode(view.text, "rot13"), ("rot13",), view.places)
    if "reversed" in signs:
        yield View(
            view.text[::-1], ("reversed",), [0] * (len(view.text) - 1) + [len(view.text) - 1]
        )


def _unseen(view: View) -> Iterator[View]:
    tags = "".join(chr(ord(sign) - 0xE0000) for run in _TAGS.findall(view.text) for sign in run)
    if tags:
        places = [view.places[n] for m in _TAGS.finditer(view.text) for n in range(*m.span())]
        yield View(tags, (*view.how, "tag characters"), places)
    if _UNSEEN.search(view.text) or tags:
        kept = [
            n for n, sign in enumerate(view.text) if not (_UNSEEN.match(sign) or _TAGS.match(sign))
        ]
        yield View(
            "".join(view.text[n] for n in kept),
            (*view.how, "invisible"),
            [view.places[n] for n in kept],
        )


def _lookalikes(view: View) -> Iterator[View]:
    """Compatibility forms, accents put on top, and letters of other alphabets within Latin words."""
    yield from _rewritten(view, "lookalikes", _FOREIGN, _plain)


def _plain(match: re.Match[str]) -> str:
    word = match[0]
    if word.isascii():
        return word
    changed = unicodedata.normalize("NFKC", word)
    turned = changed.translate(_LOOKALIKES)
    return turned if turned.isascii() or re.search("[a-zA-Z]", changed) else changed


def _rewritten(
    view: View, how: str, expression: re.Pattern[str], change: Callable[[re.Match[str]], str]
) -> Iterator[View]:
    """All that `expression` finds, changed, as one view."""
    signs: list[str] = []
    places: list[int] = []
    position = 0
    for match in expression.finditer(view.text):
        changed = change(match)
        if changed == match[0]:
            continue
        signs += (view.text[position : match.start()], changed)
        places += view.places[position : match.start()]
        places += [
            view.places[min(match.start() + n, match.end() - 1)] for n in range(len(changed))
        ]
        position = match.end()
    if position:
        yield View(
            "".join((*signs, view.text[position:])),
            (*view.how, how),
            [*places, *view.places[position:]],
        )


def _nothing(_: re.Match[str]) -> str:
    return ""


def _closed_up(match: re.Match[str]) -> str:
    words = re.split(r"\s{2,}", match[0]) if match[1] == " " else [match[0]]
    return " ".join(re.sub(r"[ .\-_*|/]", "", word) for word in words)


def _text(data: bytes) -> str | None:
    """Bytes that are words in UTF-8."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    plain = sum(sign.isalnum() or sign in " \n.,;:!?'\"()-" for sign in text)
    return text if len(text) >= 8 and plain >= 0.85 * len(text) else None


def _base64(value: str) -> str | None:
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _text(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None


def _hex(value: str) -> str | None:
    digits = re.sub(r"\\x|0x|[ ,:]", "", value)
    try:
        return _text(bytes.fromhex(digits[: len(digits) // 2 * 2]))
    except ValueError:
        return None


def _percent(value: str) -> str | None:
    if value.count("%") < 4:
        return None
    return _text(
        re.sub(rb"%([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), value.encode())
    )


def _escapes(value: str) -> str | None:
    return (
        "".join(chr(int(code, 16)) for code in re.findall("[0-9a-fA-F]{4}", value))
        .encode("utf-8", "replace")
        .decode()
    )


def _binary(value: str) -> str | None:
    return _text(bytes(int(byte, 2) for byte in re.findall("[01]{8}", value)))


_REWRITINGS: Sequence[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]]] = (
    ("markup", _MARKUP, _nothing),
    ("joined", _JOINED, _nothing),
    ("spaced", _SPACED, _closed_up),
    ("leetspeak", _LEET_WORD, lambda m: m[0].translate(_LEET)),
)
_ORDER = {
    how: place for place, how in enumerate(("", "tag characters", "invisible", "lookalikes", *(name for name, _, _ in _REWRITINGS)))
}  # fmt: skip


_DECODERS: dict[str, tuple[re.Pattern[str], Callable[[str], str | None]]] = {
    "base64": (_BASE64, _base64),
    "hex": (_HEX, _hex),
    "percent": (_PERCENT, _percent),
    "entities": (_ENTITIES, html.unescape),
    "escapes": (_ESCAPES, _escapes),
    "binary": (_BINARY, _binary),
}
