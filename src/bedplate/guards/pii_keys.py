"""Keys, tokens and passwords, by how they begin, what stands before them, and how random they look."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from bedplate.guards.pii_patterns import Pattern, Span, touches


def _key(text: str, start: int, end: int) -> Iterator[Span]:
    if start == 0 or not touches(text[start - 1]):
        yield start, end, 1.0


_END_OF_KEY = "PRIVATE KEY-----"
_LONGEST_KEY = 16_384


def _key_block(text: str, start: int, end: int) -> Iterator[Span]:
    """To the end of the block; a block without one is taken as far as its base64 goes."""
    stop = text.find(_END_OF_KEY, end, end + _LONGEST_KEY)
    if stop >= 0:
        yield start, stop + len(_END_OF_KEY), 1.0
        return
    body = re.compile(r"[A-Za-z0-9+/=\s]*").match(text, end, end + _LONGEST_KEY)
    yield start, body.end() if body else end, 1.0


def _bits(text: str) -> float:
    """Shannon entropy per character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _token(text: str, start: int, end: int) -> Iterator[Span]:
    """A long value beside a word like "token" that looks drawn at random."""
    # In the address of a page another field may follow.
    value = text[start:end].partition("&")[0].rstrip(".,:;!?)")
    end = start + len(value)
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    if len(value) >= 16 and mixed and _bits(value) >= 3.2:
        yield start, end, 0.8


def _password(text: str, start: int, end: int) -> Iterator[Span]:
    end = start + len(text[start:end].rstrip(".,:;)"))
    value = text[start:end]
    odd = any(not c.isalpha() for c in value)
    placeholder = value[:1] in "<{$%*" or set(value) <= set("*•.x-_")
    if len(value) >= 6 and odd and not placeholder:
        yield start, end, 0.7


def _query_value(text: str, start: int, end: int) -> Iterator[Span]:
    value = text[start:end]
    if any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value):
        yield start, end, 0.9


def as_is(text: str, start: int, end: int) -> Iterator[Span]:
    yield start, end, 1.0


_PREFIXED_KEYS = (
    r"A[KS]IA[0-9A-Z]{16}|sk-[A-Za-z0-9_\-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}|"
    r"glpat-[\w\-]{20,}|xox[abeoprs]-[A-Za-z0-9\-]{10,}|AIza[\w\-]{35}|[srp]k_(?:live|test)_\w{16,}|"
    r"hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[\w\-]{50,}|SG\.[\w\-]{16,}\.[\w\-]{16,}|"
    r"bp_[\w\-]{20,}|whsec_\w{20,}|dop_v1_[a-f0-9]{40,}|shp(?:at|ss|ca)_[a-fA-F0-9]{32}|sq0[a-z]{3}-[\w\-]{20,}|"
    r"hvs\.[\w\-]{20,}|ya29\.[\w\-]{20,}|dapi[a-f0-9]{32}|xapp-[\w\-]{20,}|AGE-SECRET-KEY-1[0-9A-Z]{50,}|"
    r"SK[0-9a-f]{32}|[0-9]{8,10}:AA[\w\-]{32,34}|T[A-Z0-9]{8,10}/B[A-Z0-9]{8,10}/[A-Za-z0-9]{20,}|eyJ[\w\-]{8,}\.eyJ[\w\-]{8,}\.[\w\-]{8,}"
)
_KEY_STARTS = r"A[KS]IA|sk-|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|AIza|[srp]k_|hf_|npm_|pypi-|SG\.|bp_|eyJ|whsec_|dop_v1|shp|sq0|hvs\.|ya29|dapi|xapp-|AGE-S|SK[0-9a-f]{4}|:AA|/B[A-Z0-9]{8}"
_KEY_WORDS = r"(?:api[ _\-]?key|access[ _\-]?key|secret|token|bearer|authorization|credential)"
_VALUE = r"[^\s\"'<>,;\[\]\x{FFFC}]"

KEYS = (
    Pattern("KEY", _KEY_STARTS, rf"(?:{_PREFIXED_KEYS})", _key),
    Pattern("KEY", "-----BEGIN", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----", _key_block),
    Pattern(
        "KEY",
        rf"(?i){_KEY_WORDS}",
        rf"(?i){_KEY_WORDS}[\w\-]{{0,12}}[\"']?(?:\s+is|\s*[:=]+)?\s*(?:bearer\s+|basic\s+)?[\"']?"
        rf"({_VALUE}{{16,300}})",
        _token,
    ),
    Pattern(
        "KEY",
        "(?i)pass(?:word|wd|phrase)|pwd",
        rf"(?i)(?:pass(?:word|wd|phrase)|\bpwd)[\"']?(?:\s+is\s|\s*[:=])\s*[\"']?({_VALUE}{{6,200}})",
        _password,
    ),
    Pattern(
        "KEY",
        "://[^/]*@",
        r"[a-zA-Z][a-zA-Z0-9+.\-]{1,15}://[^\s/:@\x{FFFC}]{0,100}:([^\s/@\x{FFFC}]{1,200})@",
        as_is,
    ),
    # The value alone: the rest of an address is worth reading.
    Pattern(
        "KEY",
        r"(?i)[?&#;](?:[a-z_\-]{0,20}token|sig|signature|[a-z_\-]{0,12}key|auth|secret|code|session\w{0,4}|pass\w{0,5})=",
        r"(?i)://\S*?[?&#;](?:[a-z_\-]{0,20}token|sig|signature|[a-z_\-]{0,12}key|auth|secret|code|session\w{0,4}|"
        r"pass\w{0,5})=([^\s&#\"'<>\x{FFFC}]{8,1000})",
        _query_value,
    ),
)
