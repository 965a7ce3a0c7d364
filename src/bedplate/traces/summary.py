"""What the spans of a trace come to, for its line in the list."""

from dataclasses import dataclass

from bedplate.domain.traces import EndedSpan, EndedTrace, Value
from bedplate.telemetry.conventions import (
    COST,
    EVALUATION,
    EVALUATION_LABEL,
    EVALUATION_SCORE,
    FIRST_CHUNK,
    INPUT_TOKENS,
    OPERATION,
    OUTPUT_TOKENS,
    REQUEST_MODEL,
    STATUS,
)

MICRO = 1_000_000
EMBEDDINGS, SUFFICIENCY = "embeddings", "sufficiency"
FAILED = 400


@dataclass(frozen=True, slots=True)
class Sums:
    """`cost` is in millionths of a dollar, `model` the first that was asked for an answer."""

    model: str | None
    status: int | None
    error: str | None
    input_tokens: int
    output_tokens: int
    cost: int | None
    ttft_ms: float | None
    grounded: float | None
    verdict: str | None


def sums_of(trace: EndedTrace) -> Sums:
    root = trace.spans[0]
    model = ttft = grounded = verdict = cost = None
    sent = made = 0
    for span in sorted(trace.spans, key=lambda each: each.started):
        found = span.attributes
        if (
            model is None
            and found.get(OPERATION) != EMBEDDINGS
            and isinstance(named := found.get(REQUEST_MODEL), str)
        ):
            model = named
        if ttft is None and FIRST_CHUNK in found:
            ttft = (span.started - root.started) / 1e6 + number(found[FIRST_CHUNK]) * 1_000
        sent += int(number(found.get(INPUT_TOKENS, 0)))
        made += int(number(found.get(OUTPUT_TOKENS, 0)))
        if COST in found:
            cost = (cost or 0.0) + number(found[COST])
        if EVALUATION_SCORE in found and found.get(EVALUATION) != SUFFICIENCY:
            grounded = number(found[EVALUATION_SCORE])
            verdict = str(found.get(EVALUATION_LABEL, "")) or None
    status = root.attributes.get(STATUS)
    return Sums(
        model=model,
        status=status if isinstance(status, int) else None,
        error=_error(root, status),
        input_tokens=sent,
        output_tokens=made,
        cost=None if cost is None else round(cost * MICRO),
        ttft_ms=ttft,
        grounded=grounded,
        verdict=verdict,
    )


def number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _error(root: EndedSpan, status: Value | None) -> str | None:
    if root.error is not None:
        return root.error
    return f"http_{status}" if isinstance(status, int) and status >= FAILED else None
