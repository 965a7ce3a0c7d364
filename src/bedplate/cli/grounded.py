"""A check of an answer as the command line writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bedplate.domain.answers import Claim, Grounding


def grounded_as_json(found: Grounding) -> dict[str, Any]:
    told: dict[str, Any] = {
        "score": found.score,
        "verdict": found.verdict,
        "claims": [_claim(claim) for claim in found.claims],
    }
    if found.reason:
        told["reason"] = found.reason
    if found.unread:
        told["unread"] = found.unread
    return told


def _claim(claim: Claim) -> dict[str, Any]:
    evidence = claim.evidence
    return {
        "text": claim.text,
        "supported": claim.supported,
        "score": claim.score,
        "start": claim.start,
        "end": claim.end,
        "cited": claim.cited,
        "invalid": claim.invalid,
        "uncited": claim.uncited,
        "mismatches": claim.mismatches,
        "evidence": evidence
        and {
            "passage": evidence.passage,
            "text": evidence.text,
            "start": evidence.start,
            "end": evidence.end,
        },
    }
