"""What the `sql` tools ask of a database. Its calls block, and are made in threads."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

MOST_CHARACTERS = 1_000_000
"""Of the rows of one answer together."""


@dataclass(frozen=True, slots=True)
class Rows:
    """`rows` are JSON, a row each: an object, or an array in the order of `columns`. `more`: there were
    more. `changed` is how many rows a statement changed, None of a query.
    """

    columns: Sequence[str]
    rows: Sequence[Any]
    more: bool = False
    changed: int | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    rows: int
    seconds: float
    tables: frozenset[str]
    """Those that a query may read, in lower case; all but the database's own where it is empty."""


class SqlFailed(Exception):
    """What the database said. `late`: it took too long. `unknown`: whether it was done is not known."""

    def __init__(self, message: str, *, late: bool = False, unknown: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.late = late
        self.unknown = unknown


class SqlDatabase(Protocol):
    """Unavailable is raised by each where the database cannot be reached."""

    @property
    def dialect(self) -> str:
        """As sqlglot calls it."""
        ...

    def describe(self) -> Mapping[str, Sequence[str]]:
        """The columns of each table that may be read, each with its type."""
        ...

    def query(self, sql: str) -> Rows:
        """A query that was checked, in a transaction that can only read; SqlFailed."""
        ...

    def run(self, sql: str, values: Mapping[str, Any], *, reads: bool) -> Rows:
        """A statement of the set-up's own, whole or not at all; SqlFailed."""
        ...


class ConnectSql(Protocol):
    def __call__(self, address: str, bounds: Bounds) -> AbstractContextManager[SqlDatabase]: ...
