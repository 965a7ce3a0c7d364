"""`shape`: the answer has the form that was asked for, or is not given."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from bedplate.assistants.protocol import StageParts, Work
from bedplate.errors import UpstreamError
from bedplate.models.cascade_schema import misfit

PROVIDER = "shape"
INSTEAD = ("held", "asked_back")
"""What is said then is a text of our own, and `checked` tells a client so."""


class Shape:
    """JSON of the client's schema, or of the assistant's own. Prose is left as it is."""

    async def run(self, work: Work) -> Work:
        wanted = work.schema
        answer = work.answer
        if wanted is None or answer is None or answer.finish_reason != "stop" or answer.refused:
            return work
        if answer.checked.action in INSTEAD:
            return work
        problem = await asyncio.to_thread(_misfit, answer.text, wanted)
        if problem is not None:
            raise UpstreamError(
                f"The answer of {work.assistant.name!r} is not of the form that was asked for: "
                f"{problem:.300}.",
                provider=PROVIDER,
            )
        return work

    def holds(self, work: Work) -> bool:
        """It cannot change the text, but can keep it from being said."""
        return work.schema is not None


def _misfit(text: str, schema: Mapping[str, Any]) -> str | None:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({str(error)[:100]})"
    return misfit(value, schema)


def open_shape(parts: StageParts) -> Shape:
    return Shape()
