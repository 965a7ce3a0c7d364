"""Chunkers by the evidence they bring: token recall, precision and IoU at equal retrieved text.

The questions of the set name the exact characters of their evidence in five corpora, which are one
collection here. Hits are taken in order until they hold BUDGETS characters of the corpora (the last
one is cut there), so that a chunker gains nothing by longer chunks. Letters and digits are counted,
since those are the same before and after parsing. After Smith and Troynikov, "Evaluating Chunking
Strategies for Retrieval" (Chroma, 2024), who fix the number of chunks instead.

Everything else is the default: hybrid search, passages in their windows as answers see them.
Personal data is kept, since offsets must hold.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.retrieval import Hit, Scope
from bedplate.ingest.files import find_files
from bedplate.parsers.detect import read_blob
from bedplate.parsers.protocol import ParseLimits
from bedplate.rag.search_request import SearchRequest

BUDGETS = (2_000, 4_000, 8_000)
HITS = 80
CHUNKERS: Sequence[Mapping[str, Any]] = (
    {"use": "structure"},
    {"use": "structure", "size": 300},
    {"use": "structure", "size": 500},
    {"use": "structure", "size": 700},
    {"use": "structure", "size": 1000},
    {"use": "structure", "size": 1000, "overlap": 200},
    {"use": "structure", "header": "none"},
    {"use": "structure", "header": "title"},
    {"use": "structure", "header": "headings"},
    {"use": "sentence_window"},
    {"use": "sentence_window", "window": 1},
    {"use": "parent_child"},
    {"use": "parent_child", "size": 300, "parent": 1000},
)

Span = tuple[int, int]


class Letters:
    """Places of a text counted in letters and digits."""

    def __init__(self, text: str) -> None:
        self._places = [place for place, letter in enumerate(text) if letter.isalnum()]

    def span(self, start: int, end: int) -> Span:
        return bisect_left(self._places, start), bisect_left(self._places, end)


def joined(spans: Sequence[Span]) -> list[Span]:
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((start, end))
    return result


def size(spans: Sequence[Span]) -> int:
    return sum(end - start for start, end in spans)


def common(some: Sequence[Span], others: Sequence[Span]) -> int:
    return sum(max(0, min(b, d) - max(a, c)) for a, b in some for c, d in others)


def taken(hits: Sequence[Hit], budget: int) -> dict[str, list[Span]]:
    """The stretches of each source that the best hits bring; what is brought twice counts once."""
    found: dict[str, list[Span]] = {}
    for hit in hits:
        before = found.get(hit.source, [])
        room = budget - sum(size(spans) for spans in found.values())
        new = joined([*before, (hit.start, hit.end)])
        if size(new) - size(before) > room:
            found[hit.source] = joined([*before, (hit.start, hit.start + room)])
            break
        found[hit.source] = new
    return found


class Corpora:
    def __init__(self, path: Path) -> None:
        self.before: dict[str, Letters] = {}
        self.after: dict[str, Letters] = {}
        for file in sorted(path.iterdir()):
            content = file.read_bytes()
            (document,) = read_blob(Blob(content, file.name), ParseLimits()).documents
            self.before[file.stem] = Letters(content.decode())
            self.after[file.stem] = Letters(document.text)

    def figures(self, question: Mapping[str, Any], hits: Sequence[Hit], budget: int) -> list[float]:
        """Recall, precision and IoU of the letters of one question's evidence."""
        name = question["corpus"]
        wanted = joined(
            [
                self.before[name].span(each["start_index"], each["end_index"])
                for each in question["references"]
            ]
        )
        brought = {
            Path(source).stem: joined([self.after[Path(source).stem].span(*span) for span in spans])
            for source, spans in taken(hits, budget).items()
        }
        both, all_brought = common(brought.get(name, []), wanted), sum(map(size, brought.values()))
        return [both / size(wanted), both / all_brought, both / (size(wanted) + all_brought - both)]


def spent() -> float:
    return sum(list(os.times())[:4])


async def measure(options: Mapping[str, Any], corpora: Corpora, path: Path) -> dict[str, Any]:
    questions = list(rows(path / "questions.jsonl"))
    with tempfile.TemporaryDirectory() as home:
        chunker = {name: value for name, value in options.items() if name != "header"}
        arguments = {
            "data.dir": home,
            "guards.pii": False,
            "ingest.chunk_header": options.get("header", "full"),
            **{f"chunker.{name}": value for name, value in chunker.items()},
        }
        config = load_config(environment={}, arguments=arguments).config
        async with open_app(config) as app:
            scope = app.scope("corpora")
            files = find_files([str(path / "corpora")], max_files=100)
            before, started = spent(), time.perf_counter()
            report = await app.ingest.run(scope, files)
            result: dict[str, Any] = {
                "chunker": dict(options),
                "chunks": report.chunks,
                "ingest_cpu_s": round(spent() - before, 1),
                "ingest_wall_s": round(time.perf_counter() - started, 1),
            }
            found = [await hits(app, scope, each["question"]) for each in questions]
    for budget in BUDGETS:
        figures = zip(
            *(
                corpora.figures(each, its, budget)
                for each, its in zip(questions, found, strict=True)
            ),
            strict=True,
        )
        names = ("recall", "precision", "iou")
        result[str(budget)] = {
            name: round(statistics.mean(values), 4)
            for name, values in zip(names, figures, strict=True)
        }
    return result


async def hits(app: App, scope: Scope, question: str) -> tuple[Hit, ...]:
    return (await app.search.search(scope, SearchRequest(question, limit=HITS, wide=True))).hits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunker", type=json.loads, action="append", help="JSON, repeatable")
    chosen = parser.parse_args().chunker or CHUNKERS
    try:
        path = folder("chunking_eval")
    except NoData as missing:
        print(f"skipped: {missing}")
        return
    corpora = Corpora(path / "corpora")
    for options in chosen:
        print(json.dumps(asyncio.run(measure(options, corpora, path))), flush=True)


if __name__ == "__main__":
    main()
