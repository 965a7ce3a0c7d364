"""What trials of speculation found, kept in a file so that it outlives the process."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

FILE = "managed-speculation.json"


@dataclass(frozen=True, slots=True)
class Tried:
    """One mode: `seconds` are what the prompts' answers take in it, as long as they really were;
    `gain` is the share of the plain seconds that it saves, and negative where it costs some; `same`
    counts the prompts whose answer was word for word the plain one.
    """

    mode: str
    seconds: float
    gain: float
    same: int


@dataclass(frozen=True, slots=True)
class Finding:
    """`spread` is by what share the two plain runs differ: no smaller gain is believed. `kept` is the
    mode that is used from then on. `of` says which model and server it holds for.
    """

    of: str
    at: datetime
    prompts: int
    plain_seconds: float
    spread: float
    tried: tuple[Tried, ...]
    kept: str


_FINDINGS = TypeAdapter(dict[str, Finding])


class Findings:
    """By the model's configured name. Without a folder they last as long as this does."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = None if folder is None else folder / FILE

    def read(self) -> Mapping[str, Finding]:
        """A file that is not there or cannot be read is as none: trials are made again."""
        if self._path is None:
            return {}
        try:
            return _FINDINGS.validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return {}

    def write(self, name: str, finding: Finding) -> None:
        """OSError where the disk refuses."""
        if self._path is None:
            return
        found = {**self.read(), name: finding}
        plain = {each: asdict(one) for each, one in found.items()}
        beside = self._path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(plain, default=str, indent=2), encoding="utf-8")
        beside.replace(self._path)
