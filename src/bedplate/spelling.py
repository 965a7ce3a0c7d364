"""The nearest of the names there are, for one that was written wrong."""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 100
"""Characters of a name that are compared: what is sent as one may be of any length."""


def shown(name: str) -> str:
    """In an error's text: its beginning, where it is longer than any name."""
    return repr(name if len(name) <= LONGEST else f"{name[:LONGEST]}...")


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """A question that follows a sentence, with a space before it; empty where no name is near."""
    near = get_close_matches(name[:LONGEST], list(known), n=1, cutoff=cutoff)
    return f" Did you mean {near[0]!r}?" if near else ""
