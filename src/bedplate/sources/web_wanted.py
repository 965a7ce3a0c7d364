"""Which pages a listing is of, and which it had already."""

import hashlib
from dataclasses import dataclass, field

from bedplate.sources.protocol import Gap
from bedplate.sources.web_url import fits, site_of


class Seen:
    """URLs that were met, in 16 bytes each."""

    def __init__(self) -> None:
        self._met: set[bytes] = set()

    def add(self, url: str) -> bool:
        """Whether it is new."""
        mark = hashlib.blake2b(url.encode(), digest_size=16).digest()
        if mark in self._met:
            return False
        self._met.add(mark)
        return True

    def __len__(self) -> int:
        return len(self._met)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of one listing. `most` bounds its pages."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    sites: frozenset[str]
    most: int
    listed: Seen = field(default_factory=Seen)

    def takes(self, url: str) -> bool:
        """Whether a page is to be listed; True once for each."""
        return fits(url, self.include, self.exclude) and self.listed.add(url)

    def follows(self, url: str) -> bool:
        """Whether a page is looked at for links."""
        return site_of(url) in self.sites and fits(url, (), self.exclude)

    def gap(self) -> Gap:
        """There are more."""
        return Gap("", "too_many_pages", f"There are more than {self.most:,} pages (max_pages).")
