"""The public evaluation sets: where they are and how they are read."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARIABLE = "EVAL_DATA"


class NoData(Exception):
    """The evaluation sets are not here; the message says what to set."""


def folder(name: str) -> Path:
    """A set's folder."""
    root = os.environ.get(VARIABLE)
    if not root:
        raise NoData(f"set {VARIABLE} to the folder that holds {name!r}")
    path = Path(root) / name
    if not path.is_dir():
        raise NoData(f"{path} is not there")
    return path


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a .jsonl file, or of the same gzipped."""
    if not path.exists():
        path = path.with_name(f"{path.name}.gz")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    # Not splitlines(): a text may hold other line ends than "\n".
    yield from (json.loads(line) for line in content.decode().split("\n") if line.strip())
