"""What one of several worker processes may do, so that all together keep to the configuration."""

from bedplate.config import Config
from bedplate.errors import ConfigError
from bedplate.models.layers import LOCAL
from bedplate.sections import ConcurrencyConfig, ModelSlot

SINGLE_MODELS = frozenset({"managed"})
"""Adapters that run a server of their own in each process that opens them."""

SINGLE_STORES = frozenset({"memory"})
"""Stores that one process alone sees."""


def share_of(config: Config, workers: int) -> Config:
    """The configuration of each of `workers` processes.

    Budgets, rates and keys need no sharing out: they are kept in the database.

    Raises:
        ConfigError: a part that only one process can have, or a limit that is less than `workers`.
    """
    if workers == 1:
        return config
    if config.store.use in SINGLE_STORES:
        raise ConfigError(
            f"store.use is {config.store.use!r}, which each of {workers} workers would have for "
            "itself: choose another store, or set server.workers = 1."
        )
    server = config.server
    if server.max_requests < workers:
        raise ConfigError(_too_few("server.max_requests", server.max_requests, workers))
    shared = server.model_copy(
        update={
            "max_connections": max(1, server.max_connections // workers),
            "max_requests": server.max_requests // workers,
            "max_waiting": server.max_waiting // workers,
        }
    )
    models = {name: _share_of_model(name, slot, workers) for name, slot in config.models.items()}
    return config.model_copy(update={"server": shared, "models": models})


def _share_of_model(name: str, slot: ModelSlot, workers: int) -> ModelSlot:
    if slot.use in SINGLE_MODELS:
        raise ConfigError(
            f"models.{name}.use is {slot.use!r}: each of {workers} workers would start a server of "
            "its own. Start that server yourself and set use = 'openai' with its base_url, or set "
            "server.workers = 1."
        )
    if slot.use in LOCAL and "concurrency" not in slot.model_fields_set:
        return slot
    limits = slot.concurrency
    if limits.calls < workers:
        raise ConfigError(_too_few(f"models.{name}.concurrency.calls", limits.calls, workers))
    return slot.model_copy(
        update={
            "concurrency": ConcurrencyConfig(
                calls=limits.calls // workers,
                waiting=limits.waiting // workers,
                wait_seconds=limits.wait_seconds,
            )
        }
    )


def _too_few(key: str, value: int, workers: int) -> str:
    return (
        f"{key} is {value}, less than one for each of {workers} workers: raise it, or lower "
        "server.workers."
    )
