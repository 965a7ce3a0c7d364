"""What is read for metrics when they are asked for, queues and what budgets have left, and where
metrics go by themselves.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from bedplate.app import App
from bedplate.domain.evaluations import EvaluationGroup
from bedplate.errors import BedplateError
from bedplate.telemetry.export import ExportOptions
from bedplate.telemetry.metric_export import MetricExport
from bedplate.telemetry.shared_metrics import SharedMetrics

logger = logging.getLogger(__name__)

MILLION = 1_000_000
BY: tuple[EvaluationGroup, ...] = ("assistant", "model", "collection")
OF_PROCESS = (
    "traces_waiting",
    "traces_dropped",
    "traces_lost",
    "model_calls_waiting",
    "evaluations_waiting",
    "evaluations_dropped",
)
"""Gauges that each worker has for itself."""

TELL_SECONDS = 1.0
MOST_NAMES = 22
"""Of each of them, so that a gauge holds all three with both ends of their intervals."""


@asynccontextmanager
async def exporting(app: App) -> AsyncGenerator[None]:
    """Send metrics to the configured places while the block runs, and once more at its end."""
    settings = app.config.metrics
    if not settings.exports:
        yield
        return
    places = [
        ExportOptions(
            name=name,
            url=str(place.url),
            headers={key: value.get_secret_value() for key, value in place.headers.items()},
            resource=place.resource,
            seconds=place.seconds,
        )
        for name, place in settings.exports.items()
    ]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        export = MetricExport(app.tracing.metrics, places, session, measure=partial(measured, app))
        sending = asyncio.get_running_loop().create_task(export.run(settings.every_seconds))
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            await app.tracing.recorder.flush()
            await export.send()


@asynccontextmanager
async def sharing(app: App, folder: Path, place: int) -> AsyncGenerator[None]:
    """Let the other workers, who share the folder, know what is counted here: each second while the
    block runs, and once more at its end.
    """
    shared = app.tracing.metrics.share(folder, place, OF_PROCESS)
    telling = asyncio.get_running_loop().create_task(_tell(app, shared))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])
        await app.tracing.recorder.flush()
        await _write(app, shared)


async def _tell(app: App, shared: SharedMetrics) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        await _write(app, shared)


async def _write(app: App, shared: SharedMetrics) -> None:
    _count_waiting(app)
    try:
        await asyncio.to_thread(shared.write)
    except OSError as error:
        logger.warning("metrics not told to other workers", extra={"error": str(error)})


async def measured(app: App) -> None:
    """Bring the gauges up to date. What cannot be read now is left out."""
    metrics = app.tracing.metrics
    _count_waiting(app)
    metrics.gauge("hallucination_rate", "Of a day, with its interval.", await _hallucinations(app))
    if (reviews := await _reviews(app)) is not None:
        metrics.gauge("reviews_waiting", "For a human's decision.", [({}, reviews)])
    metrics.gauge("budget_left", "In the unit of its measure.", await _left(app))


def _count_waiting(app: App) -> None:
    metrics, recorder, evaluation = app.tracing.metrics, app.tracing.recorder, app.evaluation
    metrics.gauge("traces_waiting", "To be written.", [({}, recorder.waiting)])
    metrics.gauge("traces_dropped", "Found no room in the queue.", [({}, recorder.dropped)])
    metrics.gauge("traces_lost", "Could not be written.", [({}, recorder.lost)])
    metrics.gauge(
        "model_calls_waiting",
        "For a turn at their model.",
        [({"model": name}, waiting) for name, waiting in _waiting(app)],
    )
    metrics.gauge("evaluations_waiting", "Answers to be judged.", [({}, evaluation.waiting)])
    metrics.gauge("evaluations_dropped", "Found no room.", [({}, evaluation.dropped)])


def _waiting(app: App) -> Iterator[tuple[str, int]]:
    for name in app.turn.names:
        inner: Any = app.turn.model(name)
        while inner is not None:
            if isinstance(waiting := getattr(inner, "waiting", None), int):
                yield name, waiting
                break
            inner = getattr(inner, "inner", None)


async def _hallucinations(app: App) -> list[tuple[Mapping[str, str], float]]:
    """The share by assistant, model and collection, of all tenants, and both ends of its interval."""
    until = datetime.now(UTC)
    since = until - timedelta(days=1)
    rows: list[tuple[Mapping[str, str], float]] = []
    for by in BY:
        try:
            found = await app.evaluation.rates(None, by, since=since, until=until)
        except BedplateError:
            return []
        for each in found[:MOST_NAMES]:
            if each.rate is not None:
                for bound, value in (("rate", each.rate), ("low", each.low), ("high", each.high)):
                    rows.append(({"by": by, "name": each.group, "bound": bound}, value))
    return rows


async def _reviews(app: App) -> int | None:
    try:
        return await app.reviews.waiting()
    except BedplateError:
        return None


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
