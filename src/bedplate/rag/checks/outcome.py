"""What is left to say of an answer once its text is out."""

from dataclasses import dataclass

from bedplate.domain.answers import Citation, Grounding
from bedplate.domain.chat import FinishReason
from bedplate.domain.checks import PASSED, Action, Checked, Failure
from bedplate.rag.checks.draft import Draft
from bedplate.rag.checks.inspection import UNCHECKED, Inspection


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last of a checked answer. `reason` and `model` are those of the call that wrote it; None
    where no model did.
    """

    text: str
    grounding: Grounding
    checked: Checked
    citations: tuple[Citation, ...] = ()
    refused: bool = False
    reason: FinishReason | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that leaves."""

    text: str


def instead(text: str, checked: Checked, *, refused: bool = True) -> Outcome:
    """Text of our own in an answer's place."""
    return Outcome(text, UNCHECKED, checked, refused=refused)


def of_inspection(found: Inspection, action: Action, *, tries: int = 1) -> Outcome:
    """The text as it was inspected."""
    checked = Checked(action, found.failures, tries)
    return Outcome(found.text, found.grounding, checked, found.citations, refused=found.refused)


def passed_or(action: Action, failures: tuple[Failure, ...]) -> Action:
    return action if failures else "passed"


def calls(draft: Draft) -> bool:
    """Whether it ends in calls of the client's functions, whose answers it waits for."""
    return draft.end is not None and draft.end.reason == "tool_calls"


def unchecked(draft: Draft) -> Outcome:
    """A draft as it is."""
    end = draft.end
    return Outcome(
        draft.text,
        UNCHECKED,
        PASSED,
        reason=end.reason if end else None,
        model=end.model if end else None,
    )
