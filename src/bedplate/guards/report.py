"""A text looked at by the guards alone: what they find in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedplate.domain.guard import Finding, Injection
from bedplate.guards.policy import Policy
from bedplate.guards.protocol import PiiGuard


@dataclass(frozen=True, slots=True)
class Report:
    """`masked` is the text with personal data replaced by its types. `blocked` is whether the policy
    lets no model be asked with it.
    """

    injection: Injection
    pii: tuple[Finding, ...]
    masked: str
    blocked: bool


def reports(
    texts: Sequence[str], verdicts: Sequence[Injection], pii: PiiGuard | None, policy: Policy
) -> list[Report]:
    """`verdicts` are those of the texts; without a guard against personal data none is found."""
    made: list[Report] = []
    for text, verdict in zip(texts, verdicts, strict=True):
        scrubbed = None if pii is None else pii.scrub(text)
        findings = scrubbed.findings if scrubbed else ()
        blocked = any(policy.of(f.type, text[f.start : f.end]) == "block" for f in findings)
        made.append(Report(verdict, findings, scrubbed.text if scrubbed else text, blocked))
    return made
