"""Which model a router or a cascade chose, in a header of an answer that is not streamed."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from bedplate.api.chat_reply import ChoiceEvent
from bedplate.domain.chat import Finished, routed

ROUTED_HEADER = "x-bedplate-routed"


class Routing:
    """Reads along as a completion's events pass."""

    def __init__(self) -> None:
        self._chosen: dict[int, str] = {}

    async def seen(self, events: AsyncGenerator[ChoiceEvent]) -> AsyncGenerator[ChoiceEvent]:
        async with aclosing(events):
            async for told in events:
                if isinstance(told.event, Finished) and (chosen := routed(told.event.notes)):
                    self._chosen[told.index] = chosen
                yield told

    @property
    def headers(self) -> Mapping[str, str]:
        """Of several choices, each that was sent another way; none where nothing was chosen."""
        if not self._chosen:
            return {}
        ways = dict.fromkeys(self._chosen[index] for index in sorted(self._chosen))
        # A configured name may hold what a header cannot.
        return {ROUTED_HEADER: ", ".join(ways).encode("ascii", "backslashreplace").decode()}
