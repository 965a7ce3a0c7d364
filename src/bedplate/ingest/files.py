"""Files to ingest: what paths, folders and globs stand for."""

import glob
import os
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from bedplate.domain.documents import Blob
from bedplate.errors import InvalidInput, TooLarge, Unreadable
from bedplate.sources.names import key_of


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file, with the name that documents from it carry: relative to the working folder."""

    path: Path
    name: str
    size: int | None = None

    def read(self, max_bytes: int) -> Blob:
        """The file's bytes; Unreadable or TooLarge when they cannot be had."""
        try:
            if self.path.is_dir():
                # A folder is here for one reason: it could not be listed.
                os.scandir(self.path).close()
            if not self.path.is_file():
                raise Unreadable(f"{self.name!r} is not a regular file.", reason="not_a_file")
            size = self.path.stat().st_size
            if size <= max_bytes:
                with self.path.open("rb") as file:
                    content = file.read(max_bytes + 1)
                # It may have grown since.
                size = max(size, len(content))
                if size <= max_bytes:
                    return Blob(content, self.name)
            raise TooLarge(
                f"{self.name!r} has {size:,} bytes; ingest.max_file_bytes is {max_bytes:,}."
            )
        except OSError as error:
            raise Unreadable(
                f"{self.name!r} cannot be read: {error.strerror}.", reason="unreadable_file"
            ) from error


def find_files(
    patterns: Sequence[str], *, max_files: int, exclude: Sequence[Path] = ()
) -> list[FileSource]:
    """Every file below the folders, files and globs named, once, in order of name.

    Hidden files and folders are left out unless they are named themselves, and so are the files
    and folders of `exclude`. Links are followed only to files inside the folder they stand in. A
    folder that cannot be listed is among them, and says why when it is read.

    Raises:
        InvalidInput: a path that does not exist, or a glob without matches.
        TooLarge: more than `max_files`.
    """
    found: dict[str, FileSource] = {}
    skipped = {path.resolve() for path in exclude}
    for pattern in patterns:
        for path in _roots(pattern):
            for file in _below(path, skipped):
                whole = os.path.abspath(file)  # noqa: PTH100
                found[whole] = FileSource(file, source_name(file), _size(file))
                if len(found) > max_files:
                    raise TooLarge(
                        f"More than {max_files:,} files (ingest.max_files) under {pattern!r}: "
                        "ingest parts of it one by one, or raise the limit."
                    )
    return sorted(found.values(), key=lambda source: (source.name, source.path))


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        # Reading it will say why.
        return None


def source_name(path: Path) -> str:
    """How documents name this file: relative to the working folder where it is inside, with "/".

    What cannot be printed is written as `key_of` does.
    """
    # Not resolve(): a link keeps the name it is reached by.
    whole = Path(os.path.abspath(path))  # noqa: PTH100
    try:
        name = whole.relative_to(Path.cwd()).as_posix()
    except ValueError:
        name = whole.as_posix()
    return name if name.isprintable() else key_of(name)


def _roots(pattern: str) -> list[Path]:
    path = Path(pattern)
    try:
        if path.exists():
            return [path]
    except OSError as error:
        raise InvalidInput(
            f"{pattern[:200]!r} cannot be read: {error.strerror}.", param="path"
        ) from error
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    if not matches:
        raise InvalidInput(f"There is no file, folder or match for {pattern!r}.", param="path")
    return matches


def _below(path: Path, skipped: Set[Path]) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    top = path.resolve()
    closed: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=closed.append):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and (Path(folder) / name).resolve() not in skipped
        )
        for name in sorted(names):
            file = Path(folder) / name
            # Not Path.resolve(), which fails where links go in a circle.
            target = Path(os.path.realpath(file))
            if not name.startswith(".") and target.is_relative_to(top) and target not in skipped:
                yield file
    for error in closed:
        yield Path(error.filename)
