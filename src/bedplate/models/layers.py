"""What is wrapped around a configured model, and in which order: decision 13.

From the inside out: written calls, timeouts, concurrency, breaker, retry, context; then, of
composites as well, hedge, fallback, cache. A layer that would do nothing is left out.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError
from bedplate.models.answer_cache import Caching
from bedplate.models.breaker import Breakers
from bedplate.models.breaking import Breaking
from bedplate.models.concurrency import Queued
from bedplate.models.context import Fitting
from bedplate.models.fallback import Fallback, Member
from bedplate.models.hedge import Hedging
from bedplate.models.protocol import MeteredModel
from bedplate.models.retry import Retrying
from bedplate.models.timeouts import Timed
from bedplate.models.written import Written
from bedplate.sections import ModelSlot

LOCAL = frozenset({"quote", "scripted"})
"""Adapters that call nobody: what guards a provider is around them only where it is set."""

KEEP_TIME = frozenset({"openai", "anthropic"})
"""Adapters with options of their own for the time to the first token and between tokens."""

OF_CALLS = frozenset(
    {
        "api_keys",
        "written_calls",
        "timeouts",
        "concurrency",
        "breaker",
        "retry",
        "context_tokens",
        "overflow",
    }
)
"""Settings about calls of a model's own, which one made of other models does not make."""


def around_calls(
    name: str, slot: ModelSlot, model: MeteredModel, breakers: Breakers
) -> MeteredModel:
    """The layers about each call that one adapter makes; ConfigError for one it has itself."""
    remote = slot.use not in LOCAL
    given = slot.model_fields_set
    if slot.written_calls:
        model = Written(model)
    if slot.timeouts.first_token_seconds or slot.timeouts.idle_seconds:
        if slot.use in KEEP_TIME:
            raise ConfigError(
                f"models.{name}.timeouts: the adapter {slot.use!r} has first_token_seconds and "
                f"idle_seconds of its own; set models.{name}.first_token_seconds."
            )
        model = Timed(model, slot.timeouts)
    if remote or "concurrency" in given:
        model = Queued(name, model, slot.concurrency)
    if slot.breaker.failures and (remote or "breaker" in given):
        model = Breaking(model, breakers.of(endpoint(name, slot), slot.breaker))
    if slot.retry.attempts > 1:
        model = Retrying(name, model, slot.retry)
    if remote or slot.context_tokens is not None:
        model = Fitting(name, model, window=slot.context_tokens, overflow=slot.overflow)
    return model


def around_answers(
    name: str,
    slot: ModelSlot,
    model: MeteredModel,
    models: Mapping[str, MeteredModel],
    embedder: Embedder,
) -> MeteredModel:
    """The layers that choose between answers; `models` are those that the slot refers to."""
    if slot.hedge is not None:
        second = slot.hedge.model or name
        other = models[second] if slot.hedge.model else model
        model = Hedging(name, model, other, seconds=slot.hedge.seconds, second=second)
    if slot.fallback:
        others = [Member(other, models[other]) for other in slot.fallback]
        model = Fallback(model.name, [Member(name, model), *others])
    if slot.cache.exact or slot.cache.semantic:
        model = Caching(name, model, slot.cache, embedder)
    return model


def check_composite(name: str, slot: ModelSlot) -> None:
    """ConfigError for settings that would mean nothing to a model made of others."""
    if meaningless := sorted(OF_CALLS & slot.model_fields_set):
        raise ConfigError(
            f"models.{name}.{meaningless[0]}: {slot.use!r} makes no calls of its own; set it for "
            "the models that it names."
        )


def endpoint(name: str, slot: ModelSlot) -> str:
    """What fails together: a server by its address, else the model by its configured name."""
    address = slot.options.get("base_url")
    if not isinstance(address, str):
        return f"The model {name!r}"
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
