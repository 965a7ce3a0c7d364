"""What a guard found."""

from dataclasses import dataclass
from typing import Literal


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

    @staticmethod
    def of(text: str, findings: tuple[Finding, ...]) -> "Scrubbed":
        """Each finding, apart and in order, replaced by its type in brackets, e.g. "[EMAIL]"."""
        parts: list[str] = []
        position = 0
        for finding in findings:
            parts += (text[position : finding.start], f"[{finding.type}]")
            position = finding.end
        return Scrubbed("".join((*parts, text[position:])), findings)


TextKind = Literal["user", "document", "tool"]
"""Who wrote a text: somebody who may ask for things; or nobody who may."""

Action = Literal["flag", "sanitise", "block"]
"""Let pass and say so; drop the sentences; keep the text out."""

Decision = Literal["allow", "flag", "sanitise", "block"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a text looks like an injection: a rule, or "model", and where in the text it found that.

    `how` is what had to be undone to see it, outermost first, e.g. ("base64",). `start` and `end`
    are 0 where it is about the text as a whole.
    """

    rule: str
    score: float
    start: int = 0
    end: int = 0
    how: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Injection:
    """Whether a text tries to give a model orders it must not take; `score` is 0 to 1."""

    score: float
    decision: Decision
    reasons: tuple[Reason, ...] = ()

    @property
    def flagged(self) -> bool:
        return self.decision != "allow"
