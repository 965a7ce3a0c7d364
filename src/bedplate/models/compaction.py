"""A conversation made shorter by leaving out its oldest turns."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace

from bedplate.domain.chat import ChatRequest, Message

INSTRUCTIONS = frozenset({"system", "developer"})


def compacted(
    request: ChatRequest, fits: Callable[[ChatRequest], bool]
) -> tuple[ChatRequest, tuple[Message, ...]]:
    """The request with as few of its oldest turns left out as `fits` wants, and what was left out.

    A turn goes whole: what the user said, and everything up to what the user said next, so calls of
    tools stay with their results. Instructions stay wherever they stand, and so does the last turn.
    The longest that can be left out is, where even that does not fit.
    """
    turns = _turns(request.messages)

    def split(count: int) -> tuple[ChatRequest, tuple[Message, ...]]:
        gone = {id(message) for turn in turns[:count] for message in turn}
        kept = tuple(message for message in request.messages if id(message) not in gone)
        dropped = tuple(message for message in request.messages if id(message) in gone)
        return replace(request, messages=kept), dropped

    most = max(0, len(turns) - 1)
    fewest = bisect_left(range(most), 1, key=lambda count: int(fits(split(count)[0])))
    return split(fewest)


def _turns(messages: Sequence[Message]) -> list[list[Message]]:
    """All but the instructions; what comes before the first of the user's is a turn of its own."""
    turns: list[list[Message]] = []
    for message in messages:
        if message.role in INSTRUCTIONS:
            continue
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns
