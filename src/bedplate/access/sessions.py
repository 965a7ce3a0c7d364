"""SQL that SQLite and PostgreSQL both read; its parameters are written "?"."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]


class Session(Protocol):
    """A connection that one piece of work has to itself."""

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]: ...

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """How many rows it changed."""
        ...

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...


class Sessions(Protocol):
    """A database: `write` is one transaction, `read` sees one state of it throughout."""

    async def read(self, work: Callable[[Session], T], /) -> T: ...

    async def write(self, work: Callable[[Session], T], /) -> T: ...
