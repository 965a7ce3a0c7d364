"""SQL that SQLite and PostgreSQL both read; its parameters are written "?"."""

from collections.abc import Callable, Iterable, Sequence
from importlib.abc import Traversable
from importlib.resources import files
from typing import Any, Protocol, TypeVar

from bedplate.errors import StorageError

T = TypeVar("T")
Row = tuple[Any, ...]


class Session(Protocol):
    """A connection that one piece of work has to itself.

    In the SQL, `members(?)` is a subquery of the strings in a JSON array, which is the parameter.
    `locking` ends a SELECT whose rows nobody else may change in this transaction; `claiming` one
    that passes over rows that others have locked; `lock` lets one transaction at a time go on that
    names the same thing. All are empty where a write has the whole file anyway.
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

    def lock(self, name: str) -> None: ...


class Sessions(Protocol):
    """A database: `read` sees one moment and writes nothing, `write` is one transaction.

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


def scripts_after(version: int, package: str, folder: str) -> list[tuple[int, Traversable]]:
    """The SQL scripts of a package's folder that are missing in tables of that version.

    They are in the order of the numbers that their names begin with. StorageError where the tables
    are of a newer version than any script.
    """
    scripts = sorted(
        (int(script.name.partition("_")[0]), script)
        for script in files(package).joinpath(folder).iterdir()
        if script.name.endswith(".sql")
    )
    newest = scripts[-1][0]
    if version > newest:
        raise StorageError(
            f"The tables of {package} have schema {version}, newer than {newest}, the newest this "
            "version of Bedplate knows: upgrade Bedplate."
        )
    return [(number, script) for number, script in scripts if number > version]
