"""Numbers over all requests, made from their traces as these end, in Prometheus's form.

Every trace is counted, those that are not kept too, and none is waited for: requests pay nothing.
Labels are names that a configuration bounds; of tenants, keys and routes the first so many have
their own, the rest is "other".
"""

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bedplate.domain.traces import EndedSpan, EndedTrace, Value
from bedplate.telemetry.conventions import (
    CITED_CLAIMS,
    COST,
    ESTIMATED_INPUT_TOKENS,
    EVALUATION,
    EVALUATION_LABEL,
    EVALUATION_SCORE,
    FIRST_CHUNK,
    GUARD,
    INPUT_TOKENS,
    METHOD,
    MODE,
    NOTES,
    OPERATION,
    OUTPUT_TOKENS,
    REFUSED,
    REQUEST_MODEL,
    ROUTE,
    STATUS,
    TOKENS_PER_SECOND,
    VALID_CITATIONS,
    VERDICT,
)
from bedplate.telemetry.shared_metrics import SharedMetrics

T = TypeVar("T", Counter, Histogram)

SUFFICIENCY = "sufficiency"
"""Of passages: it says nothing of an answer."""

MOST_VALUES = 200
"""Of one label."""

OTHER = "other"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class Metrics:
    """One process's, or those of all workers once they are `shared`. `observe` is for the recorder;
    `exposition` may be asked from any thread.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seen: dict[str, set[str]] = {}
        self._children: dict[tuple[Counter | Histogram, tuple[str, ...]], Any] = {}
        self._lock = threading.Lock()
        self._requests = self._counter("requests", "Requests.", "method", "route", "status")
        self._request_seconds = self._histogram("request_seconds", "Whole time.", SECONDS, "route")
        self._errors = self._counter("errors", "Steps that failed.", "step", "error")
        self._calls = self._counter("model_calls", "Calls of models.", "model", "status")
        self._tokens = self._counter("tokens", "Tokens of models.", "model", "direction")
        self._cost = self._counter(
            "cost_usd", "US dollars, where prices are known.", "model", "tenant", "assistant", "key"
        )
        self._priced = self._counter(
            "priced_calls", "Calls that those are of.", "model", "tenant", "assistant", "key"
        )
        self._first = self._histogram(
            "time_to_first_token_seconds", "From a call to its first piece.", SECONDS, "model"
        )
        self._per_token = self._histogram(
            "time_per_output_token_seconds", "After the first.", TOKEN_SECONDS, "model"
        )
        self._speed = self._histogram(
            "output_tokens_per_second", "After the first token.", SPEEDS, "model"
        )
        self._reported = self._counter(
            "reported_input_tokens", "By providers, where we estimated too.", "model"
        )
        self._estimated = self._counter(
            "estimated_input_tokens", "Our own estimate of the same calls.", "model"
        )
        self._decisions = self._counter(
            "decisions", "On the way of calls: route, cache, retry, ...", "kind", "model"
        )
        self._verdicts = self._counter("guard_verdicts", "Of guards.", "guard", "verdict")
        self._guard_seconds = self._histogram("guard_seconds", "Their time.", SECONDS, "guard")
        self._retrieval = self._histogram("retrieval_seconds", "Of searches.", SECONDS, "mode")
        self._answers = self._counter("answers", "Grounded answers.", "refused")
        self._checked = self._counter("answers_checked", "By verdict of the check.", "verdict")
        self._grounded = self._histogram("groundedness", "Scores of checked answers.", SCORES)
        self._cited = self._counter(
            "citations", "Claims that cite, by whether what they cite carries them.", "valid"
        )
        self._gauges: dict[str, Gauge] = {}
        self._shared: SharedMetrics | None = None

    def observe(self, trace: EndedTrace) -> None:
        """Count it."""
        for span in trace.spans:
            self._step(trace, span)

    def gauge(
        self, name: str, about: str, values: Iterable[tuple[Mapping[str, str], float]]
    ) -> None:
        """Set what is read when it is asked for, in place of what was there; at most 200 values."""
        rows = list(values)[:MOST_VALUES]
        gauge = self._gauges.get(name)
        if gauge is None:
            if not rows:
                return
            labels = tuple(rows[0][0])
            gauge = Gauge(f"bedplate_{name}", about, labels, registry=self.registry)
            self._gauges[name] = gauge
        if not rows or rows[0][0]:
            gauge.clear()
        for given, value in rows:
            (gauge.labels(**given) if given else gauge).set(value)

    def exposition(self) -> bytes:
        """Prometheus's text format 0.0.4."""
        if self._shared is None:
            return generate_latest(self.registry)
        # It asks for nothing but collect().
        return generate_latest(cast(CollectorRegistry, self._shared))

    def share(self, folder: Path, place: int, gauges: Iterable[str]) -> SharedMetrics:
        """Be shown as one with those of the other workers, who share the folder; `gauges` are the
        ones that are a process's own, and added up too.
        """
        own = frozenset(f"bedplate_{name}" for name in gauges)
        self._shared = SharedMetrics(self.registry, folder, place, time.time(), own)
        return self._shared

    def _step(self, trace: EndedTrace, span: EndedSpan) -> None:
        found = span.attributes
        if METHOD in found:
            self._request(span)
        if span.error is not None:
            step = str(found.get(OPERATION) or span.name.split(" ")[0])
            self._child(self._errors, self._of("step", step), self._of("error", span.error)).inc()
        if found.get(OPERATION) == "chat":
            self._call(trace, span)
        if GUARD in found:
            guard = self._of("guard", str(found[GUARD]))
            self._child(self._verdicts, guard, str(found.get(VERDICT, "error"))).inc()
            self._child(self._guard_seconds, guard).observe(span.took / 1e9)
        if NOTES in found:
            for note in _notes(found[NOTES]):
                model = self._of("model", str(note.get("model")))
                self._child(self._decisions, self._of("kind", str(note.get("kind"))), model).inc()
        if MODE in found:
            self._child(self._retrieval, str(found[MODE])).observe(span.took / 1e9)
        self._answer(found)

    def _answer(self, found: Mapping[str, Value]) -> None:
        if REFUSED in found:
            self._child(self._answers, str(found[REFUSED]).lower()).inc()
        if CITED_CLAIMS in found:
            cited, valid = _number(found[CITED_CLAIMS]), _number(found.get(VALID_CITATIONS, 0))
            self._child(self._cited, "true").inc(valid)
            self._child(self._cited, "false").inc(cited - valid)
        if EVALUATION_LABEL in found and found.get(EVALUATION) != SUFFICIENCY:
            self._child(self._checked, str(found[EVALUATION_LABEL])).inc()
            if EVALUATION_SCORE in found:
                self._grounded.observe(_number(found[EVALUATION_SCORE]))

    def _request(self, span: EndedSpan) -> None:
        found = span.attributes
        route = self._of("route", str(found.get(ROUTE, OTHER)))
        method = self._of("method", str(found[METHOD]))
        self._child(self._requests, method, route, str(found.get(STATUS, ""))).inc()
        self._child(self._request_seconds, route).observe(span.took / 1e9)

    def _call(self, trace: EndedTrace, span: EndedSpan) -> None:
        found = span.attributes
        model = self._of("model", str(found.get(REQUEST_MODEL, "")))
        self._child(self._calls, model, self._of("error", span.error or "ok")).inc()
        sent, made = _number(found.get(INPUT_TOKENS, 0)), _number(found.get(OUTPUT_TOKENS, 0))
        self._child(self._tokens, model, "in").inc(sent)
        self._child(self._tokens, model, "out").inc(made)
        if FIRST_CHUNK in found:
            self._child(self._first, model).observe(_number(found[FIRST_CHUNK]))
        if (speed := _number(found.get(TOKENS_PER_SECOND, 0))) > 0:
            self._child(self._speed, model).observe(speed)
            self._child(self._per_token, model).observe(1 / speed)
        if ESTIMATED_INPUT_TOKENS in found:
            self._child(self._reported, model).inc(sent)
            self._child(self._estimated, model).inc(_number(found[ESTIMATED_INPUT_TOKENS]))
        if COST in found:
            whose = (
                model,
                self._of("tenant", trace.tenant),
                self._of("assistant", trace.assistant or ""),
                self._of("key", trace.key or ""),
            )
            self._child(self._cost, *whose).inc(_number(found[COST]))
            self._child(self._priced, *whose).inc()

    def _child(self, of: T, *labels: str) -> T:
        """The one of these labels; to look it up there costs several times as much as to count."""
        child = self._children.get((of, labels))
        if child is None:
            child = self._children[of, labels] = of.labels(*labels)
        return cast(T, child)

    def _of(self, label: str, value: str) -> str:
        """The value, or "other" where the label has too many."""
        with self._lock:
            seen = self._seen.setdefault(label, set())
            if value in seen:
                return value
            if len(seen) >= MOST_VALUES:
                return OTHER
            seen.add(value)
            return value

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"bedplate_{name}", about, labels, registry=self.registry)

    def _histogram(
        self, name: str, about: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"bedplate_{name}", about, labels, buckets=buckets, registry=self.registry)


def _notes(value: Value) -> list[Mapping[str, Any]]:
    return cast(list[Mapping[str, Any]], msgspec.json.decode(str(value)))


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
