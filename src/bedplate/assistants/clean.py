"""`clean`: what nobody can see goes out of the question, and what looks alike is written alike."""

import unicodedata
from dataclasses import replace

from bedplate.assistants.protocol import StageParts, Work
from bedplate.domain.chat import Message, TextPart
from bedplate.telemetry.conventions import CLEANED
from bedplate.telemetry.trace import current_span

KEPT = frozenset("\n\t")
INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
JOINERS = frozenset("\u200c\u200d")
"""Needed to write Persian, Indic scripts and joined emoji."""


class Clean:
    """Characters without a shape are taken out of what the user said last, and Unicode is composed."""

    async def run(self, work: Work) -> Work:
        question = cleaned(work.question)
        step = current_span()
        if step is not None:
            step.set(CLEANED, len(work.question) - len(question))
        if question == work.question:
            return work
        last = max(n for n, m in enumerate(work.request.messages) if m.role == "user")
        messages = tuple(
            _said(message) if number == last else message
            for number, message in enumerate(work.request.messages)
        )
        return replace(
            work,
            question=question,
            asking=replace(work.asking, question=question),
            request=replace(work.request, messages=messages),
        )

    def holds(self, work: Work) -> bool:
        return False


def _said(message: Message) -> Message:
    parts = tuple(
        replace(part, text=cleaned(part.text)) if isinstance(part, TextPart) else part
        for part in message.parts
    )
    return replace(message, content=cleaned(message.content), parts=parts)


def cleaned(text: str) -> str:
    """NFC, without control, format, private and unassigned characters; lines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return "".join(
        each
        for each in unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
        if each in KEPT or each in JOINERS or unicodedata.category(each) not in INVISIBLE
    ).strip()


def open_clean(parts: StageParts) -> Clean:
    return Clean()
