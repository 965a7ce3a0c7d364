"""Bytes to clean text: the encoding found, line ends and characters made regular."""

import re
import unicodedata
from dataclasses import dataclass

import ftfy
import ftfy.badness
from charset_normalizer import from_bytes

from bedplate.errors import TooLarge, Unreadable
from bedplate.quality.encoding import guessed, repaired, unreadable

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SAMPLE = 64 * 1024
_MOST_CONTROLS = 0.03
_MOST_BAD = 0.01
_TELLING = 32
_CODE_PAGES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("iso8859_2", "iso8859_5", "iso8859_7", "iso8859_8", "koi8_r", "koi8_u", "cp874", "mac_roman"),
    *("cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "cp949", "cp437", "cp850", "cp866"),
)
_CONTROLS = bytes({*range(9), 11, *range(14, 27), *range(28, 32), 127})
_UNWANTED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\ufeff]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CARRIAGE_RETURNS = re.compile("\r\n?")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Clean text and what had to be guessed to get it."""

    text: str
    warnings: tuple[str, ...] = ()


def decode(
    content: bytes,
    source: str,
    *,
    most_characters: int,
    declared: str | None = None,
    rows: bool = False,
) -> Decoded:
    """Clean text of `content`: by byte order mark, as UTF-8, as `declared`, or by a guess.

    Of `rows` only the line ends are made regular: what looks like another line end may stand
    inside a value, and the values are cleaned one by one.

    Raises:
        Unreadable: empty, or binary.
        TooLarge: more than `most_characters`.
    """
    if not content.strip():
        raise Unreadable(f"{source!r} is empty.", reason="empty")
    text, warnings = _decode(content, source, declared)
    text = _CARRIAGE_RETURNS.sub("\n", text) if rows else clean(text)
    if not text.strip():
        raise Unreadable(f"{source!r} holds no text.", reason="empty")
    check_characters(len(text), source, most_characters)
    return Decoded(text, warnings)


def check_characters(count: int, source: str, most: int) -> None:
    if count > most:
        raise TooLarge(
            f"{source!r} holds more than {most:,} characters of text; "
            "split it, or raise the limit on characters."
        )


def clean(text: str) -> str:
    """NFC, one kind of line end, control characters and soft hyphens gone, lone surrogates as U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", text)
    text = _UNWANTED.sub("", text)
    text = _SURROGATES.sub("\ufffd", text)
    return unicodedata.normalize("NFC", text)


def looks_binary(content: bytes) -> bool:
    """Whether the start of `content` is no text in any encoding that we read."""
    sample = content[:_SAMPLE]
    if any(sample.startswith(mark) for mark, _ in _BOMS):
        return False
    if b"\0" in sample and _without_mark(sample) is None:
        return True
    if b"\0" in sample:
        return False
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > _MOST_CONTROLS * len(sample)


def _decode(content: bytes, source: str, declared: str | None) -> tuple[str, tuple[str, ...]]:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _leniently(content, encoding)
    if looks_binary(content):
        raise Unreadable(f"{source!r} is not text: it holds binary data.", reason="binary")
    if b"\0" in content[:_SAMPLE] and (wide := _without_mark(content[:_SAMPLE])) is not None:
        text, warnings = _leniently(content, wide)
        return text, (guessed(wide), *warnings)
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError:
        pass
    if declared is not None and (text := _as_declared(content, declared)) is not None:
        return text, ()
    return _guess(content)


def _leniently(content: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    text = content.decode(encoding, errors="replace")
    bad = text.count("\ufffd")
    return text, (unreadable(bad, encoding.removesuffix("-sig")),) if bad else ()


def _without_mark(sample: bytes) -> str | None:
    """UTF-16 without a mark: Latin text has its zero bytes all on one side."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _as_declared(content: bytes, declared: str) -> str | None:
    """The text under a declared encoding; None when it is unknown or does not fit.

    Latin-1 and ASCII are read as Windows-1252, as the WHATWG Encoding Standard (4.2) has it.
    """
    name = declared.strip().lower()
    if name.startswith(("utf-16", "utf-32", "utf-7", "unicode", "raw", "idna", "puny", "undef")):
        return None
    if name in {"iso-8859-1", "latin1", "latin-1", "ascii", "us-ascii"}:
        name = "cp1252"
    try:
        return content.decode(name)
    except (LookupError, ValueError):
        return None


def _guess(content: bytes) -> tuple[str, tuple[str, ...]]:
    mostly, warnings = _leniently(content, "utf-8")
    sound = sum(1 for c in mostly[:_SAMPLE] if c > "\x7f" and c != "\ufffd")
    bad = mostly[:_SAMPLE].count("\ufffd")
    if bad <= _MOST_BAD * len(mostly[:_SAMPLE]) and sound > 2 * bad:
        return mostly, warnings
    sample = content[:_SAMPLE]
    high = len(sample.translate(None, bytes(range(128))))
    best = None
    # A few high bytes among many plain ones fit every code page; the most common one is likeliest.
    if high >= _TELLING or high > len(sample) / 4:
        best = from_bytes(sample, cp_isolation=list(_CODE_PAGES)).best()
    encoding = "cp1252" if best is None else best.encoding
    text, warnings = _leniently(content, encoding)
    text, lines = repair(text)
    if lines:
        warnings = (*warnings, repaired(lines))
    return text, (guessed(encoding), *warnings)


def repair(text: str) -> tuple[str, int]:
    """The text with lines set right that were decoded wrongly, and how many those were.

    Only where letters stand together as they do in no language: "sÃ¼ÃŸ" for "süß".
    """
    lines = text.split("\n")
    count = 0
    for number, line in enumerate(lines):
        if ftfy.badness.is_bad(line) and (fixed := ftfy.fix_encoding(line)) != line:
            lines[number] = fixed
            count += 1
    return "\n".join(lines), count
