"""Traces as OpenTelemetry's protocol has them (opentelemetry-proto 1, `ExportTraceServiceRequest`)."""

from collections.abc import Iterator, Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2

from bedplate import __version__
from bedplate.domain.traces import EndedSpan, EndedTrace, SpanKind, Value
from bedplate.telemetry.conventions import ERROR, KEY, TENANT
from bedplate.telemetry.openinference import openinference

SERVICE = "service.name"
NAME = "bedplate"

KINDS: Mapping[SpanKind, "trace_pb2.Span.SpanKind.ValueType"] = {
    "internal": trace_pb2.Span.SPAN_KIND_INTERNAL,
    "server": trace_pb2.Span.SPAN_KIND_SERVER,
    "client": trace_pb2.Span.SPAN_KIND_CLIENT,
}


def encoded(
    traces: Sequence[EndedTrace], resource: Mapping[str, str], *, with_openinference: bool
) -> bytes:
    """One request's body."""
    attributes = {SERVICE: NAME, "service.version": __version__, **resource}
    scope = trace_pb2.ScopeSpans(
        scope=InstrumentationScope(name=NAME, version=__version__),
        spans=[
            _span(trace, span, with_openinference=with_openinference)
            for trace in traces
            for span in trace.spans
        ],
    )
    return ExportTraceServiceRequest(
        resource_spans=[
            trace_pb2.ResourceSpans(
                resource=Resource(attributes=pairs(attributes)), scope_spans=[scope]
            )
        ]
    ).SerializeToString()


def _span(trace: EndedTrace, span: EndedSpan, *, with_openinference: bool) -> trace_pb2.Span:
    found: dict[str, Value] = {**span.attributes, **span.content, TENANT: trace.tenant}
    if trace.key is not None:
        found[KEY] = trace.key
    if with_openinference:
        found |= openinference(span)
    status = trace_pb2.Status()
    if span.error is not None:
        found[ERROR] = span.error
        status = trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message=span.error)
    return trace_pb2.Span(
        trace_id=bytes.fromhex(trace.id),
        span_id=bytes.fromhex(span.id),
        parent_span_id=b"" if span.parent is None else bytes.fromhex(span.parent),
        name=span.name,
        kind=KINDS[span.kind],
        start_time_unix_nano=span.started,
        end_time_unix_nano=span.started + span.took,
        attributes=pairs(found),
        status=status,
    )


def pairs(values: Mapping[str, Value]) -> Iterator[KeyValue]:
    for name, value in values.items():
        yield KeyValue(key=name, value=_value(value))


def _value(value: Value) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            # A text may hold half of a surrogate pair, which no wire can.
            return AnyValue(string_value=value.encode("utf-8", "replace").decode())
