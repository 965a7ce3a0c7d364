"""What becomes of personal data that was found, by direction and tenant."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bedplate.domain.guard import Finding, Scrubbed
from bedplate.guards.protocol import PiiGuard
from bedplate.guards.spans import Finder, Scan

Mode = Literal["mask", "hash", "pseudonym", "block", "keep"]
Direction = Literal["ingest", "input", "output", "traces", "logs"]

_MARK = 8
"""Hexadecimal digits of a hash: enough to tell values of one conversation apart."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`on` are the directions it holds for. `modes` are those of single types, `mode` that of others.

    `allow` are values that are nobody's secret, or "@domain" for all of its e-mail addresses, in
    small letters. `key` makes hashes that cannot be guessed from a list of values.
    """

    on: frozenset[Direction] = frozenset({"ingest"})
    mode: Mode = "mask"
    modes: Mapping[str, Mode] = field(default_factory=dict[str, Mode])
    allow: frozenset[str] = frozenset()
    key: bytes = b""

    def of(self, type: str, value: str) -> Mode:
        plain = value.casefold()
        if plain in self.allow or plain[plain.rfind("@") :] in self.allow:
            return "keep"
        return self.modes.get(type, self.mode)

    def hash(self, type: str, value: str) -> str:
        """The type and a short keyed hash (HMAC-SHA-256), the same for the same value."""
        digest = hmac.new(
            self.key, f"{type}:{value.casefold()}".encode("utf-8", "replace"), hashlib.sha256
        )
        return f"[{type}:{digest.hexdigest()[:_MARK]}]"


class Kept:
    """A guard for documents: what the policy keeps is not found, and all else is masked.

    A document outlives every conversation, so that pseudonyms would name nothing.
    """

    def __init__(self, guard: PiiGuard, policy: Policy) -> None:
        self._guard = guard
        self._policy = policy

    @property
    def slow(self) -> bool:
        return self._guard.slow

    @property
    def shaped(self) -> PiiGuard:
        return Kept(self._guard.shaped, self._policy)

    def find(self, text: str) -> tuple[Finding, ...]:
        return tuple(f for f in self._guard.find(text) if self._is_meant(f, text))

    def scan(self, text: str, start: int) -> list[Finding]:
        return [f for f in self._guard.scan(text, start) if self._is_meant(f, text)]

    def finder(self, scan: Scan, before: str = "") -> Finder:
        return self._guard.finder(scan, before)

    def scrub(self, text: str) -> Scrubbed:
        return Scrubbed.of(text, self.find(text))

    def _is_meant(self, finding: Finding, text: str) -> bool:
        return self._policy.of(finding.type, text[finding.start : finding.end]) != "keep"


def replaced(text: str, findings: tuple[Finding, ...], mark: Callable[[str, str], str]) -> str:
    """The text with each finding replaced by what `mark` makes of its type and value."""
    parts: list[str] = []
    position = 0
    for found in findings:
        parts += (text[position : found.start], mark(found.type, text[found.start : found.end]))
        position = found.end
    return "".join((*parts, text[position:]))
