"""The console's weight, and how soon it can be used: a cold load in headless Chromium.

The store of traces is filled first; the list and the charts are asked for as the pages ask.

    python -m tests.bench.bench_console --traces 100000
"""

import argparse
import asyncio
import gzip
import json
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright
from tests.fixtures.serving import Served, serving

from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.traces import EndedSpan, EndedTrace
from bedplate.telemetry.conventions import COST, FIRST_CHUNK, INPUT_TOKENS, OUTPUT_TOKENS, STATUS

BUNDLE = Path(__file__).parents[2] / "src/bedplate/console/assets"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
BATCH = 1_000
LOADS = 5
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def weight() -> dict[str, int]:
    """Bytes of each kind of file, as they are and compressed."""
    found: dict[str, int] = {}
    for path in sorted(BUNDLE.iterdir()):
        content = path.read_bytes()
        kind = path.suffix[1:]
        found[f"{kind}_bytes"] = len(content)
        found[f"{kind}_gzip_bytes"] = len(gzip.compress(content, 9, mtime=0))
    return found


async def fill(served: Served, traces: int) -> None:
    now = datetime.now(UTC)
    for first in range(0, traces, BATCH):
        await served.app.tracing.kept.write(
            [
                made(n, now - timedelta(seconds=86_000 * (1 - n / traces)))
                for n in range(first, first + BATCH)
            ]
        )


def made(number: int, at: datetime) -> EndedTrace:
    attributes = {STATUS: 200, INPUT_TOKENS: 900, OUTPUT_TOKENS: 60, COST: 0.001, FIRST_CHUNK: 0.3}
    root = EndedSpan(
        f"{number:016x}", None, "POST /api/ask", "server", int(at.timestamp() * 1e9),
        int(8e8), attributes,
    )  # fmt: skip
    return EndedTrace(f"{number:032x}", (root,), tenant=DEFAULT_TENANT)


async def asked(served: Served, path: str) -> float:
    """Milliseconds, the middle of several."""
    took: list[float] = []
    for _ in range(LOADS):
        started = time.perf_counter()
        answer = await served.get(path)
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


async def cold(browser: Browser, url: str) -> dict[str, float]:
    """Of a new profile: the first paint, the list of traces in sight, and scrolled to the next page."""
    context = await browser.new_context()
    page = await context.new_page()
    started = time.perf_counter()
    await page.goto(f"{url}/#/traces")
    await page.locator("a.line").first.wait_for()
    shown = (time.perf_counter() - started) * 1000
    # The list may be there before the browser says when it painted first.
    painted = await (await page.wait_for_function(PAINTED)).json_value()
    started = time.perf_counter()
    await page.locator(".view").evaluate("view => view.scrollTo(0, view.scrollHeight)")
    await page.get_by_text("200 shown").wait_for()
    scrolled = (time.perf_counter() - started) * 1000
    rows = await page.locator("a.line").count()
    await context.close()
    return {"first_paint_ms": painted, "list_ms": shown, "next_page_ms": scrolled, "rows": rows}


async def measure(traces: int) -> dict[str, Any]:
    figures: dict[str, Any] = {"traces": traces, **weight()}
    with tempfile.TemporaryDirectory() as folder:
        async with serving(Path(folder)) as served, async_playwright() as playwright:
            await fill(served, traces)
            figures["api_list_ms"] = await asked(served, "/api/traces?limit=100")
            figures["api_series_ms"] = await asked(served, "/api/traces/series?points=72")
            chromium = shutil.which("chromium")
            browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
            loads = [await cold(browser, served.url) for _ in range(LOADS)]
            await browser.close()
    for name in loads[0]:
        figures[name] = statistics.median(load[name] for load in loads)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=100_000)
    print(json.dumps(asyncio.run(measure(parser.parse_args().traces)), indent=1))


if __name__ == "__main__":
    main()
