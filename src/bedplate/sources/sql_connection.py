"""What the `sql` source asks of a database: one file per database beside this one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = tuple[Any, ...]

PAGE = 1_000
"""Rows that are fetched at once."""


class Connection(Protocol):
    """One connection, read-only, used by one thread at a time. Parameters are written "?".

    What it refuses is raised as our errors: Unavailable when it cannot be reached or takes too
    long, ConfigError for what only another set-up cures.
    """

    def quoted(self, name: str) -> str:
        """A name as an identifier."""
        ...

    def columns(self, relation: str) -> tuple[str, ...]:
        """The names of the columns of what may stand behind FROM."""
        ...

    def stream(self, sql: str, values: Sequence[Any]) -> Iterator[Sequence[Row]]:
        """Pages of at most PAGE rows, of one moment; the whole result is in no memory at once."""
        ...

    def rows(self, sql: str, values: Sequence[Any], limit: int) -> Sequence[Row]:
        """The first rows."""
        ...


OpenConnection = Callable[[str, float], AbstractContextManager[Connection]]
"""Opens the database at an address; each statement may take so many seconds."""
