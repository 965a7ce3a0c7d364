"""What is read for metrics when they are asked for: queues, and what budgets have left."""

from collections.abc import Iterator, Mapping
from typing import Any

from bedplate.app import App
from bedplate.errors import BedplateError

MILLION = 1_000_000


async def measured(app: App) -> None:
    """Bring the gauges up to date. What cannot be read now is left out."""
    metrics, recorder = app.tracing.metrics, app.tracing.recorder
    metrics.gauge("traces_waiting", "To be written.", [({}, recorder.waiting)])
    metrics.gauge("traces_dropped", "Found no room in the queue.", [({}, recorder.dropped)])
    metrics.gauge("traces_lost", "Could not be written.", [({}, recorder.lost)])
    metrics.gauge(
        "model_calls_waiting",
        "For a turn at their model.",
        [({"model": name}, waiting) for name, waiting in _waiting(app)],
    )
    metrics.gauge("budget_left", "In the unit of its measure.", await _left(app))


def _waiting(app: App) -> Iterator[tuple[str, int]]:
    for name in app.turn.names:
        inner: Any = app.turn.model(name)
        while inner is not None:
            if isinstance(waiting := getattr(inner, "waiting", None), int):
                yield name, waiting
                break
            inner = getattr(inner, "inner", None)


async def _left(app: App) -> list[tuple[Mapping[str, str], float]]:
    try:
        found = await app.ledger.budgets.list(None)
    except BedplateError:
        return []
    rows: list[tuple[Mapping[str, str], float]] = []
    for each in found:
        if each.left is None:
            continue
        limit = each.limit
        left = each.left / MILLION if limit.measure.unit == "usd" else each.left
        labels = {
            "kind": limit.subject.kind,
            "name": limit.subject.name,
            "tenant": limit.subject.tenant,
            "measure": limit.measure.name,
        }
        rows.append((labels, float(left)))
    return rows
