"""SQL that SQLite and PostgreSQL both read; its parameters are written "?"."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]


class Session(Protocol):
    """A connection that one piece of work has to itself."""

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]: ...

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """How many rows it changed."""
        ...


class Sessions(Protocol):
    """A database: `write` is one transaction."""

    async def read(self, work: Callable[[Session], T], /) -> T: ...

    async def write(self, work: Callable[[Session], T], /) -> T: ...
