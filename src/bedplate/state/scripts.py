"""Migrations: SQL scripts in the order of the numbers that their names begin with."""

from importlib.abc import Traversable
from importlib.resources import files

from bedplate.errors import StorageError


def migration_scripts(folder: str) -> list[tuple[int, Traversable]]:
    return sorted(
        (int(script.name.partition("_")[0]), script)
        for script in files("bedplate.state").joinpath(folder).iterdir()
        if script.name.endswith(".sql")
    )


def check_version(version: int, newest: int) -> None:
    """StorageError for tables from a newer version."""
    if version > newest:
        raise StorageError(
            f"The catalog has schema {version}, newer than {newest}, the newest this version of "
            "Bedplate knows: upgrade Bedplate."
        )
