"""Catalog and stores as the configuration places them."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bedplate.config import Config, Slot
from bedplate.errors import ConfigError
from bedplate.slots import open_slot
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog
from bedplate.stores import IN_CATALOG, STORES
from bedplate.stores.protocol import Store

CATALOG_FILE = "catalog.db"


def open_catalog(config: Config) -> AbstractAsyncContextManager[Catalog]:
    """The catalog: a file in the data folder, or tables in a database."""
    if config.data.database is None:
        return CATALOGS.load("sqlite")(config.data.dir / CATALOG_FILE)
    return CATALOGS.load("postgres")(config.data.database.get_secret_value())


def store_slot(config: Config, key: str, slot: Slot) -> Slot:
    """A store's slot; one that searches the catalog's own tables is told where they are."""
    kept = "sqlite" if config.data.database is None else "postgres"
    wanted = IN_CATALOG.get(slot.use, kept)
    if wanted != kept:
        there = "is not set" if kept == "sqlite" else "names a PostgreSQL database"
        other = next(name for name, catalog in IN_CATALOG.items() if catalog == kept)
        raise ConfigError(
            f"{key}.use is {slot.use!r}, which searches the tables of a {wanted} catalog, but "
            f"data.database {there}: set {key}.use = {other!r}, or correct data.database."
        )
    if slot.use in IN_CATALOG and config.data.database is not None:
        return Slot.model_validate(
            {"database": config.data.database, **slot.options, "use": slot.use}
        )
    return slot


@asynccontextmanager
async def open_other_store(config: Config, name: str) -> AsyncGenerator[Store]:
    """The store of `[stores.NAME]`, beside the one in use.

    Raises:
        ConfigError: there is no such table, it is the store in use, or its options are wrong.
    """
    if name not in config.stores:
        known = ", ".join(config.stores) or "none"
        raise ConfigError(f"There is no [stores.{name}] in the configuration. Known: {known}.")
    slot = config.stores[name]
    if slot == config.store:
        raise ConfigError(f"[stores.{name}] is the store in use: name another.")
    key = f"stores.{name}"
    path = config.data.dir / CATALOG_FILE
    async with open_slot(key, store_slot(config, key, slot), STORES.load, path=path) as store:
        yield store
