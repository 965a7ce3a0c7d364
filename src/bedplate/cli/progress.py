# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""How far a command is, on stderr: a bar on a terminal, or lines of JSON when asked for."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bedplate.cli.screen import console, one_line
from bedplate.pace import Meter

if TYPE_CHECKING:
    from rich.progress import Progress, Task

    from bedplate.ingest.fill import Advance, Headway
    from bedplate.pace import Left, Reading

Form = Literal["bar", "json", "off"]

BAR_SECONDS = 1.0
"""Work that is done sooner shows no bar."""

LINE_SECONDS = 0.5
"""Between two lines of JSON; the last one is always written."""

BAR_WIDTH = 16
PART = 40


@dataclass(frozen=True, slots=True)
class State:
    """How far the work is.

    `done` of `total` are what `unit` says; `count` of what `counted` says give the rate; the time
    left goes by `weight` of `weights`, in what takes time. Totals are None while not known.
    """

    done: int
    total: int | None
    unit: str
    count: int
    counted: str
    weight: int
    weights: int | None
    phase: str = ""
    note: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


Tell = Callable[[State], None]


@contextmanager
def telling(what: str, form: Form | None) -> Generator[Tell]:
    """Shows the work called `what` while the block runs; without a form, a bar."""
    if form == "json":
        lines = _Lines(what)
        try:
            yield lines.tell
        finally:
            lines.finish()
    elif form == "off":
        yield lambda _: None
    else:
        with _drawn() as bar:
            yield _Bar(what, bar).tell


@contextmanager
def advancing(what: str, form: Form | None) -> Generator[Advance]:
    """Shows a collection that is written anew."""
    with telling(what, form) as tell:

        def advance(now: Headway) -> None:
            whole, chunks = now.collection.documents, now.collection.chunks
            waits = now.waiting_seconds
            tell(
                State(
                    min(now.documents, whole),
                    whole,
                    "documents",
                    now.chunks,
                    "chunks",
                    min(now.chunks, chunks),
                    chunks,
                    phase="" if waits is None else f"{what}: waits",
                    note="" if waits is None else f"{waits:g} s for searches on the former index",
                    facts={
                        "collection": now.collection.name,
                        "chunks": now.chunks,
                        "waiting_seconds": waits,
                    },
                )
            )

        yield advance


def left_text(left: Left) -> str:
    """The range in words, rounded outwards: what is said holds wherever what is known holds."""
    if left.high < 90:
        unit, size, step = "s", 1, 5
    elif left.high < 90 * 60:
        unit, size, step = "min", 60, 1
    elif left.high < 36 * 3600:
        unit, size, step = "h", 3600, 1
    else:
        unit, size, step = "days", 86_400, 1
    low = math.floor(left.low / size / step) * step
    high = max(step, math.ceil(left.high / size / step) * step)
    if low == high:
        return f"about {low:,} {unit} left"
    return f"about {low:,} to {high:,} {unit} left" if low else f"less than {high:,} {unit} left"


def reading_text(state: State, reading: Reading) -> str:
    """Counts, rate and time left, the most wanted first: a narrow terminal cuts at the end."""
    whole = "" if state.total is None else f"/{state.total:,}"
    parts = [f"{state.done:,}{whole} {state.unit}"]
    ends = state.weights is None or state.weight < state.weights
    if ends and reading.left is not None:
        parts.append(left_text(reading.left))
    if reading.rate is not None:
        # Passages is what people read everywhere else.
        counted = "passages" if state.counted == "chunks" else state.counted
        parts.append(f"{_rate(reading.rate)} {counted}/s")
    if state.note:
        parts.append(state.note)
    return " · ".join(parts)


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


class _Measured:
    """The meter of the phase that the work is in: its rate and end do not follow from others'."""

    def __init__(self) -> None:
        self.phase = ""
        self.meter = Meter()

    def add(self, state: State) -> None:
        if state.phase != self.phase:
            self.phase, self.meter = state.phase, Meter()
        self.meter.add(state.count, state.weight, state.weights)


class _Lines:
    """A JSON object a line on stderr."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._measured = _Measured()
        self._due = -math.inf
        self._unsaid: State | None = None

    def tell(self, state: State) -> None:
        if state.phase != self._measured.phase:
            self.finish()
            # Nothing else may be said for as long as the phase lasts.
            self._due = -math.inf
        self._measured.add(state)
        self._unsaid = state
        if time.monotonic() >= self._due:
            self.finish()

    def finish(self) -> None:
        """Say what was not said yet."""
        if (state := self._unsaid) is None:
            return
        self._unsaid = None
        self._due = time.monotonic() + LINE_SECONDS
        reading = self._measured.meter.read()
        left = reading.left
        line = {
            "progress": self._what,
            "done": state.done,
            "total": state.total,
            "unit": state.unit,
            **state.facts,
            "rate": None if reading.rate is None else round(reading.rate, 3),
            "rate_unit": state.counted,
            "eta_seconds": left and {"low": round(left.low, 1), "high": round(left.high, 1)},
            "seconds": round(reading.seconds, 3),
        }
        sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stderr.flush()


class _Bar:
    """One task of a Progress; read anew at each drawing, so that a stall shows."""

    def __init__(self, what: str, bar: Progress) -> None:
        self._what = what
        self._bar = bar
        self._measured = _Measured()
        self._task = bar.add_task(what, total=None, visible=False, state=None, meter=None)
        self._began = time.monotonic()

    def tell(self, state: State) -> None:
        self._measured.add(state)
        self._bar.update(
            self._task,
            description=one_line(state.phase or self._what)[:PART],
            completed=state.weight,
            total=state.weights,
            visible=time.monotonic() - self._began > BAR_SECONDS,
            state=state,
            meter=self._measured.meter,
        )


def _drawn() -> Progress:
    """A bar on stderr that leaves no trace; nothing at all when stderr is no terminal."""
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Readings(ProgressColumn):
        def render(self, task: Task) -> Text:
            state: State | None = task.fields["state"]
            shown = "" if state is None else reading_text(state, task.fields["meter"].read())
            return Text(one_line(shown), no_wrap=True, overflow="ellipsis")

    target = console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=BAR_WIDTH),
        Readings(table_column=Column(no_wrap=True, overflow="ellipsis")),
        console=target,
        transient=True,
        # What goes to stdout may be redirected, and would end up on this terminal instead.
        redirect_stdout=False,
        disable=not target.is_terminal,
    )
