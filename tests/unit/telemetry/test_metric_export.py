"""Metrics by OTLP: the wire, and places that are down."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from bedplate import __version__
from bedplate.domain.traces import EndedSpan, EndedTrace
from bedplate.telemetry.conventions import COST, FIRST_CHUNK, OPERATION, REQUEST_MODEL
from bedplate.telemetry.export import ExportOptions
from bedplate.telemetry.metric_export import MetricExport
from bedplate.telemetry.metrics import SECONDS, Metrics
from bedplate.telemetry.otlp_metrics import Span, encoded_metrics


@dataclass
class Receiver:
    url: str = ""
    status: int = 200
    calls: list[tuple[dict[str, str], bytes]] = field(
        default_factory=list[tuple[dict[str, str], bytes]]
    )

    async def take(self, request: web.Request) -> web.Response:
        # Its content encoding is undone by the server.
        self.calls.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/v1/metrics", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/metrics"
        yield receiver
    finally:
        await runner.cleanup()


def counted(*firsts: float) -> Metrics:
    """Metrics of calls whose first pieces took so many seconds."""
    metrics = Metrics()
    for first in firsts:
        found = {OPERATION: "chat", REQUEST_MODEL: "m", FIRST_CHUNK: first, COST: 0.25}
        span = EndedSpan("a" * 16, None, "chat m", "client", 0, 0, found)
        metrics.observe(EndedTrace("a" * 32, (span,)))
    metrics.gauge("traces_waiting", "To be written.", [({}, 7)])
    return metrics


def sent(body: bytes) -> tuple[dict[str, str], dict[str, Metric]]:
    request = ExportMetricsServiceRequest.FromString(body)
    [resource] = request.resource_metrics
    [scope] = resource.scope_metrics
    attributes = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    return attributes, {metric.name: metric for metric in scope.metrics}


def labels(point: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in point.attributes}


def test_counters_gauges_and_histograms_are_what_was_counted() -> None:
    body = encoded_metrics(counted(0.003, 0.3, 999).registry.collect(), {"a": "b"}, Span(5, 9))
    resource, found = sent(body)
    assert resource == {"service.name": "bedplate", "service.version": __version__, "a": "b"}

    cost = found["bedplate_cost_usd"]
    [point] = cost.sum.data_points
    assert (point.as_double, cost.sum.is_monotonic) == (0.75, True)
    assert (point.start_time_unix_nano, point.time_unix_nano) == (5, 9)
    assert labels(point) == {"model": "m", "tenant": "default", "assistant": "", "key": ""}
    [point] = found["bedplate_traces_waiting"].gauge.data_points
    assert point.as_double == 7

    [bucket] = found["bedplate_time_to_first_token_seconds"].histogram.data_points
    assert tuple(bucket.explicit_bounds) == SECONDS
    assert (bucket.count, sum(bucket.bucket_counts), len(bucket.bucket_counts)) == (
        3,
        3,
        len(SECONDS) + 1,
    )
    assert (bucket.bucket_counts[0], bucket.bucket_counts[-1]) == (1, 1)
    assert bucket.bucket_counts[SECONDS.index(0.5)] == 1
    assert bucket.sum == pytest.approx(999.303)
    assert "bedplate_guard_verdicts" not in found


async def test_every_place_is_sent_everything_again_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    measured: list[int] = []

    async def measure() -> None:
        measured.append(1)

    metrics = counted(0.3)
    async with receiving() as one, receiving() as other, aiohttp.ClientSession() as session:
        places = [
            ExportOptions("one", one.url, headers={"x-key": "secret"}, resource={"env": "test"}),
            ExportOptions("other", other.url),
        ]
        export = MetricExport(metrics, places, session, measure=measure)
        other.status = 503
        with caplog.at_level(logging.WARNING):
            await export.send()
            await export.send()
        other.status = 200
        await export.send()

    assert (len(one.calls), len(other.calls), len(measured)) == (3, 3, 3)
    headers, body = one.calls[0]
    assert (headers["x-key"], headers["Content-Type"]) == ("secret", "application/x-protobuf")
    assert headers["Content-Encoding"] == "gzip"
    resource, found = sent(body)
    assert resource["env"] == "test"
    assert found["bedplate_cost_usd"].sum.data_points[0].as_double == 0.25
    instances = {sent(each)[0]["service.instance.id"] for _, each in other.calls}
    assert len(instances) == 1
    [warning] = [each for each in caplog.records if each.message == "metrics are not exported"]
    assert (warning.export, warning.why) == ("other", "it answered 503")  # type: ignore[attr-defined]
    assert "secret" not in caplog.text
