"""What is said of a run that stopped before its goal: what was done, and what is open."""

from collections import Counter

from bedplate.agents.history import History

MOST_SAID = 500


def summary(history: History, why: str) -> str:
    """Plain sentences, made from the log alone."""
    done = Counter(c.request.name for c in history.finished if c.result and not c.result["failed"])
    failed = Counter(c.request.name for c in history.finished if c.result and c.result["failed"])
    lines = [why] if why else []
    lines.append(f"Done: {_counted(done) or 'no call'}.")
    if failed:
        lines.append(f"Failed: {_counted(failed)}.")
    waiting = [c.request.name + _state(c.begun) for c in history.open]
    lines.append(f"Open: {', '.join(waiting) if waiting else 'the next step towards the goal'}.")
    said = next((m.content for m in reversed(history.messages) if m.role == "assistant"), "")
    if said.strip():
        lines.append(f"Said last: {said.strip()[:MOST_SAID]}")
    return "\n".join(lines)


def _counted(calls: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in calls.items())


def _state(begun: int) -> str:
    return " (begun, its result is not known)" if begun else ""
