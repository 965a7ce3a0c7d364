"""The numbers of several processes as one: each keeps its own in a file that the others read.

Counts of a process that ended stay in; its gauges do not, as another took its place.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

CREATED = "_created"
ENDING = ".json"


class Family(msgspec.Struct, frozen=True):
    name: str
    about: str
    type: str
    samples: list[tuple[str, dict[str, str], float]]


class Snapshot(msgspec.Struct, frozen=True):
    """What one process counted. `place` is the worker it is, `started` when it became that."""

    place: int
    started: float
    families: list[Family]


class SharedMetrics:
    """`folder` is that of all workers; `gauges` names those that are each process's own."""

    def __init__(
        self, own: Collector, folder: Path, place: int, started: float, gauges: frozenset[str]
    ) -> None:
        self._own = own
        self._folder = folder
        self._file = folder / f"{place}-{os.getpid()}{ENDING}"
        self._place = place
        self._started = started
        self._gauges = gauges
        self._written = b""

    def write(self) -> None:
        """Let the others know what was counted up to now; OSError where the file cannot be written."""
        encoded = msgspec.json.encode(self._snapshot())
        if encoded == self._written:
            return
        fresh = self._file.with_suffix(".new")
        fresh.write_bytes(encoded)
        fresh.replace(self._file)
        self._written = encoded

    def collect(self) -> Iterable[Metric]:
        """Ours as of now and the others' as last written, added up."""
        snapshots = [self._snapshot(), *self._others()]
        newest: dict[int, float] = {}
        for each in snapshots:
            newest[each.place] = max(newest.get(each.place, 0.0), each.started)
        summed: dict[str, Family] = {}
        values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
        for each in snapshots:
            for family in each.families:
                known = summed.setdefault(family.name, family)
                if family.type == "gauge" and (
                    each.started < newest[each.place]
                    or (family.name not in self._gauges and each is not snapshots[0])
                ):
                    continue
                rows = values.setdefault(known.name, {})
                for name, labels, value in family.samples:
                    row = name, tuple(labels.items())
                    if name.endswith(CREATED):
                        rows[row] = min(value, rows.get(row, value))
                    else:
                        rows[row] = rows.get(row, 0.0) + value
        for family in summed.values():
            metric = Metric(family.name, family.about, family.type)
            metric.samples = [
                Sample(name, dict(labels), value)
                for (name, labels), value in values.get(family.name, {}).items()
            ]
            yield metric

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            self._place,
            self._started,
            [
                Family(
                    each.name,
                    each.documentation,
                    each.type,
                    [(one.name, one.labels, one.value) for one in each.samples],
                )
                for each in self._own.collect()
            ],
        )

    def _others(self) -> Iterator[Snapshot]:
        for file in sorted(self._folder.glob(f"*{ENDING}")):
            if file != self._file:
                yield msgspec.json.decode(file.read_bytes(), type=Snapshot)
