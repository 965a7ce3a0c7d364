"""Migrations: SQL scripts in the order of the numbers that their names begin with."""

from importlib.abc import Traversable
from importlib.resources import files

from bedplate.errors import StorageError


def scripts_after(version: int, folder: str) -> list[tuple[int, Traversable]]:
    """Those that are missing in tables of that version; StorageError for newer ones than known."""
    scripts = sorted(
        (int(script.name.partition("_")[0]), script)
        for script in files("bedplate.access").joinpath(folder).iterdir()
        if script.name.endswith(".sql")
    )
    newest = scripts[-1][0]
    if version > newest:
        raise StorageError(
            f"The access keys have schema {version}, newer than {newest}, the newest this version "
            "of Bedplate knows: upgrade Bedplate."
        )
    return [(number, script) for number, script in scripts if number > version]
