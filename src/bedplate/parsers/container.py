"""Blobs that hold others: each part is read by the same table of readers, within one budget."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath

from bedplate.domain.documents import Blob, Document, Failure, Parsed
from bedplate.errors import BedplateError, TooLarge, Unreadable
from bedplate.parsers import OPENERS, READERS
from bedplate.parsers.detect import Detected, detect
from bedplate.parsers.parts import (
    INSIDE,
    Budget,
    OpenContainer,
    Part,
    harmless_name,
    short_name,
)
from bedplate.parsers.protocol import ParseLimits

_DEEPEST = 5
_MOST_FAILURES = 1_000
_MOST_WARNINGS = 1_000
_LONGEST_SOURCE = 800


def read_parts(blob: Blob, limits: ParseLimits, opener: OpenContainer) -> Parsed:
    """Everything in a container and in the containers inside it.

    A part that cannot be read is a Failure under its own name, and stops nothing. What was read
    before a limit was met, or before the container turned out to be broken, is kept.

    Raises:
        Unreadable: the container itself cannot be opened, or holds nothing.
        TooLarge: it is over a limit before anything was read.
    """
    reading = _Reading(blob, limits)
    reading.open(blob, opener, 1)
    return reading.parsed()


class _Reading:
    """Goes through a container and those inside it, depth first."""

    def __init__(self, blob: Blob, limits: ParseLimits) -> None:
        self._origin = blob.source
        self._budget = Budget(blob, limits)
        self._names: Counter[str] = Counter()
        self._documents: list[Document] = []
        self._failures: list[Failure] = []
        self._warnings: list[str] = []

    def open(self, blob: Blob, opener: OpenContainer, depth: int) -> None:
        try:
            for piece in opener(blob, self._budget):
                match piece:
                    case Part():
                        self._budget.part()
                        self._read(blob, piece, depth)
                    case Document():
                        self._keep(piece)
                    case Failure():
                        self._failures.append(piece)
                    case str():
                        self._warn(blob.source, piece)
                if self._budget.spent:
                    return
        except (Unreadable, TooLarge) as error:
            if depth == 1 and not self._documents and not self._failures:
                raise
            self._fail(blob.source, error)

    def _read(self, parent: Blob, part: Part, depth: int) -> None:
        source = self._source(parent, part)
        blob = Blob(part.content, source, part.media_type)
        before = len(self._documents)
        try:
            if not part.content:
                raise Unreadable(f"{source!r} is empty.", reason="empty")
            found = detect(blob)
            if found.format.opener:
                self._nest(blob, found, depth)
            else:
                self._take(source, READERS.load(found.format.name)(blob, self._budget.limits))
            if found.warning:
                self._warn(source, found.warning)
        except MemoryError:
            self._fail(source, TooLarge(f"{source!r} needs more memory than a file may take."))
        except RecursionError:
            nested = f"{source!r} is nested too deeply."
            self._fail(source, Unreadable(nested, reason="malformed"))
        except BedplateError as error:
            if part.optional:
                self._warn(source, error.message)
            else:
                self._fail(source, error)
        facts = {**part.metadata, "part_of": parent.source}
        self._documents[before:] = [
            # A part of a part says which one it lies in.
            replace(document, metadata={**facts, **document.metadata})
            for document in self._documents[before:]
        ]

    def _nest(self, blob: Blob, found: Detected, depth: int) -> None:
        if depth >= _DEEPEST:
            raise Unreadable(
                f"{blob.source!r} lies {_DEEPEST} containers deep and was not opened.",
                reason="nested",
            )
        self.open(blob, OPENERS.load(found.format.name), depth + 1)

    def _take(self, source: str, parsed: Parsed) -> None:
        for document in parsed.documents:
            self._keep(document)
        self._failures += parsed.failures
        for warning in parsed.warnings:
            self._warn(source, warning)

    def _keep(self, document: Document) -> None:
        self._budget.keep(document)
        self._documents.append(replace(document, origin=self._origin))

    def _source(self, parent: Blob, part: Part) -> str:
        """The part's name under its container's; numbered when another has it already."""
        name = harmless_name(part.name)
        source = f"{parent.source}{INSIDE}{name}"
        if len(source) > _LONGEST_SOURCE:
            digest = hashlib.sha256(source.encode()).hexdigest()[:16]
            source = f"{self._origin[:_LONGEST_SOURCE]}{INSIDE}{digest}/{short_name(name)}"
        self._names[source] += 1
        count = self._names[source]
        if count > 1:
            ending = PurePosixPath(source).suffix
            source = f"{source.removesuffix(ending)} ({count}){ending}"
            self._names[source] += 1
        return source

    def _fail(self, source: str, error: BedplateError) -> None:
        code = getattr(error, "reason", error.code)
        self._failures.append(Failure(source, code, error.message))

    def _warn(self, source: str, remark: str) -> None:
        inside = source.removeprefix(f"{self._origin}{INSIDE}")
        self._warnings.append(remark if source == self._origin else f"{inside}: {remark}")

    def parsed(self) -> Parsed:
        if not self._documents and not self._failures:
            raise Unreadable(f"{self._origin!r} holds nothing to read.", reason="empty")
        warnings = self._warnings[:_MOST_WARNINGS]
        if len(self._failures) > _MOST_FAILURES:
            warnings.append(
                f"{len(self._failures):,} parts failed; the first {_MOST_FAILURES:,} are listed."
            )
        return Parsed(
            tuple(self._documents), tuple(self._failures[:_MOST_FAILURES]), tuple(warnings)
        )
