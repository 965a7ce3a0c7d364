"""Every configured model, opened in an order in which each finds those that it refers to."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from graphlib import CycleError, TopologicalSorter
from typing import cast

from bedplate.chat.budgeted import Budgeted
from bedplate.config import ModelSlot, Slot
from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError, UnknownAdapter
from bedplate.ledger.protocol import Ledger
from bedplate.models import COMPOSITES, MODELS, REFERENCES, SERVED
from bedplate.models.breaker import Breakers
from bedplate.models.key_pool import KeyPool
from bedplate.models.layers import around_answers, around_calls, check_composite
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.metered import Metered, Price, Pricing
from bedplate.models.presets import presets
from bedplate.models.prices import PerSecond, price_of
from bedplate.models.protocol import MeteredModel, OpenModel
from bedplate.registry import unknown
from bedplate.sections import ManagedConfig
from bedplate.slots import open_slot
from bedplate.spelling import did_you_mean


@asynccontextmanager
async def open_lineup(
    slots: Mapping[str, ModelSlot],
    *,
    embedder: Embedder,
    breakers: Breakers | None = None,
    servers: ManagedServers | None = None,
    ledger: Ledger | None = None,
) -> AsyncGenerator[Mapping[str, MeteredModel]]:
    """The models by name, each wrapped by what its settings ask for (models/layers.py).

    `breakers` is filled with the circuit breakers of their endpoints, `servers` with those that run
    here. With a ledger, a model that others refer to is held to its own limits there as well.

    Raises:
        ConfigError: an adapter that does not exist, options it does not take, a model that refers
            to one that is not configured, or to itself by way of others.
    """
    opened: dict[str, MeteredModel] = {}
    breakers = breakers or Breakers()
    servers = servers or ManagedServers(ManagedConfig())
    async with AsyncExitStack() as stack:
        for name in in_order(slots):
            slot = slots[name]
            others = {
                other: opened[other] if ledger is None else Budgeted(other, opened[other], ledger)
                for other in references(name, slot)
            }
            bare = await stack.enter_async_context(
                _model(name, slot, others, embedder, breakers, servers)
            )
            opened[name] = around_answers(name, slot, bare, others, embedder)
        yield {name: opened[name] for name in slots}


async def complaints(
    slots: Mapping[str, ModelSlot], *, embedder: Embedder, servers: ManagedServers
) -> tuple[str, ...]:
    """What keeps any of the models from being opened; nothing is started or called."""
    found: dict[str, None] = {}
    for name in slots:
        try:
            needed = _needed(name, slots)
            async with open_lineup(needed, embedder=embedder, servers=servers):
                pass
        except ConfigError as error:
            found.update(dict.fromkeys(error.message.splitlines()))
    return tuple(found)


def _needed(name: str, slots: Mapping[str, ModelSlot]) -> Mapping[str, ModelSlot]:
    """That model's slot, and those of the models that it rests on."""
    found: dict[str, ModelSlot] = {}
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found[each] = slots[each]
            waiting += _references(each, slots)
    return found


def in_order(slots: Mapping[str, ModelSlot]) -> tuple[str, ...]:
    """The names, each after those that it refers to."""
    refers = {name: _references(name, slots) for name in slots}
    try:
        return tuple(TopologicalSorter(refers).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ConfigError(f"The models refer to each other in a circle: {circle}.") from error


def _references(name: str, slots: Mapping[str, ModelSlot]) -> tuple[str, ...]:
    """See `references`; ConfigError where one of them is not configured."""
    found = tuple(references(name, slots[name]))
    for other in found:
        if other not in slots:
            raise ConfigError(
                f"models.{name} refers to the model {other!r}, which is not configured."
                f"{did_you_mean(other, slots)} Configured: {', '.join(slots)}."
            )
    return found


def references(name: str, slot: ModelSlot) -> Iterable[str]:
    """The names of other models in a slot's settings."""
    yield from slot.fallback
    if slot.hedge is not None and slot.hedge.model is not None:
        yield slot.hedge.model
    for key in REFERENCES.get(slot.use, ()):
        value = slot.options.get(key)
        named = cast(list[object], value) if isinstance(value, list) else [value]
        for other in named:
            if other is None:
                continue
            if not isinstance(other, str):
                raise ConfigError(f"models.{name}.{key}: expected a model's name, got {other!r}.")
            yield other


@asynccontextmanager
async def _model(
    name: str,
    slot: ModelSlot,
    others: Mapping[str, MeteredModel],
    embedder: Embedder,
    breakers: Breakers,
    servers: ManagedServers,
) -> AsyncGenerator[MeteredModel]:
    key = f"models.{name}"
    if slot.use in REFERENCES:
        check_composite(name, slot)
        async with open_slot(
            key, slot, COMPOSITES.load, models=others, embedder=embedder
        ) as composite:
            yield composite
        return
    async with AsyncExitStack() as stack:
        models = [
            await stack.enter_async_context(
                open_slot(key, each, SERVED.load, name=name, servers=servers, embedder=embedder)
                if slot.use in SERVED.names()
                else open_slot(key, each, _load, embedder=embedder)
            )
            for each in _by_key(name, slot)
        ]
        model = KeyPool(name, models) if slot.api_keys else models[0]
        metered = Metered(model, _price(slot), output_tokens=slot.output_tokens)
        yield around_calls(name, slot, metered, breakers)


def provider_models(slots: Mapping[str, ModelSlot]) -> Mapping[str, str]:
    """What providers call the models that are configured under these names."""
    return {
        name: model
        for name, slot in slots.items()
        if isinstance(model := slot.options.get("model"), str)
    }


def _by_key(name: str, slot: ModelSlot) -> list[Slot]:
    """The slot, or one for each of its keys."""
    if not slot.api_keys:
        return [slot]
    if "api_key" in slot.options:
        raise ConfigError(f"models.{name} has both api_key and api_keys: keep one of them.")
    options = {**slot.options, "use": slot.use}
    return [Slot.model_validate({**options, "api_key": key}) for key in slot.api_keys]


def _load(name: str) -> OpenModel:
    if name in presets() and name not in MODELS.names():
        raise UnknownAdapter(
            f'{name!r} is no adapter but a preset of one: write use = "openai", preset = "{name}".'
        )
    if name not in MODELS.names():
        raise unknown(
            MODELS.kind, name, (*MODELS.names(), *SERVED.names(), *COMPOSITES.names(), *presets())
        )
    return MODELS.load(name)


def _price(slot: ModelSlot) -> Pricing | None:
    """As configured, else as listed."""
    own = slot.price
    if own is None:
        return price_of(slot.use, slot.options)
    if own.per_second is not None:
        return PerSecond(own.per_second)
    if own.input is None or own.output is None:
        raise AssertionError("a price has both, or is by the second")
    return Price(own.input, own.output, own.cached, own.cache_write)
