"""Personal data out of chunks, where the text that they were cut from is no longer there."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from bedplate.domain.documents import Chunk
from bedplate.domain.guard import Finding
from bedplate.guards.protocol import PiiGuard


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the document's text that chunks hold without a gap, from `start` on."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class _Replaced:
    """Where positions of the former text went to."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = findings
        self._starts = [finding.start for finding in findings]
        grown = (len(_mark(each)) - (each.end - each.start) for each in findings)
        self._shifts = [0, *accumulate(grown)]

    def start(self, position: int) -> int:
        """Of what begins there; at a finding's own start where that lies inside of it."""
        number = bisect_right(self._starts, position)
        if number and position < self._findings[number - 1].end:
            finding = self._findings[number - 1]
            return finding.start + self._shifts[number - 1]
        return position + self._shifts[number]

    def end(self, position: int) -> int:
        """Of what ends there; at a finding's own end where that lies inside of it."""
        number = bisect_right(self._starts, position - 1)
        if number and position <= self._findings[number - 1].end:
            return self._findings[number - 1].end + self._shifts[number]
        return position + self._shifts[number]


def redacted(
    chunks: Sequence[Chunk], guard: PiiGuard, redactions: Counter[str]
) -> tuple[Chunk, ...]:
    """The chunks, in order, without what `guard` finds, which is counted once by type.

    Chunks that overlap or touch are looked at as the one text that they are of, so that what lies
    across their border is found; one that begins or ends inside of a finding gets all of its mark.
    Positions go on counting in the text as it is now. A chunk whose text is not the stretch that
    its positions name is looked at by itself.
    """
    runs = runs_of(chunks)
    scrubbed = [guard.scrub(run.text) for run in runs]
    findings = [
        replace(each, start=each.start + run.start, end=each.end + run.start)
        for run, found in zip(runs, scrubbed, strict=True)
        for each in found.findings
    ]
    redactions.update(finding.type for finding in findings)
    places = _Replaced(findings)
    starts = [run.start for run in runs]
    made: list[Chunk] = []
    for chunk in chunks:
        start, end = places.start(chunk.start), places.end(chunk.end)
        number = bisect_right(starts, chunk.start)
        if number and _is_in(chunk, runs[number - 1]):
            first = places.start(runs[number - 1].start)
            text = scrubbed[number - 1].text[start - first : end - first]
        else:
            alone = guard.scrub(chunk.text)
            redactions.update(finding.type for finding in alone.findings)
            text = alone.text
        heading = chunk.heading and guard.scrub(chunk.heading).text
        made.append(replace(chunk, text=text, start=start, end=end, heading=heading))
    return tuple(made)


def runs_of(chunks: Sequence[Chunk]) -> list[Run]:
    """The stretches of text that the chunks hold together, in order, without overlap."""
    runs: list[Run] = []
    parts: list[str] = []
    first, last = 0, None
    for chunk in chunks:
        if len(chunk.text) != chunk.end - chunk.start:
            continue
        if last is None or chunk.start > last.end:
            if parts:
                runs.append(Run(first, "".join(parts)))
            first, parts, last = chunk.start, [chunk.text], chunk
        elif chunk.start >= last.start and _agree(chunk, last) and chunk.end > last.end:
            parts.append(chunk.text[last.end - chunk.start :])
            last = chunk
    return [*runs, Run(first, "".join(parts))] if parts else runs


def _agree(chunk: Chunk, last: Chunk) -> bool:
    return chunk.text.startswith(last.text[chunk.start - last.start :])


def _is_in(chunk: Chunk, run: Run) -> bool:
    at = chunk.start - run.start
    return len(chunk.text) == chunk.end - chunk.start and run.text.startswith(chunk.text, at)


def _mark(finding: Finding) -> str:
    return f"[{finding.type}]"
