"""A grounded answer end to end: from the question on the socket to the first words of the answer.

A collection of 10,000 passages (the paragraphs of SQuAD 2.0, and the beginnings of films up to that number), the
built-in model, the default configuration, a server of its own. N clients ask one question after the
other over POST /api/ask, streamed; each question is asked once. CPU is that of the server.

    python tests/bench/bench_rag.py --keep FOLDER --fill     # ingest alone, minutes
    python tests/bench/bench_rag.py --keep FOLDER            # 1, 8 and 32 clients
    python tests/bench/bench_rag.py --keep FOLDER --stages   # CPU by stage, one client, in one process
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
from tests.bench.evaluation import NoData, folder, rows
from tests.fixtures.process import ServerProcess, start_process

from bedplate.app import open_app
from bedplate.config import load_config
from bedplate.domain.answers import AnswerDelta
from bedplate.ingest.files import find_files
from bedplate.telemetry import trace

COLLECTION = "library"
PASSAGES = 10_000
CLIENTS = (1, 8, 32)
WARM = 20
FILM_CHARACTERS = 300
"""They are there to be passed over; embedding all of them would take most of an hour."""


def texts() -> Iterator[dict[str, str]]:
    for row in rows(folder("qa_squad2") / "paragraphs.jsonl"):
        yield {"id": row["_id"], "title": row["title"], "text": row["text"]}
    films = next(folder("structured_movies").glob("*movies*.jsonl*"))
    for number, row in enumerate(rows(films)):
        if row["description"]:
            text = row["description"][:FILM_CHARACTERS]
            yield {"id": f"film-{number}", "title": row["title"], "text": text}


def questions() -> list[str]:
    """In an order that mixes the articles."""
    asked = [row["question"] for row in rows(folder("qa_squad2") / "questions.jsonl")]
    return [asked[at * 911 % len(asked)] for at in range(len(asked))]


async def fill(home: Path) -> None:
    """What an earlier run kept is not read again."""
    note, path = home / "filled.json", home / "rows.jsonl"
    done = json.loads(note.read_text()) if note.exists() else {"rows": 0, "passages": 0}
    config = load_config(environment={}, arguments={"data.dir": str(home)}).config
    async with open_app(config) as app:
        scope, left = app.scope(COLLECTION), islice(texts(), done["rows"], None)
        while done["passages"] < PASSAGES and (part := list(islice(left, 250))):
            path.write_text("\n".join(map(json.dumps, part)))
            report = await app.ingest.run(scope, find_files([str(path)], max_files=1))
            done = {"rows": done["rows"] + len(part), "passages": done["passages"] + report.chunks}
            note.write_text(json.dumps(done))
            print(done, file=sys.stderr, flush=True)
    path.unlink(missing_ok=True)


def cpu(server: ServerProcess) -> float:
    spent = 0
    for thread in Path(f"/proc/{server.process.pid}/task").iterdir():
        spent += int((thread / "schedstat").read_text().split()[0])
    return spent / 1e9


async def ask(session: aiohttp.ClientSession, url: str, question: str) -> tuple[float, float]:
    """Milliseconds to the first text and to the end."""
    started = time.perf_counter()
    body = {"collection": COLLECTION, "question": question, "stream": True}
    first = 0.0
    async with session.post(f"{url}/api/ask", json=body) as response:
        assert response.status == 200, await response.text()
        async for line in response.content:
            if not first and line.startswith(b"data:"):
                first = (time.perf_counter() - started) * 1000
    return first, (time.perf_counter() - started) * 1000


async def clients(
    server: ServerProcess, asked: Iterator[str], *, at_once: int, each: int
) -> dict[str, Any]:
    told: list[tuple[float, float]] = []
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            for _ in range(each):
                told.append(await ask(session, server.url, next(asked)))  # noqa: PERF401

        before, started = cpu(server), time.perf_counter()
        await asyncio.gather(*(one() for _ in range(at_once)))
        took, spent = time.perf_counter() - started, cpu(server) - before
    first = sorted(ms for ms, _ in told)
    return {
        "clients": at_once,
        "answers": len(told),
        "first_ms_p50": round(statistics.median(first), 1),
        "first_ms_p99": round(first[int(len(first) * 0.99)], 1),
        "whole_ms_p50": round(statistics.median(ms for _, ms in told), 1),
        "answers_a_second": round(len(told) / took, 1),
        "cpu_ms_an_answer": round(spent / len(told) * 1000, 1),
    }


async def measure(home: Path) -> None:
    toml = f'[data]\ndir = "{home}"\n'
    server = start_process(home, toml, home / "server.log")
    try:
        server.wait_until_ready()
        asked = iter(questions())
        await clients(server, asked, at_once=2, each=WARM // 2)
        for at_once in CLIENTS:
            said = await clients(server, asked, at_once=at_once, each=max(8, 160 // at_once))
            print(json.dumps(said), flush=True)
    finally:
        server.kill()


async def stages(home: Path, count: int) -> None:
    """CPU of the process between the beginning and the end of each span, children taken out."""
    own: dict[str, float] = defaultdict(float)
    begun: dict[int, float] = {}
    inner: dict[int, float] = defaultdict(float)
    enter, leave = trace.Span.__enter__, trace.Span.__exit__

    def entered(self: trace.Span) -> trace.Span:
        begun[self.id] = time.process_time()
        return enter(self)

    def left(self: trace.Span, *given: Any) -> None:
        spent = time.process_time() - begun.pop(self.id)
        own[self.name] += spent - inner.pop(self.id, 0.0)
        if self.parent is not None:
            inner[self.parent.id] += spent
        leave(self, *given)

    span: Any = trace.Span
    span.__enter__, span.__exit__ = entered, left
    config = load_config(environment={}, arguments={"data.dir": str(home)}).config
    async with open_app(config) as app:
        asked = iter(questions())
        for warm in (True, False):
            own.clear()
            before = time.process_time()
            first = list[float]()
            for _ in range(WARM if warm else count):
                started = time.perf_counter()
                request = app.question(COLLECTION, next(asked))
                async with aclosing(app.ask.stream(request)) as events:
                    async for event in events:
                        if isinstance(event, AnswerDelta) and started:
                            first.append((time.perf_counter() - started) * 1000)
                            started = 0.0
            whole = time.process_time() - before
    told = {name: round(spent / count * 1000, 2) for name, spent in own.items()}
    told["outside of spans"] = round((whole - sum(own.values())) / count * 1000, 2)
    print(json.dumps({"cpu_ms": told, "all": round(whole / count * 1000, 2),
                      "first_ms_p50": round(statistics.median(first), 1)}))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--fill", action="store_true")
    parser.add_argument("--stages", action="store_true")
    chosen = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary:
        home = (chosen.keep or Path(temporary)).resolve()
        home.mkdir(parents=True, exist_ok=True)
        try:
            if chosen.fill or not (home / "filled.json").exists():
                asyncio.run(fill(home))
            if chosen.stages:
                asyncio.run(stages(home, 100))
            elif not chosen.fill:
                asyncio.run(measure(home))
        except NoData as missing:
            print(f"skipped: {missing}")


if __name__ == "__main__":
    main()
