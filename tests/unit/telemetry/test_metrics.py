"""Metrics: what traces make of them, and that each is documented, drawn and real."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bedplate.domain.traces import EndedSpan, EndedTrace
from bedplate.telemetry.conventions import (
    CITED_CLAIMS,
    COST,
    ESTIMATED_INPUT_TOKENS,
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
from bedplate.telemetry.metrics import MOST_VALUES, Metrics

ROOT = Path(__file__).resolve().parents[3]
CALL = {
    OPERATION: "chat",
    REQUEST_MODEL: "m",
    FIRST_CHUNK: 0.2,
    INPUT_TOKENS: 40,
    OUTPUT_TOKENS: 9,
    TOKENS_PER_SECOND: 50.0,
    ESTIMATED_INPUT_TOKENS: 44,
    COST: 0.25,
}
READ = {
    "traces_waiting",
    "traces_dropped",
    "traces_lost",
    "model_calls_waiting",
    "budget_left",
    "reviews_waiting",
    "evaluations_waiting",
    "evaluations_dropped",
    "hallucination_rate",
}
"""Gauges that are read when they are asked for (metering.py)."""


def trace(*spans: dict[str, Any], error: str | None = None, **more: Any) -> EndedTrace:
    return EndedTrace(
        "a" * 32,
        tuple(
            EndedSpan(f"{n:016x}", None, "step x", "internal", 0, 2_000_000_000, found, {}, error)
            for n, found in enumerate(spans)
        ),
        **more,
    )


def value(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"bedplate_{name}", labels)


def test_a_trace_is_counted_for_what_it_holds():
    metrics = Metrics()
    note = json.dumps([{"kind": "cache", "model": "m", "reason": "x"}])
    metrics.observe(
        trace(
            {METHOD: "POST", ROUTE: "/api/ask", STATUS: 200},
            CALL,
            {NOTES: note},
            {MODE: "hybrid"},
            {GUARD: "pii", VERDICT: "block"},
            {EVALUATION_LABEL: "unsupported", EVALUATION_SCORE: 0.25},
            {REFUSED: False, CITED_CLAIMS: 3, VALID_CITATIONS: 2},
            key="k",
            assistant="docs",
        )
    )

    assert value(metrics, "requests_total", method="POST", route="/api/ask", status="200") == 1
    assert value(metrics, "tokens_total", model="m", direction="in") == 40
    billed = {"model": "m", "tenant": "default", "assistant": "docs", "key": "k"}
    assert value(metrics, "cost_usd_total", **billed) == 0.25
    assert value(metrics, "priced_calls_total", **billed) == 1
    assert value(metrics, "time_to_first_token_seconds_sum", model="m") == 0.2
    assert value(metrics, "time_per_output_token_seconds_sum", model="m") == 0.02
    assert value(metrics, "decisions_total", kind="cache", model="m") == 1
    assert value(metrics, "retrieval_seconds_sum", mode="hybrid") == 2.0
    assert value(metrics, "guard_verdicts_total", guard="pii", verdict="block") == 1
    assert value(metrics, "answers_checked_total", verdict="unsupported") == 1
    assert value(metrics, "groundedness_sum") == 0.25
    assert value(metrics, "answers_total", refused="false") == 1
    assert value(metrics, "citations_total", valid="true") == 2
    assert value(metrics, "citations_total", valid="false") == 1
    assert value(metrics, "estimated_input_tokens_total", model="m") == 44


def test_a_failure_is_counted_by_its_code():
    metrics = Metrics()
    metrics.observe(trace({OPERATION: "chat", REQUEST_MODEL: "m"}, error="upstream_error"))

    assert value(metrics, "errors_total", step="chat", error="upstream_error") == 1
    assert value(metrics, "model_calls_total", model="m", status="upstream_error") == 1


def test_no_label_has_more_values_than_its_bound():
    metrics = Metrics()
    for number in range(MOST_VALUES + 50):
        metrics.observe(trace({METHOD: "GET", ROUTE: f"/r{number}", STATUS: 200}))

    routes = {
        sample.labels["route"]
        for family in metrics.registry.collect()
        if family.name == "bedplate_requests"
        for sample in family.samples
    }
    assert len(routes) == MOST_VALUES + 1
    assert value(metrics, "requests_total", method="GET", route="other", status="200") == 50


def test_gauges_forget_what_is_no_more():
    metrics = Metrics()
    metrics.gauge("budget_left", "x", [({"name": "a"}, 1.0), ({"name": "b"}, 2.0)])
    metrics.gauge("budget_left", "x", [({"name": "b"}, 3.0)])
    metrics.gauge("traces_waiting", "x", [({}, 4)])

    assert value(metrics, "budget_left", name="a") is None
    assert value(metrics, "budget_left", name="b") == 3.0
    assert value(metrics, "traces_waiting") == 4
    metrics.gauge("budget_left", "x", [])
    assert value(metrics, "budget_left", name="b") is None


def real() -> set[str]:
    return {family.name for family in Metrics().registry.collect()} | {
        f"bedplate_{name}" for name in READ
    }


def test_metrics_are_those_that_the_guide_documents():
    guide = (ROOT / "docs" / "guide" / "observability.md").read_text(encoding="utf-8")
    section = guide.split("## Metrics")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(bedplate_\w+)`", section, re.MULTILINE)) == real()


def documented() -> dict[str, set[str]]:
    """The labels of each metric, by the guide."""
    guide = (ROOT / "docs" / "guide" / "observability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(bedplate_\w+)` \| ([^|]*)\|", guide, re.MULTILINE)
    return {name: {label.strip() for label in labels.split(",")} - {""} for name, labels in rows}


def queries() -> list[str]:
    dashboard = json.loads((ROOT / "deploy/grafana/bedplate.json").read_text(encoding="utf-8"))
    alerts = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    return [
        *(target["expr"] for panel in dashboard["panels"] for target in panel["targets"]),
        *(rule["expr"] for group in alerts["groups"] for rule in group["rules"]),
    ]


def test_counters_and_histograms_have_the_labels_that_the_guide_names():
    metrics = Metrics()
    labels = documented()
    for family in metrics.registry.collect():
        if family.name.removeprefix("bedplate_") not in READ:
            made = metrics.registry._names_to_collectors[family.name]  # type: ignore[attr-defined]
            assert set(made._labelnames) == labels[family.name], family.name


@pytest.mark.parametrize("query", queries())
def test_dashboard_and_alerts_ask_for_metrics_and_labels_that_are_there(query: str):
    labels = documented()
    known = {"le"}
    for name in re.findall(r"\bbedplate_[a-z_]+", query):
        base = re.sub(r"_(total|bucket|sum|count)$", "", name)
        assert base in real(), name
        known |= labels[base]
    grouped = re.findall(r"(?:by|ignoring|without|on) \(([^)]*)\)", query)
    used = {label.strip() for group in grouped for label in group.split(",")}
    used |= set(re.findall(r"[{,]\s*([a-z_]+)\s*(?:=~|!=|!~|=)", query))
    assert used <= known
