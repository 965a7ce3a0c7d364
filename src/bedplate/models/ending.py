"""The last event of a call that came about in several steps."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import reduce

from bedplate.domain.chat import Finished, Note, Usage, added
from bedplate.errors import BedplateError, UpstreamError

MOST_CHARACTERS = 300


def ended(end: Finished, notes: Sequence[Note], failed: Sequence[Usage] = ()) -> Finished:
    """`end` with what happened before it, and what the attempts that failed used up."""
    if not notes and not failed:
        return end
    usage = reduce(added, failed, end.usage)
    return replace(end, usage=usage, notes=(*notes, *end.notes))


def both(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """The sum; None where one of them is unknown."""
    return None if one is None or other is None else one + other


def used(error: BedplateError) -> tuple[Usage, ...]:
    """What a failed call used, as far as it was reported."""
    if isinstance(error, UpstreamError) and error.usage is not None:
        return (error.usage,)
    return ()


def owning(error: UpstreamError, failed: Iterable[Usage]) -> UpstreamError:
    """The last error, with what the attempts before it used as well."""
    everything = (*failed, *used(error))
    if everything:
        error.usage = reduce(added, everything)
    return error


def why(error: BedplateError) -> str:
    """An error in a line, for a note."""
    line = f"{error.code}: {' '.join(error.message.split())}"
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 3]}..."
