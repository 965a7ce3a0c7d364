"""A model told what was wrong with its answer, to write it anew or to go on."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

from bedplate.domain.answers import REFUSAL
from bedplate.domain.chat import ChatRequest, Message
from bedplate.domain.checks import Failure
from bedplate.rag.quoted import quoted

MOST_FAILURES = 20
LONGEST_CLAIM = 500


class Repair:
    def __init__(self) -> None:
        folder = files("bedplate.rag").joinpath("prompts")
        self._anew = folder.joinpath("repair.md").read_text(encoding="utf-8")
        self._go_on = folder.joinpath("go_on.md").read_text(encoding="utf-8")

    def anew(self, first: ChatRequest, text: str, failures: Sequence[Failure]) -> ChatRequest:
        """The first request again, with the answer that failed and why."""
        return self._told(first, text, self._anew, failures)

    def go_on(self, first: ChatRequest, sent: str, failures: Sequence[Failure]) -> ChatRequest:
        """The same where the beginning of the answer was sent."""
        if not sent.strip():
            return self._told(first, failures[0].claim, self._anew, failures)
        return self._told(first, sent, self._go_on, failures)

    def _told(
        self, first: ChatRequest, text: str, template: str, failures: Sequence[Failure]
    ) -> ChatRequest:
        told = template.format(failures=_lines(failures), refusal=REFUSAL)
        said = (Message("assistant", text), Message("user", told))
        return replace(first, messages=(*first.messages, *said))


def _lines(failures: Sequence[Failure]) -> str:
    """One line of JSON each: what was said, and what is wrong with it."""
    return "\n".join(
        quoted(
            {"statement": each.claim[:LONGEST_CLAIM], "problem": each.message}
            if each.claim
            else {"problem": each.message}
        )
        for each in failures[:MOST_FAILURES]
    )
