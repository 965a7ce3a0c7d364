"""Memory, time and CPU of a large sync, and of one after which nothing changed.

10,000 generated files of some ten passages each are synced by `bedplate sources sync`, with the
`hashing` embedder: the encoder's own memory and time would hide what the pipeline adds. The memory of
the process is read at each line of its progress; the slope is fitted from a fifth of the passages to
the last batch, after which the index is built.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tests.bench.bench_ingest import SYLLABLES

WORDS = 5_000
SENTENCES = 125


def write(folder: Path, files: int) -> None:
    random_ = random.Random(1)
    words = ["".join(random_.choices(SYLLABLES, k=random_.randint(1, 4))) for _ in range(WORDS)]
    folder.mkdir()
    for number in range(files):
        text = " ".join(
            " ".join(random_.choices(words, k=random_.randint(8, 16))).capitalize() + "."
            for _ in range(SENTENCES)
        )
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")


def bedplate(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "bedplate", *arguments, "--data", str(home / "data")]


def family_rss(process: psutil.Process) -> tuple[int, int]:
    """Bytes of the process, and of its parser processes."""
    parsers = 0
    for child in process.children(recursive=True):
        try:
            parsers += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return process.memory_info().rss, parsers


def sync(home: Path, environment: dict[str, str]) -> dict[str, Any]:
    """One sync of the command line, its progress read line by line."""
    before, start = os.times(), time.perf_counter()
    seen: list[tuple[int, int, int]] = []
    command = bedplate(home, "sources", "sync", "many", "--progress", "json")
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        process = psutil.Process(running.pid)
        assert running.stderr is not None
        for line in running.stderr:
            try:
                told = json.loads(line)
                own, parsers = family_rss(process)
            except (ValueError, psutil.NoSuchProcess):
                continue
            seen.append((told.get("chunks") or 0, own, parsers))
    if running.returncode:
        raise SystemExit(running.returncode)
    after = os.times()
    found: dict[str, Any] = {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_s": round(
            after.children_user + after.children_system
            - before.children_user - before.children_system, 1
        ),
    }  # fmt: skip
    chunks = max(each[0] for each in seen)
    if chunks:
        late = np.array([each for each in seen if chunks / 5 <= each[0] < chunks], dtype=np.float64)
        peak = max(each[1] for each in seen)
        slope, _ = np.polyfit(late[:, 0], late[:, 1], 1)
        marks = [next(each for each in seen if each[0] >= chunks * tenth / 10) for tenth in (2, 5, 8)]  # fmt: skip
        found |= {
            "chunks": chunks,
            "rss_mb_with_index": round(peak / 2**20),
            "slope_bytes_per_chunk": round(float(slope)),
            "rss_mb_at_20_50_80": [round(each[1] / 2**20) for each in marks],
            "parsers_mb_at_20_50_80": [round(each[2] / 2**20) for each in marks],
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write(home / "docs", files)
        environment = {**os.environ, "BEDPLATE_EMBEDDER": '{use="hashing"}'}
        add = bedplate(home, "sources", "add", "many", "folder", "-c", "many",
                       "-o", f"path={home / 'docs'}")  # fmt: skip
        subprocess.run(add, env=environment, check=True, stdout=subprocess.DEVNULL)
        print(json.dumps({"first": sync(home, environment)}), flush=True)
        print(json.dumps({"again": sync(home, environment)}), flush=True)


if __name__ == "__main__":
    main()
