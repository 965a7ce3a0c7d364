"""A server under steady load for minutes: does its memory grow, do descriptors, does anything fail.

A server of its own with the built-in model and the scripted one. Clients ask by turns for a JSON
answer, a stream, a stream that they leave in the middle, a grounded answer, a search, a response
that is kept, and one of a model that breaks off. The slope is that of a line through the memory of
the second half, in MB an hour: the first half fills caches.

    python tests/bench/bench_soak.py --minutes 10
    python tests/bench/bench_soak.py --streams 1000     # so many streams at once, no soak
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
from tests.fixtures.process import ServerProcess, start_process

TOML = """
[server]
max_requests = 4000
[embedder]
use = "hashing"
[models.default]
use = "scripted"
chunk_characters = 8
usage = { input_tokens = 5, output_tokens = 3 }
replies = ["Rain falls on the town, and the water goes where it always went, to the river."]
[models.paced]
use = "scripted"
chunk_characters = 8
delay_seconds = 0.2
replies = ["Rain falls on the town, and the water goes where it always went, to the river."]
[models.broken]
use = "scripted"
fail_after = 2
replies = ["Rain falls on the town, and the water goes where it always went."]
[ask]
model = "quote"
"""
SAMPLE_SECONDS = 5.0
HI = [{"role": "user", "content": "What of the rain?"}]
PAGE = 4_096

Ask = Callable[[aiohttp.ClientSession, str], Coroutine[Any, Any, bool]]


async def whole(session: aiohttp.ClientSession, url: str) -> bool:
    return await posted(session, f"{url}/v1/chat/completions", {"model": "default"})


async def streamed(session: aiohttp.ClientSession, url: str, model: str = "default") -> bool:
    body = {"model": model, "messages": HI, "stream": True}
    async with session.post(f"{url}/v1/chat/completions", json=body) as response:
        text = await response.read()
    return response.status == 200 and text.endswith(b"data: [DONE]\n\n")


async def left(session: aiohttp.ClientSession, url: str) -> bool:
    body = {"model": "paced", "messages": HI, "stream": True}
    async with session.post(f"{url}/v1/chat/completions", json=body) as response:
        await response.content.readany()
        return response.status == 200


async def asked(session: aiohttp.ClientSession, url: str) -> bool:
    body = {"collection": "town", "question": "Where does the water go?"}
    return await posted(session, f"{url}/api/ask", body)


async def searched(session: aiohttp.ClientSession, url: str) -> bool:
    return await posted(session, f"{url}/api/search", {"collection": "town", "query": "water"})


async def responded(session: aiohttp.ClientSession, url: str) -> bool:
    return await posted(session, f"{url}/v1/responses", {"model": "default", "input": "Hi"})


async def broken(session: aiohttp.ClientSession, url: str) -> bool:
    body = {"model": "broken", "messages": HI}
    async with session.post(f"{url}/v1/chat/completions", json=body) as response:
        await response.read()
        return response.status == 502


async def posted(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> bool:
    given = {"messages": HI, **body} if url.endswith("completions") else body
    async with session.post(url, json=given) as response:
        await response.read()
        return response.status == 200


TURNS: tuple[Ask, ...] = (whole, streamed, left, asked, searched, responded, broken)


def memory(server: ServerProcess) -> float:
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * PAGE / 1e6


def descriptors(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


async def soak(server: ServerProcess, *, minutes: float, clients: int, pause: float) -> None:
    end = time.monotonic() + minutes * 60
    done, failed = Counter[str](), Counter[str]()
    seen: list[tuple[float, float, int]] = []

    async def one(number: int) -> None:
        async with aiohttp.ClientSession() as session:
            at = number
            while time.monotonic() < end:
                turn = TURNS[at % len(TURNS)]
                at += 1
                try:
                    good = await turn(session, server.url)
                except (aiohttp.ClientError, TimeoutError) as error:
                    good = False
                    print(f"{turn.__name__}: {error!r}", file=sys.stderr)
                (done if good else failed)[turn.__name__] += 1
                await asyncio.sleep(pause)

    async def watch() -> None:
        began = time.monotonic()
        while time.monotonic() < end:
            await asyncio.sleep(SAMPLE_SECONDS)
            seen.append((time.monotonic() - began, memory(server), descriptors(server)))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        for number in range(clients):
            tasks.create_task(one(number))
    await asyncio.sleep(2)
    later = seen[len(seen) // 2 :]
    slope = statistics.linear_regression([t for t, _, _ in later], [mb for _, mb, _ in later]).slope
    said = {
        "minutes": minutes,
        "requests": done.total() + failed.total(),
        "by_kind": dict(done),
        "failed": dict(failed),
        "memory_mb": [round(mb) for _, mb, _ in seen[:: max(1, len(seen) // 8)]],
        "slope_mb_an_hour": round(slope * 3600, 1),
        "descriptors": [seen[0][2], max(fds for _, _, fds in seen), descriptors(server)],
    }
    print(json.dumps(said), flush=True)


async def crowd(server: ServerProcess, streams: int) -> None:
    """So many streams that go on at once, each of them read to its end."""
    first: list[float] = []

    async def one(session: aiohttp.ClientSession) -> bool:
        started = time.perf_counter()
        body = {"model": "paced", "messages": HI, "stream": True}
        async with session.post(f"{server.url}/v1/chat/completions", json=body) as response:
            await response.content.readany()
            first.append((time.perf_counter() - started) * 1000)
            return (await response.read()).endswith(b"data: [DONE]\n\n")

    before, started = memory(server), time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        whole_ = await asyncio.gather(*(one(session) for _ in range(streams)))
    took = time.perf_counter() - started
    first.sort()
    said = {
        "streams": streams,
        "whole": sum(whole_),
        "first_ms_p50": round(statistics.median(first)),
        "first_ms_p99": round(first[int(len(first) * 0.99)]),
        "seconds": round(took, 1),
        "memory_mb_more": round(memory(server) - before),
    }
    print(json.dumps(said), flush=True)


async def run(server: ServerProcess, chosen: argparse.Namespace) -> None:
    text = "Rain falls on the town. The water goes to the river. The river floods in March."
    async with aiohttp.ClientSession() as session:
        rows = [{"id": str(number), "text": f"{text} Year {number}."} for number in range(200)]
        path = f"{server.url}/api/collections/town/documents"
        async with session.post(path, json=rows) as response:
            assert response.status == 200, await response.text()
    if chosen.streams:
        await crowd(server, chosen.streams)
    else:
        await soak(server, minutes=chosen.minutes, clients=chosen.clients, pause=chosen.pause)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two requests")
    parser.add_argument("--streams", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = start_process(Path(folder), TOML, Path(folder) / "server.log")
        try:
            server.wait_until_ready()
            asyncio.run(run(server, chosen))
        finally:
            server.kill()


if __name__ == "__main__":
    main()
