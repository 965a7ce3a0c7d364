"""Many RE2 expressions looked for in one text at once."""

from collections.abc import Sequence
from typing import Any, cast

import re2

_re2: Any = cast("Any", re2)


def re2_options(memory: int) -> Any:
    """Options of an expression or a set that takes `memory` bytes at most and logs nothing."""
    options = _re2.Options()
    options.max_mem = memory
    options.log_errors = False
    return options


class ExpressionSet:
    """Tells which of its expressions are found anywhere in a text.

    It looks for each of `parts` by itself, the numbers of some of them, with `memory` bytes at most:
    an automaton of all together has as many states as its parts have combinations, and each is made
    when a text first leads to it.
    """

    def __init__(
        self, expressions: Sequence[str], parts: Sequence[Sequence[int]], *, memory: int
    ) -> None:
        self._parts = [(part, _set([expressions[each] for each in part], memory)) for part in parts]

    def matches(self, text: str) -> list[int]:
        """The numbers of those that are found, in order."""
        encoded = text.encode("utf-8", "replace")
        found: list[int] = []
        for part, made in self._parts:
            places: list[int] = made.Match(encoded) or []
            found += (part[place] for place in places)
        return sorted(found)


def _set(expressions: Sequence[str], memory: int) -> Any:
    made = _re2.Set.SearchSet(re2_options(memory))
    for expression in expressions:
        made.Add(expression)
    made.Compile()
    return made
