"""Footnotes and endnotes of Word documents, which stand in parts of their own."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections import Counter
from typing import Any

from docx.oxml.ns import qn

from bedplate.errors import Unreadable
from bedplate.parsers.package import Package

Element = Any

_KINDS = {
    qn("w:footnoteReference"): ("footnotes", qn("w:footnote"), "Note"),
    qn("w:endnoteReference"): ("endnotes", qn("w:endnote"), "Endnote"),
}
REFERENCES = frozenset(_KINDS)
_ID = qn("w:id")


class Notes:
    """The notes of a document by what refers to them, counted in the order that they are asked for."""

    def __init__(self, package: Package, root: str) -> None:
        self.warnings: list[str] = []
        self._stories: dict[tuple[str, str], Element] = {}
        self._count: Counter[str] = Counter()
        for reference, (kind, tag, _) in _KINDS.items():
            for part in package.related(root, kind):
                try:
                    found: Element = package.xml(part)
                except Unreadable as error:
                    self.warnings.append(f"The {kind} were not read. {error.message}")
                    continue
                for story in found.iter(tag):
                    self._stories[reference, story.get(_ID, "")] = story

    def find(self, reference: Element) -> tuple[str, Element] | None:
        """What the note is called ("Note 3"), and its story; None for one that is not there."""
        story = self._stories.pop((reference.tag, reference.get(_ID, "")), None)
        if story is None:
            return None
        name = _KINDS[reference.tag][2]
        self._count[name] += 1
        return f"{name} {self._count[name]}", story
