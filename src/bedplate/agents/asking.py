"""Questions to a human about a call: may it be made, or has it been made already."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bedplate.agents import entries
from bedplate.agents.history import CallState
from bedplate.agents.leg import Leg
from bedplate.domain.reviews import Default, NewReview, Review
from bedplate.domain.runs import RunUsage
from bedplate.review.protocol import AskHuman
from bedplate.telemetry.trace import trace_id

Why = Literal["policy", "provenance", "doubt"]

CONTEXT_CHARACTERS = 2_000
URGENT = 7
"""A call that may have been made or not is before the others."""


@dataclass(frozen=True, slots=True)
class Question:
    """`details` say for `policy` nothing, for `provenance` which arguments nobody gave."""

    tool: str
    arguments: Mapping[str, Any]
    why: Why
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Humans:
    """`default` is what counts after `seconds` without a decision."""

    reviews: AskHuman
    seconds: float
    default: Default

    async def ask(self, leg: Leg, call: CallState, question: Question) -> Review:
        """Ask once; the log says what was asked."""
        run = leg.run
        review = await self.reviews.ask(
            NewReview(
                "tool_call",
                {
                    "tool": question.tool,
                    "arguments": question.arguments,
                    "run": run.id,
                    "context": {
                        "goal": run.goal[:CONTEXT_CHARACTERS],
                        "said": _said(leg),
                        "why": question.why,
                        "details": list(question.details),
                    },
                },
                tenant=run.tenant,
                assistant=run.assistant,
                trace=trace_id(),
                priority=URGENT if question.why == "doubt" else 5,
                seconds=self.seconds,
                # Nobody's silence may have a call made twice.
                default="reject" if question.why == "doubt" else self.default,
                once=f"{run.id}:{call.id}:{call.begun}:{digest(question.arguments)}",
            )
        )
        asked = entries.asked(
            call.id,
            review,
            arguments=question.arguments,
            why=question.why,
            details=question.details,
            begun=call.begun,
        )
        await leg.settle(RunUsage(), asked)
        return review

    async def look(self, leg: Leg, call: CallState) -> bool:
        """Whether what was asked about the call is decided, and in the log."""
        if call.asked is None:
            return False
        if call.decided is not None:
            return True
        review = await self.reviews.get(call.asked["review"], tenant=leg.run.tenant)
        decision = review.decision
        if decision is None:
            return False
        by = "default" if review.state == "expired" else decision.by
        said = entries.decided(
            call.id,
            review.id,
            decision.verdict,
            by=by,
            reason=decision.reason,
            value=decision.value,
        )
        await leg.settle(RunUsage(), said)
        return True


def digest(arguments: Mapping[str, Any]) -> str:
    """The same for the same arguments, in whatever order."""
    text = json.dumps(arguments, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _said(leg: Leg) -> str:
    """What the model said when it asked for the call."""
    told = (m.content for m in reversed(leg.history.messages) if m.role == "assistant")
    return next(told, "")[:CONTEXT_CHARACTERS]
