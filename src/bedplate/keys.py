"""Access keys as the configuration places them."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bedplate.access import ACCESS_KEYS
from bedplate.access.protocol import AccessKeys
from bedplate.config import Config
from bedplate.state import CATALOGS

KEYS_FILE = "keys.db"


@asynccontextmanager
async def open_keys(config: Config, *, fresh: bool = False) -> AsyncGenerator[AccessKeys]:
    """The keys beside the catalog: a file in the data folder, or tables in its database.

    In a database the catalog's tables must be there; with `fresh` they are made where missing.
    """
    database = config.data.database
    async with AsyncExitStack() as stack:
        if database is None:
            place: Path | str = config.data.dir / KEYS_FILE
        else:
            place = database.get_secret_value()
            if fresh:
                async with CATALOGS.load("postgres")(place):
                    pass
        load = ACCESS_KEYS.load("sqlite" if database is None else "postgres")
        yield await stack.enter_async_context(load(place))


def were_made(config: Config) -> bool:
    """False where there can be no keys yet, and to look for them would make the data folder."""
    return config.data.database is not None or (config.data.dir / KEYS_FILE).exists()
