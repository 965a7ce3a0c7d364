"""SQL that SQLite and PostgreSQL both read; its parameters are written "?"."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]


class Session(Protocol):
    """A connection that one piece of work has to itself.

    `locking` ends a SELECT whose rows nobody else may change in this transaction; `claiming` one
    that passes over rows that others have locked. Empty where a write has the whole file anyway.
    """

    @property
    def locking(self) -> str: ...

    @property
    def claiming(self) -> str: ...

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]: ...

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """How many rows it changed."""
        ...

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...


class Sessions(Protocol):
    """A database: `write` is one transaction.

    One that is not `durable` is seen by all who come later, as any other, but may be lost with the
    machine.
    """

    async def read(self, work: Callable[[Session], T], /) -> T: ...

    async def write(self, work: Callable[[Session], T], /, *, durable: bool = True) -> T: ...


def rows_of(columns: int, count: int) -> str:
    """Parameters of so many rows."""
    return ", ".join([f"({places(columns)})"] * count)


def places(count: int) -> str:
    """So many parameters in a row."""
    return ", ".join("?" * count)
