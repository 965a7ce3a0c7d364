"""A page of a source's listing, as the catalog is told of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from bedplate.sources.protocol import MAX_KEY, Gone, Item

MAX_VERSION = 200

Told = tuple[str | None, int | None]


@dataclass(slots=True)
class ListedPage:
    """What was listed last of each key counts: its version and size, or None for one told to be gone."""

    told: dict[str, Told | None] = field(default_factory=dict[str, Told | None])

    def add(self, each: Item | Gone) -> bool:
        """False for what has no usable key."""
        if not (0 < len(each.key) <= MAX_KEY and each.key.isprintable()):
            return False
        self.told[each.key] = None if isinstance(each, Gone) else (_short(each.version), each.size)
        return True

    @property
    def items(self) -> Sequence[tuple[str, str | None, int | None]]:
        return [(key, *told) for key, told in self.told.items() if told is not None]

    @property
    def gone(self) -> Sequence[str]:
        return [key for key, told in self.told.items() if told is None]

    def __len__(self) -> int:
        return len(self.told)


def _short(version: str | None) -> str | None:
    if version is None or (len(version) <= MAX_VERSION and version.isprintable()):
        return version
    return hashlib.sha256(version.encode(errors="replace")).hexdigest()
