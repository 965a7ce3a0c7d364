"""`bedplate init`: a commented configuration to start from."""

import sys
from importlib.resources import files
from pathlib import Path

import typer

from bedplate.cli.invocation import Invocation, command
from bedplate.cli.screen import write_json
from bedplate.errors import InvalidInput, StorageError

FILE = "bedplate.toml"


def register(app: typer.Typer) -> None:
    @command(app, "init", without=frozenset({"data", "log_level"}))
    def init(invocation: Invocation) -> None:
        """Write a commented bedplate.toml.

        With --config it is called FILE. A file that is there already stays as it is.
        """
        path = invocation.config or Path(FILE)
        write_template(path)
        if invocation.json:
            write_json({"path": str(path.absolute())})
            return
        sys.stdout.write(
            f"Wrote {path}. Every setting in it is a comment that shows its default.\n"
            "Next: bedplate ingest PATH -c COLLECTION\n"
        )


def template() -> str:
    return files("bedplate.cli").joinpath(FILE).read_text(encoding="utf-8")


def write_template(path: Path) -> None:
    """InvalidInput when there is a file already, StorageError when it cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError as error:
        raise InvalidInput(
            f"{str(path)!r} is there already: edit it, or move it away first.", param="path"
        ) from error
    except OSError as error:
        raise StorageError(f"{str(path)!r} cannot be written: {error.strerror}.") from error
