"""CPU of the relay for a chat completion, as a multiple of the cheapest proxy's in the same run.

Ours checks a key, holds two budgets, looks for personal data in question and answer (it gives
whole words as they come, and finds none) and records the usage; the floor (relay_floor.py) forwards
bytes. CPU is that of the serving process alone, all its threads, in seconds for 1,000 requests; the
best of the rounds. Latencies are from the upstream's write to the client's read.

    python -m tests.bench.bench_relay
    python -m tests.bench.bench_relay --gate    # quick; fails where a ratio is above its bound
    python -m tests.bench.bench_relay --streams 1,100,500
    python -m tests.bench.relay_rivals --rival …    # other servers in the same run
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httptools
import uvloop
from tests.bench.relay_floor import since

ROOT = Path(__file__).parents[2]
CONNECTIONS = 32
BOUNDS = {"json": 80.0, "stream": 95.0, "paced": 7.0}
"""What the gate allows, as ratios: less than twice what it shows on a quiet machine, as the machine
is anybody's."""

GATED_STREAMS = 60

STAMP = re.compile(rb"rain ([a-z]{9}) ")
ASKED = (
    "Tell me how a small town gets through a night of rain, and what its people do about it. "
    "Keep to what you know: say where the water comes from, where it goes, and who looks after it. "
)
CONFIG = """
[server]
port = 0
max_requests = 2000
[embedder]
use = "hashing"
[guards.pii]
use = "patterns"
on = ["input", "output"]
{models}
[budgets.tenants.default]
usd_day = 1000000
[budgets.keys."*"]
tokens_month = 1000000000000
"""
MODEL = """
[models.{name}]
use = "openai"
base_url = "{upstream}/{name}"
model = "m"
max_connections = 2000
price = {{ input = 1, output = 2 }}
concurrency = {{ calls = 2000 }}
"""


@dataclass(slots=True)
class Server:
    url: str
    process: subprocess.Popen[str]
    key: str = ""

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def cpu(self) -> float:
        """Seconds of all threads, as the scheduler counts them."""
        spent = 0
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            spent += int((thread / "schedstat").read_text().split()[0])
        return spent / 1e9


@dataclass(slots=True)
class Heard:
    """What clients saw, times in milliseconds."""

    first: list[float] = field(default_factory=list[float])
    chunks: list[float] = field(default_factory=list[float])
    failed: int = 0


class Client(asyncio.Protocol):
    """One connection that asks again and again."""

    def __init__(self, request: bytes, heard: Heard) -> None:
        self._request, self._heard = request, heard
        self.done: asyncio.Future[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    async def ask(self) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._parser, self._begun = httptools.HttpResponseParser(self), False
        self._started = time.perf_counter()
        self._transport.write(self._request)
        await self.done

    def data_received(self, data: bytes) -> None:
        stamps = STAMP.findall(data)
        if not self._begun and (stamps or b"rain" in data):
            self._begun = True
            self._heard.first.append((time.perf_counter() - self._started) * 1000)
        self._heard.chunks += (since(word.decode()) for word in stamps)
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_exception(exc or ConnectionError("closed"))

    def on_message_complete(self) -> None:
        self._heard.failed += self._parser.get_status_code() != 200
        if self.done is not None and not self.done.done():
            self.done.set_result(None)


async def load(
    server: Server, model: str, *, stream: bool, connections: int, requests: int
) -> Heard:
    body: dict[str, Any] = {"model": model, "temperature": 0.2, "user": "u"}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    said = [("system", "You answer in plain words."), ("user", ASKED * 8)]
    body["messages"] = [{"role": role, "content": content} for role, content in said]
    sent = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST /{model}/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json"
        f"\r\nContent-Length: {len(sent)}\r\n"
    )
    if server.key:
        head = head.replace(f"/{model}/", "/v1/") + f"Authorization: Bearer {server.key}\r\n"
    request, heard, left = head.encode() + b"\r\n" + sent, Heard(), iter(range(requests))

    async def one() -> None:
        loop = asyncio.get_running_loop()
        transport, client = await loop.create_connection(
            lambda: Client(request, heard), *server.address
        )
        for _ in left:
            await client.ask()
        transport.close()

    await asyncio.gather(*(one() for _ in range(min(connections, requests))))
    return heard


