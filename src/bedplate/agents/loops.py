"""Whether a run goes round in circles: pure functions over the calls it made."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

from bedplate.agents.history import CallState

Circle = Literal["same_call", "alternating", "no_new_information"]

STALE = 8
"""Results in a row that were all there before."""


def circle(calls: Sequence[CallState], *, repeats: int) -> Circle | None:
    """What kind of circle the latest of these finished calls are, if any.

    `repeats` times the same call with the same result, or two calls in turn so often. A call whose
    result differs from before brought something new.
    """
    made = [_signature(call) for call in calls]
    last = made[-repeats:]
    if len(last) == repeats and len(set(last)) == 1:
        return "same_call"
    turns = made[-2 * repeats :]
    if len(turns) == 2 * repeats and len({*turns[::2]}) == 1 and len({*turns[1::2]}) == 1:
        return "alternating"
    results = [text for _, _, text in made]
    if len(results) > STALE and set(results[-STALE:]) <= set(results[:-STALE]):
        return "no_new_information"
    return None


def _signature(call: CallState) -> tuple[str, str, str]:
    """Arguments that mean the same are the same, however they are written."""
    written = call.request.arguments
    with suppress(ValueError):
        written = json.dumps(json.loads(written), sort_keys=True)
    return call.request.name, written, "" if call.result is None else call.result["text"]
