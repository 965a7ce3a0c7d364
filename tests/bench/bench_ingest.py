"""Ingest rate against the bare embedding of the same texts: CPU-seconds of this process and its
parser processes, in pairs, the median of the ratios.

The texts are generated, so that no evaluation set is needed: 150 documents of about 250 words.
"""

import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bedplate.app import open_app
from bedplate.chunkers import CHUNKERS
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.retrieval import Scope
from bedplate.ingest.embedding import embedded_text
from bedplate.ingest.files import find_files

DOCUMENTS = 150
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


def write(folder: Path, seed: int) -> list[Path]:
    random_ = random.Random(seed)
    folder.mkdir()
    paths: list[Path] = []
    for number in range(DOCUMENTS):
        sentences = [
            " ".join(
                "".join(random_.choices(SYLLABLES, k=random_.randint(1, 4)))
                for _ in range(random_.randint(6, 18))
            ).capitalize()
            for _ in range(20)
        ]
        path = folder / f"{number}.txt"
        path.write_text(". ".join(sentences) + ".")
        paths.append(path)
    return paths


def spent() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


async def one_round(seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        files = write(Path(home) / "docs", seed)
        before, start = spent(), time.perf_counter()
        config = load_config(environment={}, arguments={"data.dir": f"{home}/data"}).config
        async with open_app(config) as app:
            opened = spent()
            report = await app.ingest.run(
                Scope(app.scope("x").tenant, "x"), find_files([f"{home}/docs"], max_files=10_000)
            )
        ingest_cpu, wall = spent() - opened, time.perf_counter() - start
        async with open_app(config) as app, CHUNKERS.load("structure")({}) as chunker:
            texts: list[str] = []
            for path in files:
                parsed = await app.parser.parse(Blob(path.read_bytes(), path.name))
                for document in parsed.documents:
                    chunks = await chunker.chunk(document)
                    texts += [embedded_text(document, chunk) for chunk in chunks]
            bare = spent()
            for first in range(0, len(texts), 64):
                await app.embedder.embed(texts[first : first + 64])
            bare_cpu = spent() - bare
        return {
            "documents": report.added,
            "chunks": report.chunks,
            "ingest_cpu_s": ingest_cpu,
            "embed_cpu_s": bare_cpu,
            "overhead": ingest_cpu / bare_cpu - 1,
            "open_cpu_s": opened - before,
            "wall_s": wall,
        }


def main() -> None:
    rounds = [asyncio.run(one_round(seed)) for seed in range(ROUNDS)]
    result: dict[str, Any] = {
        key: round(statistics.median(one[key] for one in rounds), 3) for key in rounds[0]
    }
    result["chunks_per_cpu_s"] = round(result["chunks"] / result["ingest_cpu_s"], 1)
    result["documents_per_cpu_s"] = round(result["documents"] / result["ingest_cpu_s"], 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
