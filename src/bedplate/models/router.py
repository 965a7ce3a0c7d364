"""`router`: a small or a large model, request by request."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note
from bedplate.embedders.protocol import Embedder
from bedplate.models.ending import ended
from bedplate.models.fallback import Fallback, Member
from bedplate.models.protocol import Bound, MeteredModel
from bedplate.models.route_head import shipped_head
from bedplate.models.route_threshold import RunningThreshold

START = 0.6


class RouterOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    small: str
    """Name of the cheaper model."""
    large: str
    """Name of the dearer one."""
    share: float = Field(default=0.3, ge=0, le=1)
    """Wanted share of scored requests that go to the large model."""


class Router:
    """Sends each request to one of two models; Finished.notes says to which, and why.

    Requests with tools or an output schema always go to the large one. All others are scored on
    their question; those above the tenant's running threshold go to the large one. A share of 0
    or 1 needs no score. A failure is the chosen model's own: a router asks no second model.
    """

    def __init__(
        self, name: str, small: Member, large: Member, share: float, score: Callable[[str], float]
    ) -> None:
        self.inner = small.model
        self._name = name
        self._small = small
        self._large = large
        self._share = share
        self._score = score
        self._threshold = RunningThreshold(share, START)
        self._both = Fallback(name, (small, large))

    @property
    def name(self) -> str:
        return self._name

    def bound(self, request: ChatRequest) -> Bound:
        """That of the dearer; no price is known where one of them has none."""
        return self._both.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        chosen, reason = self._choose(request)
        note = Note("route", chosen.name, reason)
        async with aclosing(chosen.model.stream(request)) as events:
            async for event in events:
                yield ended(event, [note]) if isinstance(event, Finished) else event

    def _choose(self, request: ChatRequest) -> tuple[Member, str]:
        if request.tools:
            return self._large, "the request has tools"
        if request.output is not None:
            return self._large, "the request wants an output schema"
        if self._share in (0, 1):
            return (self._large if self._share else self._small), f"share is {self._share:g}"
        score = self._score(request.question)
        threshold = self._threshold.at(request.account.tenant, score)
        if score > threshold:
            return self._large, f"score {score:.3f} is above {threshold:.3f}"
        return self._small, f"score {score:.3f} is not above {threshold:.3f}"


@asynccontextmanager
async def open_router(
    options: Mapping[str, Any],
    *,
    models: Mapping[str, MeteredModel],
    embedder: Embedder,
) -> AsyncGenerator[MeteredModel]:
    """See RouterOptions."""
    chosen = RouterOptions.model_validate(dict(options))
    small, large = (Member(name, models[name]) for name in (chosen.small, chosen.large))
    name = f"router:{chosen.small},{chosen.large}"
    yield Router(name, small, large, chosen.share, shipped_head().score)
