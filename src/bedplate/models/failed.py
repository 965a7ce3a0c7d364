"""What a call that failed has used up: it costs money all the same."""

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from bedplate.domain.chat import ChatRequest, Usage
from bedplate.errors import UpstreamError, UpstreamTimeout
from bedplate.models.tokens import CHARACTERS_PER_TOKEN, request_tokens

MOST_CHARACTERS_PER_TOKEN = 8
"""A count below what was seen by more than this is of an earlier moment, as Anthropic's first is."""


class Part(Protocol):
    """The part of an answer that has come: `begun` once the model gave a sign of life."""

    @property
    def begun(self) -> bool: ...

    def used(self) -> Usage:
        """As reported, else by an estimate that is rather too high."""
        ...


@contextmanager
def charging(part: Part) -> Generator[None]:
    """Let the error of a call that was sent say what it used.

    Nothing, where it failed before the model gave a sign of life: but for one that ran out of time,
    which was at work.
    """
    try:
        yield
    except UpstreamError as error:
        # A connection that was never made has a cause of a kind of its own.
        waited = isinstance(error, UpstreamTimeout) and type(error.__cause__) is TimeoutError
        if error.usage is None and (part.begun or waited):
            error.usage = part.used()
        raise


def used(request: ChatRequest, characters: int, reported: Usage | None) -> Usage:
    """Of so many `characters` received, and what the provider had reported by then."""
    made = math.ceil(characters / CHARACTERS_PER_TOKEN)
    if reported is None:
        return Usage(request_tokens(request), made, estimated=True)
    if reported.output_tokens * MOST_CHARACTERS_PER_TOKEN >= characters:
        return reported
    return replace(reported, output_tokens=made, estimated=True)
