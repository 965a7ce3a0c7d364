"""What a guard found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A span of text and what it is, e.g. EMAIL; offsets count code points, `score` is 0 to 1."""

    type: str
    start: int
    end: int
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """Text with its findings replaced; the findings' offsets refer to the original."""

    text: str
    findings: tuple[Finding, ...]
