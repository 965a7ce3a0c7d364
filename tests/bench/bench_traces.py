"""What tracing costs: CPU-microseconds of a request on the event loop, and the store at its size.

A request is a root with two steps and 15 attributes in all; its trace is offered and dropped by a
recorder that counts it, so that the writer's work is not in the figure. Writing is timed apart. A whole
answer is one of `quote` over the packaged sample, with content in full, written to its end: so many
are asked with tracing and as many without, in turn, and all of the process's CPU is counted.

    python -m tests.bench.bench_traces --spans 1000000
"""

import argparse
import asyncio
import contextvars
import json
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.fixtures.serving import Served, serving

import bedplate.sample
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
from bedplate.traces.protocol import SeriesQuery, TraceQuery, Traces
from bedplate.traces.sqlite import open_sqlite_traces

SPANS = 5
PAIRS = 15
ANSWERS = 8
QUESTIONS = (
    "How long does a refund take?",
    "What does the Lofoten tent weigh?",
    "Is postage free?",
)
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


async def ingested(served: Served) -> None:
    files = Path(bedplate.sample.__file__).parent / "files"
    source = {"name": "papers", "collection": "shop", "kind": "folder"}
    await served.post("/api/sources", {**source, "options": {"path": str(files)}})
    job = (await served.post("/api/sources/papers/syncs", {})).json["job"]
    while (await served.get(f"/api/jobs/{job}")).json["state"] in ("waiting", "running"):  # noqa: ASYNC110 - as a client does
        await asyncio.sleep(0.2)


async def asked(served: Served) -> None:
    app = served.app
    for number in range(ANSWERS):
        with begun("POST /api/ask", "server"):
            text = QUESTIONS[number % len(QUESTIONS)]
            await app.ask.answer(app.question("shop", text, model="default"))


async def answers() -> dict[str, Any]:
    """CPU-milliseconds of an answer, without tracing and what tracing adds: medians of the pairs."""
    settings = {"embedder__use": "onnx", "models__default": {"use": "quote"}}
    with tempfile.TemporaryDirectory() as folder:
        async with serving(
            Path(folder), work=True, tracing__content="full", sync__allow_local=True, **settings
        ) as served:
            await ingested(served)
            recorder, loop = served.app.tracing.recorder, asyncio.get_running_loop()
            # Where no recorder is known, nothing is recorded.
            contexts = {"with": contextvars.copy_context(), "without": contextvars.Context()}
            for context in contexts.values():
                await loop.create_task(asked(served), context=context)
            took: dict[str, list[float]] = {"with": [], "without": []}
            for pair in range(PAIRS):
                for name in ("with", "without") if pair % 2 else ("without", "with"):
                    await recorder.flush()
                    started = time.process_time()
                    await loop.create_task(asked(served), context=contexts[name])
                    await recorder.flush()
                    took[name].append((time.process_time() - started) * 1000 / ANSWERS)
            kept = len((await served.get("/api/traces?limit=200")).json["traces"])
    added = [one - other for one, other in zip(took["with"], took["without"], strict=True)]
    return {
        "answer_cpu_ms": round(statistics.median(took["without"]), 2),
        "tracing_adds_ms": round(statistics.median(added), 3),
        "quartiles_ms": [round(each, 3) for each in statistics.quantiles(added, n=4)[::2]],
        "traces_kept": kept,
    }


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


async def charted(traces: Traces, query: SeriesQuery) -> dict[str, float]:
    took: list[float] = []
    requests = 0
    for _ in range(5):
        started = time.perf_counter()
        requests = (await traces.charts.series(DEFAULT_TENANT, query)).total.requests
        took.append((time.perf_counter() - started) * 1000)
    return {"traces": requests, "median_ms": round(statistics.median(took), 1)}


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
            began = datetime.fromtimestamp(1_780_000_000, tz=UTC)
            whole = SeriesQuery(began, began + timedelta(milliseconds=10 * count), 72)
            hour = SeriesQuery(began, began + timedelta(milliseconds=10 * count) / 24, 72)
            found["series"] = await charted(traces, whole)
            found["series_of_a_24th"] = await charted(traces, hour)
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
    parser.add_argument("--only", choices=("request", "answer", "store"))
    given = parser.parse_args()
    if given.only in (None, "request"):
        print(json.dumps({"cpu_us_per_request": overhead(given.requests)}), flush=True)
    if given.only in (None, "answer"):
        print(json.dumps(asyncio.run(answers())), flush=True)
    if given.only in (None, "store"):
        print(json.dumps(asyncio.run(store(given.spans))), flush=True)


if __name__ == "__main__":
    main()
