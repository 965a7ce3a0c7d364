"""Where durable work is kept, and how its processes know of each other."""

from collections.abc import AsyncGenerator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

FILE = "durable.db"
"""In the data folder, where there is no PostgreSQL database."""

SCHEMA = "bedplate_durable"
"""Of DBOS's tables, and of ours beside them, in a PostgreSQL database."""


class Nodes(Protocol):
    """The processes that share the durable work. Every process watches; there is no leader, as
    each thing that is done for a dead process is conditional in the database.
    """

    async def join(self) -> None:
        """Be known, before any work is taken."""
        ...

    async def beat(self) -> None:
        """Show that this process lives."""
        ...

    async def dead(self, owners: Collection[str] = ()) -> list[str]:
        """Processes known to be dead, among those that joined and `owners`."""
        ...

    async def bury(self, node: str) -> None:
        """Forget a dead one, whose work has been taken over."""
        ...

    async def leave(self) -> None:
        """Be known as dead from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """DBOS's database by `url`; `shown` is how messages name it, without a password."""

    url: str
    shown: str
    nodes: Nodes


class OpenPlace(Protocol):
    """`database` is a PostgreSQL address, `node` the id of this process, which has joined while
    the place is open.
    """

    def __call__(
        self, folder: Path, database: str, node: str, *, dead_seconds: float
    ) -> AbstractAsyncContextManager[Place]: ...


@asynccontextmanager
async def joined(nodes: Nodes) -> AsyncGenerator[None]:
    """This process is among them meanwhile."""
    await nodes.join()
    try:
        yield
    finally:
        await nodes.leave()
