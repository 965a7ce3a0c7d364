"""`router`: a small or a large model, request by request."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Note
from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError
from bedplate.models.ending import ended
from bedplate.models.fallback import Fallback, Member
from bedplate.models.protocol import Bound, MeteredModel
from bedplate.models.route_file import read_head, shipped_head
from bedplate.models.route_head import RouteHead
from bedplate.models.route_rules import RouteRule, Tier, first_fit
from bedplate.models.route_scorer import Scored, scorer_of
from bedplate.models.route_threshold import RunningThreshold

Score = Callable[[str], Awaitable[Scored]]
Choice = Literal["small", "large", "score"]


class RouterOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    small: str
    """Name of the cheaper model."""
    large: str
    """Name of the dearer one."""
    rules: tuple[RouteRule, ...] = ()
    """The first that fits decides; all below is for requests that none fits."""
    tools: Choice = "large"
    """Where requests with tools go; `score` treats them as any other."""
    output: Choice = "large"
    """Where requests for JSON go."""
    share: float = Field(default=0.3, ge=0, le=1)
    """Wanted share of scored requests that go to the large model."""
    usd: float | None = Field(default=None, gt=0)
    """Wanted mean cost of a scored request; in place of `share`, once costs are known."""
    recovered: float | None = Field(default=None, ge=0, le=1)
    """Wanted share of the large model's lead, by the curve of `head`; in place of `share`."""
    head: Path | None = None
    """A file of `bedplate calibrate route`; the shipped head where there is none."""
    head_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    encoder: bool = True
    """Whether the question's vector is read; without it a decision is ten times cheaper."""

    @model_validator(mode="after")
    def _one_aim(self) -> Self:
        if self.usd is not None and self.recovered is not None:
            raise ValueError("usd and recovered are two aims: set one of them")
        if self.recovered is not None and self.head is None:
            raise ValueError("recovered needs a head of your own: the shipped curve is of others")
        if self.head_sha256 is not None and self.head is None:
            raise ValueError("head_sha256 is of a head, and none is set")
        return self


class Router:
    """Sends each request to one of two models; Finished.notes says to which, and why.

    First the rules, then tools and JSON; what is left is scored on its question, and goes to the
    large model above the tenant's running threshold. A share of 0 or 1 needs no score. A failure is
    the chosen model's own: a router asks no second model.
    """

    def __init__(
        self, name: str, small: Member, large: Member, options: RouterOptions, score: Score
    ) -> None:
        """`options.share` is taken as it is: `recovered` has no part in it here."""
        self.inner = small.model
        self._name = name
        self._small = small
        self._large = large
        self._options = options
        self._score = score
        self._threshold = RunningThreshold(options.share, options.usd)
        self._both = Fallback(name, (small, large))

    @property
    def name(self) -> str:
        return self._name

    def bound(self, request: ChatRequest) -> Bound:
        """That of the dearer; no price is known where one of them has none."""
        return self._both.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        tier, reason = await self._choose(request)
        chosen = self._large if tier == "large" else self._small
        note = Note("route", chosen.name, reason)
        async with aclosing(chosen.model.stream(request)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    cost = event.usage.cost_usd
                    if cost is not None:
                        self._threshold.cost(request.account.tenant, tier, cost)
                    event = ended(event, [note])
                yield event

    async def _choose(self, request: ChatRequest) -> tuple[Tier, str]:
        options, tenant = self._options, request.account.tenant
        if (found := first_fit(options.rules, request)) is not None:
            return found
        if request.tools and options.tools != "score":
            return options.tools, "the request has tools"
        if request.output is not None and options.output != "score":
            return options.output, "the request wants JSON"
        share = self._threshold.share(tenant)
        if options.usd is None and share in (0, 1):
            return ("large" if share else "small"), f"share is {share:g}"
        scored = await self._score(request.question)
        threshold = self._threshold.at(tenant, scored.score)
        above = scored.score > threshold
        side = "above" if above else "not above"
        reason = f"score {scored.score:.3f} is {side} {threshold:.3f} ({scored.reason})"
        return ("large" if above else "small"), reason


def opened_head(options: RouterOptions) -> RouteHead:
    """The head that the options name; ConfigError for one that cannot be used."""
    if options.head is None:
        return shipped_head()
    return read_head(options.head, options.head_sha256)


def aiming(options: RouterOptions, head: RouteHead) -> RouterOptions:
    """The options with the share that `recovered` comes to."""
    if options.recovered is None:
        return options
    return options.model_copy(update={"share": head.share_for(options.recovered)})


@asynccontextmanager
async def open_router(
    options: Mapping[str, Any],
    *,
    models: Mapping[str, MeteredModel],
    embedder: Embedder,
) -> AsyncGenerator[MeteredModel]:
    """See RouterOptions.

    Raises:
        ConfigError: a head that cannot be read, or that was fitted with another embedder.
    """
    chosen = RouterOptions.model_validate(dict(options))
    head = opened_head(chosen)
    small, large = (Member(name, models[name]) for name in (chosen.small, chosen.large))
    wants = chosen.head is not None and chosen.encoder and head.full is not None
    if wants and head.fingerprint != embedder.fingerprint:
        raise ConfigError(
            f"The head {str(chosen.head)!r} was fitted with the embedder {head.fingerprint!r}, and "
            f"the configured one is {embedder.fingerprint!r}: fit it again with `bedplate calibrate "
            "route`, or set encoder = false."
        )
    score = scorer_of(head, embedder if chosen.encoder else None)
    name = f"router:{chosen.small},{chosen.large}"
    yield Router(name, small, large, aiming(chosen, head), score)
