"""`fallback`: one model after the other, until one answers."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note, Usage
from bedplate.embedders.protocol import Embedder
from bedplate.errors import BedplateError, Blocked, ContextOverflow, UpstreamError
from bedplate.models.ending import ended, owning, used, why
from bedplate.models.protocol import Bound, MeteredModel

logger = logging.getLogger(__name__)

# A wrong key, an empty account, a model that is gone: the provider's trouble, not the request's.
UNSERVED = frozenset({401, 402, 403, 404})


class FallbackOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[str, ...] = Field(min_length=1)
    """Names of other models, in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Member:
    """A model by its configured name."""

    name: str
    model: MeteredModel


class Fallback:
    """The first of its members that begins to answer answers.

    The next is asked after a failure that is not the request's own fault, and after a
    ContextOverflow, as it may take more at once. Once an event is out, a failure ends the stream:
    two answers are never joined. Where all fail, the first error that may pass is raised, or else
    the first.
    """

    def __init__(self, name: str, members: Sequence[Member]) -> None:
        self.inner = members[0].model
        self._name = name
        self._members = tuple(members)

    @property
    def name(self) -> str:
        return self._name

    def bound(self, request: ChatRequest) -> Bound:
        """That of the dearest; no price is known where one of them has none."""
        bounds = [member.model.bound(request) for member in self._members]
        prices = [bound.usd for bound in bounds if bound.usd is not None]
        known = len(prices) == len(bounds)
        limits = [bound.output_tokens for bound in bounds if bound.output_tokens is not None]
        return Bound(
            max(bound.tokens for bound in bounds),
            max(prices) if known else None,
            # The least holds for each of them.
            min(limits, default=None),
        )

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        notes: list[Note] = []
        failed: list[Usage] = []
        errors: list[BedplateError] = []
        for member in self._members:
            begun = False
            try:
                async with aclosing(member.model.stream(request)) as events:
                    async for event in events:
                        begun = True
                        yield ended(event, notes, failed) if isinstance(event, Finished) else event
            except BedplateError as error:
                if begun or (not errors and not passes_on(error)) or is_late(request):
                    if isinstance(error, UpstreamError):
                        owning(error, failed)
                    raise
                errors.append(error)
                notes.append(Note("fallback", member.name, why(error)))
                failed += used(error)
                logger.warning(
                    "model failed before it answered",
                    extra={"model": member.name, "error": error.code},
                )
            else:
                return
        worst = next((error for error in errors if error.retryable), errors[0])
        if isinstance(worst, UpstreamError):
            worst.usage = None
            owning(worst, failed)
        raise worst


def passes_on(error: BedplateError) -> bool:
    """Whether another model may do what this one failed at."""
    status = error.status if isinstance(error, UpstreamError) else None
    # Below 400 something else than a model's server answered: a page, a redirection.
    unserved = status is not None and (status in UNSERVED or status < 400)
    # A member whose own budget is spent is none that may answer.
    return error.retryable or unserved or isinstance(error, ContextOverflow | Blocked)


def is_late(request: ChatRequest) -> bool:
    """Whether its deadline has passed."""
    return request.deadline is not None and asyncio.get_running_loop().time() >= request.deadline


@asynccontextmanager
async def open_fallback(
    options: Mapping[str, Any],
    *,
    models: Mapping[str, MeteredModel],
    embedder: Embedder,
) -> AsyncGenerator[MeteredModel]:
    """See FallbackOptions."""
    names = FallbackOptions.model_validate(dict(options)).models
    members = [Member(name, models[name]) for name in names]
    yield Fallback(f"fallback:{','.join(names)}", members)
