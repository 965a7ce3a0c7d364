"""What each kind of entry of a run's log says.

A call is named by the number of the model's entry that asked for it and its place there, "4.0":
providers give the same id twice.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bedplate.domain.chat import Usage
from bedplate.domain.reviews import Review
from bedplate.domain.runs import NewEntry, RunStatus
from bedplate.domain.tools import ToolCall
from bedplate.tools.protocol import ToolResult


def started(goal: str) -> NewEntry:
    return NewEntry("started", {"goal": goal})


def message(text: str) -> NewEntry:
    """Something that the user said later."""
    return NewEntry("message", {"text": text})


def posted(source: str, text: str) -> NewEntry:
    """What came with the goal from elsewhere: data, as a tool's result is."""
    return NewEntry("message", {"text": text, "source": source})


def answered(
    text: str,
    calls: Sequence[ToolCall],
    *,
    finish: str,
    model: str,
    reasoning: Any,
    usage: Usage,
    took_ms: float,
) -> NewEntry:
    """What a model said, and which tools it wants called."""
    return NewEntry(
        "model",
        {
            "text": text,
            "calls": [{"id": c.id, "tool": c.name, "arguments": c.arguments} for c in calls],
            "finish": finish,
            "model": model,
            "reasoning": reasoning,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "usd": None if usage.cost_usd is None else str(usage.cost_usd),
            "took_ms": round(took_ms, 1),
        },
    )


def intent(
    call: str, tool: str, arguments: Mapping[str, Any], *, key: str, effect: str
) -> NewEntry:
    """A tool is about to be called; without a result after it, it may have been."""
    return NewEntry(
        "call",
        {"call": call, "tool": tool, "arguments": arguments, "key": key, "effect": effect},
    )


def result(
    call: str, tool: str, outcome: ToolResult, *, by: str = "tool", trusted: bool = False
) -> NewEntry:
    """`by` says whose words the text is: the tool's, now or in an earlier call ("repeat"), the
    server's, a human's or another run's.
    """
    return NewEntry(
        "result",
        {
            "call": call,
            "tool": tool,
            "text": outcome.text,
            "failed": outcome.failed,
            "by": by,
            "trusted": trusted or by == "human",
            **({"truncated": True} if outcome.truncated else {}),
        },
    )


def asked(
    call: str,
    review: Review,
    *,
    arguments: Mapping[str, Any],
    why: str,
    details: Sequence[str] = (),
    begun: int = 0,
) -> NewEntry:
    """A human is asked about a call with exactly these arguments, after so many intents."""
    return NewEntry(
        "asked",
        {
            "call": call,
            "review": review.id,
            "arguments": arguments,
            "why": why,
            "details": details,
            "begun": begun,
            "due": review.due_at.isoformat(),
        },
    )


def decided(call: str, review: str, verdict: str, *, by: str, reason: str, value: Any) -> NewEntry:
    return NewEntry(
        "decided",
        {
            "call": call,
            "review": review,
            "verdict": verdict,
            "by": by,
            "reason": reason,
            "value": value,
        },
    )


def child(call: str, run: str) -> NewEntry:
    return NewEntry("child", {"call": call, "run": run})


def undo(call: str, tool: str, arguments: Mapping[str, Any], *, key: str) -> NewEntry:
    """What a call did is about to be taken back by another tool."""
    return NewEntry("undo", {"call": call, "tool": tool, "arguments": arguments, "key": key})


def undone(call: str, tool: str, outcome: ToolResult) -> NewEntry:
    return NewEntry(
        "undone",
        {
            "call": call,
            "tool": tool,
            "text": outcome.text,
            "failed": outcome.failed,
            "unknown": outcome.unknown,
        },
    )


def compacted(before: int, text: str, cleared: Sequence[int]) -> NewEntry:
    """Rounds before that entry, told in short, and results in those entries are not shown any more."""
    return NewEntry("compacted", {"before": before, "text": text, "cleared": list(cleared)})


def status(to: RunStatus, *, reason: str = "", message: str = "") -> NewEntry:
    return NewEntry("status", {"status": to, "reason": reason, "message": message})
