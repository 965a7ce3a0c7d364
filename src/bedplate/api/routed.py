"""Which model a router or a cascade chose, in a header of an answer that is not streamed."""

from collections.abc import Mapping, Sequence

from bedplate.api.chat_reply import ChoiceEvent
from bedplate.domain.chat import Finished, routed

ROUTED_HEADER = "x-bedplate-routed"


def routed_headers(events: Sequence[ChoiceEvent]) -> Mapping[str, str]:
    """Of a completion's events; of several choices, each that was sent another way. None where
    nothing was chosen.
    """
    chosen = {
        told.index: way
        for told in events
        if isinstance(told.event, Finished) and (way := routed(told.event.notes))
    }
    if not chosen:
        return {}
    ways = dict.fromkeys(chosen[index] for index in sorted(chosen))
    # A configured name may hold what a header cannot.
    return {ROUTED_HEADER: ", ".join(ways).encode("ascii", "backslashreplace").decode()}
