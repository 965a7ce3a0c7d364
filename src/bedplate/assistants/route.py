"""`route`: one request keeps to one model, whichever a router chooses for its first round."""

from dataclasses import replace

from bedplate.assistants.protocol import StageParts, Work
from bedplate.telemetry.conventions import REQUEST_MODEL
from bedplate.telemetry.trace import current_span


class Route:
    """Without it a router decides anew in every round, with what tools answered before it."""

    async def run(self, work: Work) -> Work:
        step = current_span()
        if step is not None:
            step.set(REQUEST_MODEL, work.model)
        return replace(work, keep_route=True)

    def holds(self, work: Work) -> bool:
        return False


def open_route(parts: StageParts) -> Route:
    return Route()
