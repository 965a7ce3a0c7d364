"""What tracing costs: CPU-microseconds of a request on the event loop, and the store at its size.

A request is a root with two steps and 15 attributes in all; its trace is offered and dropped by a
recorder that counts it, so that the writer's work is not in the figure. Writing is timed apart.

    python -m tests.bench.bench_traces --spans 1000000
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bedplate.domain.accounts import LOCAL
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.traces import EndedSpan, EndedTrace
from bedplate.telemetry.conventions import (
    COST,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    QUESTION,
    REQUEST_MODEL,
)
from bedplate.telemetry.trace import Span, Trace, begun, span
from bedplate.traces.protocol import TraceQuery, Traces
from bedplate.traces.sqlite import open_sqlite_traces

SPANS = 5
BATCH = 256
LOOKS = 200


class Counting:
    content_characters = 0

    def __init__(self) -> None:
        self.traces = 0

    def offer(self, trace: Trace) -> None:
        self.traces += 1

    def offer_late(self, span: Span) -> None:
        raise AssertionError("every step ends before its root")


def request(recorder: Counting) -> None:
    with begun("request", "server", None, recorder) as root:
        root.bill(LOCAL)
        with span("turn") as turn:
            for name in ("a", "b", "c"):
                turn.attributes[name] = "value"
            with span("chat m", "client") as call:
                for number in range(8):
                    call.attributes[f"gen_ai.{number}"] = number
        for number in range(4):
            root.attributes[f"http.{number}"] = number


def overhead(requests: int) -> float:
    recorder = Counting()
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(requests):
            request(recorder)
        best = min(best, (time.process_time() - started) / requests * 1e6)
    return round(best, 2)


def trace(number: int, words: random.Random) -> EndedTrace:
    started = 1_780_000_000_000_000_000 + number * 10_000_000
    said = " ".join(f"word{int(words.paretovariate(0.6)) % 50_000}" for _ in range(40))
    root = EndedSpan(
        f"{number * SPANS:016x}", None, "POST /api/ask", "server", started, 900_000_000
    )
    call = {REQUEST_MODEL: f"m{number % 7}", INPUT_TOKENS: 800, OUTPUT_TOKENS: 60, COST: 0.0004}
    rest = [
        EndedSpan(
            f"{number * SPANS + n:016x}", root.id, f"step {n}", "internal", started + n, 1_000_000,
            {**(call if n == 1 else {}), **{f"bedplate.x{i}": words.random() for i in range(10)}},
            {QUESTION: said} if n == 1 else {},
        )
        for n in range(1, SPANS)
    ]  # fmt: skip
    return EndedTrace(f"{words.getrandbits(128):032x}", (root, *rest), DEFAULT_TENANT)


async def looked(traces: Traces, queries: list[TraceQuery]) -> dict[str, float]:
    took: list[float] = []
    for query in queries:
        started = time.perf_counter()
        await traces.list(DEFAULT_TENANT, query)
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    return {"p50_ms": round(statistics.median(took), 2), "p99_ms": round(took[-2], 2)}


async def store(spans: int) -> dict[str, Any]:
    words = random.Random(7)
    count = spans // SPANS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "traces.db"
        async with open_sqlite_traces(file) as traces:
            writing = 0.0
            for start in range(0, count, BATCH):
                batch = [trace(n, words) for n in range(start, min(start + BATCH, count))]
                started = time.perf_counter()
                await traces.write(batch)
                writing += time.perf_counter() - started
            picks = [words.randrange(1, count) for _ in range(LOOKS)]
            pages = [TraceQuery(before=n) for n in picks]
            models = [TraceQuery(before=n, model=f"m{n % 7}") for n in picks]
            searches = [TraceQuery(text=f"word{n % 2_000} word{n % 5}") for n in picks]
            found: dict[str, Any] = {
                "spans": spans,
                "spans_per_second": round(spans / writing),
                "file_mb": round(file.stat().st_size / 1e6, 1),
                "list": await looked(traces, pages),
                "list_by_model": await looked(traces, models),
                "search": await looked(traces, searches),
            }
            half = datetime.fromtimestamp(1_780_000_000, tz=UTC) + timedelta(
                milliseconds=10 * count // 2
            )
            started = time.perf_counter()
            found["pruned"] = await traces.prune(half, max_bytes=2**50)
            found["prune_seconds"] = round(time.perf_counter() - started, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=20_000)
    given = parser.parse_args()
    print(json.dumps({"cpu_us_per_request": overhead(given.requests)}), flush=True)
    print(json.dumps(asyncio.run(store(given.spans))), flush=True)


if __name__ == "__main__":
    main()
