"""Ingest rate as a share of the bare embedder's on the same texts: CPU-seconds of this process and
its parser processes, in pairs, the median of the ratios; by one ingest, and by two at once.

The texts are generated, so that no evaluation set is needed: 300 documents of about 250 words.
"""

import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from bedplate.app import App, open_app
from bedplate.chunkers import CHUNKERS
from bedplate.config import load_config
from bedplate.ingest.embedding import embedded_text
from bedplate.ingest.files import find_files
from bedplate.ingest.report import Report

DOCUMENTS = 300
ROUNDS = 3
SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "le",
    "mi",
    "no",
    "pu",
    "ra",
    "se",
    "ti",
    "vo",
    "wu",
    "ya",
]


def write(folder: Path, seed: int, documents: int) -> None:
    random_ = random.Random(seed)
    folder.mkdir()
    for number in range(documents):
        sentences = [
            " ".join(
                "".join(random_.choices(SYLLABLES, k=random_.randint(1, 4)))
                for _ in range(random_.randint(6, 18))
            ).capitalize()
            for _ in range(20)
        ]
        (folder / f"{number}.txt").write_text(". ".join(sentences) + ".")


def spent() -> float:
    """CPU-seconds of this process and of its parser processes, those that live among them."""
    times = os.times()
    living = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(times[:4]) + sum(one.user + one.system for one in living)


async def _read(app: App, home: str, name: str) -> Report:
    return await app.ingest.run(app.scope(name), find_files([f"{home}/{name}"], max_files=10_000))


async def ingest(home: str, names: Sequence[str]) -> dict[str, float]:
    """Each folder into a collection of its own, all at once, in one process."""
    config = load_config(environment={}, arguments={"data.dir": f"{home}/data"}).config
    async with open_app(config) as app:
        # So that neither the model nor the parser processes are started while it is measured.
        await app.ingest.run(app.scope("warm"), find_files([f"{home}/warm"], max_files=100))
        before, start = spent(), time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            runs: list[asyncio.Task[Report]] = [
                tasks.create_task(_read(app, home, name)) for name in names
            ]
        cpu, wall = spent() - before, time.perf_counter() - start
    reports = [run.result() for run in runs]
    return {
        "documents": sum(report.added for report in reports),
        "chunks": sum(report.chunks for report in reports),
        "ingest_cpu_s": cpu,
        "wall_s": wall,
    }


async def bare(home: str, names: Sequence[str]) -> dict[str, float]:
    """The embedder alone, on the same chunks, by as many callers."""
    config = load_config(environment={}, arguments={"data.dir": f"{home}/bare"}).config
    async with open_app(config) as app, CHUNKERS.load("structure")({}) as chunker:
        texts: list[list[str]] = []
        for name in names:
            found: list[str] = []
            for file in find_files([f"{home}/{name}"], max_files=10_000):
                blob = file.read(10**6)
                parsed = await app.parser.parse(blob)
                for document in parsed.documents:
                    chunks = await chunker.chunk(document)
                    found += [embedded_text(document, chunk) for chunk in chunks]
            texts.append(found)

        async def embed(part: Sequence[str]) -> None:
            for first in range(0, len(part), 64):
                await app.embedder.embed(part[first : first + 64])

        await embed(texts[0][:64])
        before, start = spent(), time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for part in texts:
                tasks.create_task(embed(part))
        return {"embed_cpu_s": spent() - before, "embed_wall_s": time.perf_counter() - start}


def one_round(seed: int, workers: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        names = [f"part{number}" for number in range(workers)]
        for number, name in enumerate(names):
            write(Path(home) / name, seed * 100 + number, DOCUMENTS // workers)
        write(Path(home) / "warm", 10_000 + seed, 2)
        # In turn, since the machine's pace changes: the ingest is between two of the bare embedder.
        first = asyncio.run(bare(home, names))
        found = asyncio.run(ingest(home, names))
        second = asyncio.run(bare(home, names))
    embed = statistics.mean(one["embed_cpu_s"] for one in (first, second))
    return {
        **found,
        "embed_cpu_s": embed,
        "share": embed / found["ingest_cpu_s"],
        "share_of_wall": (first["embed_wall_s"] + second["embed_wall_s"]) / 2 / found["wall_s"],
        "chunks_per_cpu_s": found["chunks"] / found["ingest_cpu_s"],
        "bare_chunks_per_cpu_s": found["chunks"] / embed,
        "documents_per_cpu_s": found["documents"] / found["ingest_cpu_s"],
    }


def main() -> None:
    for workers in (1, 2):
        rounds = [one_round(seed, workers) for seed in range(ROUNDS)]
        shares = [round(one["share"], 3) for one in rounds]
        result: dict[str, Any] = {
            key: round(statistics.median(one[key] for one in rounds), 3) for key in rounds[0]
        }
        print(json.dumps({"workers": workers, **result, "shares": shares}), flush=True)


if __name__ == "__main__":
    main()
