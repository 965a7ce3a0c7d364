"""What a text may be disguised by, told by one RE2 pass over all of it.

The expressions that undo disguises look around in ways which RE2 does not know and which take their
time, so they run only where their sign is seen. Each sign is wider than its expression: what it
does not match, the expression does not find.
"""

from collections.abc import Mapping
from functools import cache

from bedplate.guards.expression_set import ExpressionSet

_SPACE = r"(?:[\s\x0b\x1c-\x1f]|[^\x00-\x7f])"
"""What Python takes for a space, which may be none of ASCII's."""
_LEET = r"[\w@$!|\x{80}-\x{10FFFF}]*"


def _spaced() -> str:
    apart = (rf"(?:{sign}[^\s]){{3}}{sign}" for sign in (" ", r"\.", "-", "_", r"\*", r"\|", "/"))
    return "|".join(apart)


_SIGNS: Mapping[str, str] = {
    "invisible": r"[\x{AD}\x{34F}\x{61C}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180E}\x{200B}-\x{200F}"
    r"\x{202A}-\x{202E}\x{2060}-\x{206F}\x{3164}\x{FE00}-\x{FE0F}\x{FEFF}\x{FFA0}\x{E0100}-\x{E01EF}]",
    "tag characters": r"[\x{E0020}-\x{E007E}]",
    "markup": r"<!--|-->|</?[a-zA-Z]|[*_`~]",
    "joined": rf"[\"']{_SPACE}*(?:[+.,&]|\|\|){_SPACE}*[\"']",
    "spaced": _spaced(),
    "leetspeak": rf"[a-zA-Z]{_LEET}[013457@$!|]|[013457@$!|]{_LEET}[a-zA-Z]",
    "base64": r"[A-Za-z0-9+/_\-]{20}",
    "hex": r"(?:(?:\\x|0x)?[0-9a-fA-F]{2}[ ,:]?){12}",
    "percent": r"%[0-9a-fA-F]{2}",
    "entities": r"&#x?[0-9a-fA-F]{1,6};",
    "escapes": r"\\u[0-9a-fA-F]{4}",
    "binary": r"[01]{8}[ ,]?[01]{8}",
    "rot13": r"(?i)vtaber|qvfertneq|vafgehpg|cebzcg|flfgrz|erirny|cergraq|sbetrg",
    "reversed": r"(?i)erongi|dragersid|snoitcurtsni|tpmorp|metsys|laever|tegrof|dneterp",
}
DISGUISES = (*_SIGNS,)


def signs_of(text: str) -> frozenset[str]:
    """Those of `DISGUISES` that the text may hold."""
    return frozenset(DISGUISES[number] for number in _signs().matches(text))


@cache
def _signs() -> ExpressionSet:
    return ExpressionSet([*_SIGNS.values()], [range(len(_SIGNS))], memory=16 << 20)