@contextmanager
def started(*command: str, env: dict[str, str] | None = None) -> Generator[tuple[Any, str]]:
    """A process, and the first line that it says."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **(env or {})},
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def servers() -> Generator[dict[str, Server]]:
    """The upstream, the floor and ours, in processes of their own."""
    part = "tests.bench.relay_floor"
    with (
        tempfile.TemporaryDirectory() as folder,
        started("-m", part, "upstream") as (upstream, port),
        started("-m", part, "floor", f"http://127.0.0.1:{port}") as (floor, floor_port),
    ):
        url = f"http://127.0.0.1:{port}"
        file = Path(folder) / "bedplate.toml"
        models = "".join(MODEL.format(name=name, upstream=url) for name in ("fast", "paced"))
        file.write_text(CONFIG.format(models=models), encoding="utf-8")
        env = {"BEDPLATE_DATA__DIR": folder}
        ours = ("-m", "bedplate", "--config", str(file), "--json")
        with started(*ours, "keys", "create", "bench", env=env) as (_, line):
            key = json.loads(line)["key"]
        with started(*ours, "serve", env=env) as (process, line):
            yield {
                "direct": Server(url, upstream),
                "floor": Server(f"http://127.0.0.1:{floor_port}", floor),
                "bedplate": Server(json.loads(line)["url"], process, key),
            }


async def cost(server: Server, requests: int, *, stream: bool) -> float:
    """CPU seconds for 1,000 requests."""
    await load(server, "fast", stream=stream, connections=CONNECTIONS, requests=CONNECTIONS)
    before = server.cpu()
    heard = await load(server, "fast", stream=stream, connections=CONNECTIONS, requests=requests)
    if heard.failed:
        raise SystemExit(f"{heard.failed} of {requests} requests failed")
    return (server.cpu() - before) / requests * 1000


async def paced(server: Server, streams: int, *, rounds: int = 3) -> dict[str, Any]:
    await load(server, "paced", stream=True, connections=streams, requests=streams)
    before = server.cpu()
    heard = await load(server, "paced", stream=True, connections=streams, requests=streams * rounds)
    chunks = sorted(heard.chunks)
    return {
        "streams": streams,
        "cpu_ms_a_stream": round((server.cpu() - before) / streams / rounds * 1000, 2),
        "chunk_ms_p50": round(statistics.median(chunks), 2),
        "chunk_ms_p99": round(chunks[int(len(chunks) * 0.99)], 2),
        "ttft_ms_p50": round(statistics.median(heard.first), 1),
        "failed": heard.failed,
    }


async def compare(which: dict[str, Server], requests: int, rounds: int) -> dict[str, float]:
    ratios: dict[str, float] = {}
    for kind in ("json", "stream"):
        costs: dict[str, float] = {}
        for name in (each for each in which if each != "direct"):
            made = requests * 5 if name == "floor" else requests
            taken = [await cost(which[name], made, stream=kind == "stream") for _ in range(rounds)]
            costs[name] = min(taken)
        ratios[kind] = costs["bedplate"] / costs["floor"]
        said = {name: round(each, 4) for name, each in costs.items()}
        print(json.dumps({"kind": kind, "s_per_1000": said, "ratio": round(ratios[kind], 1)}))
    return ratios


async def gated(which: dict[str, Server]) -> float:
    """Of paced streams, where an event's cost counts and not a request's: the best of two rounds."""
    costs = {
        name: min(
            [
                (await paced(which[name], GATED_STREAMS, rounds=1))["cpu_ms_a_stream"]
                for _ in range(2)
            ]
        )
        for name in ("floor", "bedplate")
    }
    ratio = costs["bedplate"] / costs["floor"]
    print(json.dumps({"kind": "paced", "cpu_ms_a_stream": costs, "ratio": round(ratio, 1)}))
    return ratio


async def curve(which: dict[str, Server], sizes: list[int]) -> None:
    for size in sizes:
        for name, server in which.items():
            print(json.dumps({"server": name, **await paced(server, size)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gate", action="store_true")
    parser.add_argument("--streams", default="100")
    parser.add_argument("--requests", type=int, default=1000)
    chosen = parser.parse_args()
    with servers() as which:
        if not chosen.gate:
            uvloop.run(compare(which, chosen.requests, 3))
            uvloop.run(curve(which, [int(size) for size in chosen.streams.split(",")]))
            return
        ratios = uvloop.run(compare(which, 60, 3)) | {"paced": uvloop.run(gated(which))}
    over = [kind for kind, bound in BOUNDS.items() if ratios[kind] > bound]
    if over:
        sys.exit(f"The relay costs too much: {', '.join(over)} above {BOUNDS}.")


if __name__ == "__main__":
    main()
