"""Metrics as OpenTelemetry's protocol has them (opentelemetry-proto 1, `ExportMetricsServiceRequest`).

Each export holds all that was counted since `since`: one that is lost is made up for by the next.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from prometheus_client import Metric
from prometheus_client.samples import Sample

from bedplate import __version__
from bedplate.telemetry.otlp import NAME, SERVICE, pairs

CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
INSTANCE = "service.instance.id"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Nanoseconds since 1970: since when is counted, and when it was read."""

    since: int
    at: int


@dataclass(slots=True)
class _Buckets:
    """A histogram of one set of labels; counts are of all up to each bound, as Prometheus has them."""

    bounds: list[float] = field(default_factory=list[float])
    counts: list[int] = field(default_factory=list[int])
    sum: float = 0.0
    count: int = 0


def encoded_metrics(families: Iterable[Metric], resource: Mapping[str, str], time: Span) -> bytes:
    """One request's body."""
    attributes = {SERVICE: NAME, "service.version": __version__, **resource}
    scope = metrics_pb2.ScopeMetrics(
        scope=InstrumentationScope(name=NAME, version=__version__),
        metrics=[made for family in families if (made := _metric(family, time)) is not None],
    )
    return ExportMetricsServiceRequest(
        resource_metrics=[
            metrics_pb2.ResourceMetrics(
                resource=Resource(attributes=pairs(attributes)), scope_metrics=[scope]
            )
        ]
    ).SerializeToString()


def _metric(family: Metric, time: Span) -> metrics_pb2.Metric | None:
    """None where nothing was counted yet."""
    made = metrics_pb2.Metric(name=family.name, description=family.documentation)
    match family.type:
        case "counter":
            points = list(_numbers(family.samples, f"{family.name}_total", time))
            made.sum.CopyFrom(
                metrics_pb2.Sum(
                    data_points=points, aggregation_temporality=CUMULATIVE, is_monotonic=True
                )
            )
        case "gauge":
            points = list(_numbers(family.samples, family.name, time))
            made.gauge.CopyFrom(metrics_pb2.Gauge(data_points=points))
        case "histogram":
            points = list(_histograms(family, time))
            made.histogram.CopyFrom(
                metrics_pb2.Histogram(data_points=points, aggregation_temporality=CUMULATIVE)
            )
        case kind:
            raise AssertionError(f"a metric of a kind that is not made here: {kind}")
    return made if points else None


def _numbers(
    samples: Sequence[Sample], name: str, time: Span
) -> Iterator[metrics_pb2.NumberDataPoint]:
    for sample in samples:
        if sample.name == name:
            yield metrics_pb2.NumberDataPoint(
                attributes=pairs(sample.labels),
                start_time_unix_nano=time.since,
                time_unix_nano=time.at,
                as_double=sample.value,
            )


def _histograms(family: Metric, time: Span) -> Iterator[metrics_pb2.HistogramDataPoint]:
    for labels, found in _buckets(family).items():
        below = [0, *found.counts]
        yield metrics_pb2.HistogramDataPoint(
            attributes=pairs(dict(labels)),
            start_time_unix_nano=time.since,
            time_unix_nano=time.at,
            count=found.count,
            sum=found.sum,
            # The last bound is infinity, which OTLP leaves out.
            explicit_bounds=found.bounds[:-1],
            bucket_counts=[
                upto - before for before, upto in zip(below, found.counts, strict=False)
            ],
        )


def _buckets(family: Metric) -> Mapping[Labels, _Buckets]:
    made: dict[Labels, _Buckets] = {}
    for sample in family.samples:
        labels = tuple((name, value) for name, value in sample.labels.items() if name != "le")
        found = made.setdefault(labels, _Buckets())
        match sample.name.removeprefix(family.name):
            case "_bucket":
                found.bounds.append(float(sample.labels["le"]))
                found.counts.append(int(sample.value))
            case "_sum":
                found.sum = sample.value
            case "_count":
                found.count = int(sample.value)
            case _:
                continue
    return made
