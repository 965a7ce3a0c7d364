"""Retrieval quality: nDCG@10 and recall@100 of each mode, through ingest and search.

Every document is a row with id, title and text, ingested with the default configuration; every
query is a search with the default configuration. Gains are linear, as in BEIR. `rrf` fuses the
passages of the two legs by reciprocal ranks, as a yardstick. CPU is that of a query's search, its
embedding included. "squad" asks 300 answerable questions of SQuAD 2.0 over all of its paragraphs,
each of which has one right paragraph.
"""

import argparse
import asyncio
import json
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.retrieval import Hit, Mode
from bedplate.ingest.files import find_files
from bedplate.rag.search_request import SearchRequest

SETS = {"scifact": "train", "cranfield": "dev", "cisi": "dev", "med": "dev"}
MODES: tuple[Mode, ...] = ("keyword", "vector", "hybrid")
GUARD = "squad"
GUARD_QUESTIONS = 300
RRF_K = 60
DEPTH = 100

Relevant = dict[str, dict[str, float]]


def ndcg(found: Sequence[str], relevant: Mapping[str, float], depth: int = 10) -> float:
    """Järvelin and Kekäläinen 2002, with the gain itself and a base 2 logarithm."""
    gain = sum(relevant.get(d, 0) / math.log2(n + 2) for n, d in enumerate(found[:depth]))
    best = sorted(relevant.values(), reverse=True)[:depth]
    return gain / sum(value / math.log2(n + 2) for n, value in enumerate(best))


def corpus(name: str) -> Iterator[dict[str, str]]:
    """Rows with id, title and text."""
    path = folder("qa_squad2") / "paragraphs.jsonl" if name == GUARD else (
        folder(f"retrieval_{name}") / "corpus.jsonl"
    )  # fmt: skip
    for row in rows(path):
        if row["text"].strip():
            yield {"id": row["_id"], "title": row.get("title", ""), "text": row["text"]}


def questions(name: str) -> tuple[list[tuple[str, str]], Relevant]:
    """Id and text of each query that has something relevant, and what that is."""
    if name == GUARD:
        asked = [q for q in rows(folder("qa_squad2") / "questions.jsonl") if not q["is_impossible"]]
        step = len(asked) // GUARD_QUESTIONS
        some = asked[::step][:GUARD_QUESTIONS]
        return (
            [(q["id"], q["question"]) for q in some],
            {q["id"]: {q["paragraph_id"]: 1.0} for q in some},
        )
    home, split = folder(f"retrieval_{name}"), SETS[name]
    relevant: Relevant = {}
    for row in rows(home / f"qrels_{split}.jsonl"):
        if row["score"] > 0:
            relevant.setdefault(row["query_id"], {})[row["doc_id"]] = row["score"]
    queries = rows(home / f"queries_{split}.jsonl")
    return [(q["_id"], q["text"]) for q in queries if q["_id"] in relevant], relevant


async def fill(app: App, name: str, path: Path) -> None:
    with path.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in corpus(name))
    report = await app.ingest.run(app.scope(name), find_files([str(path)], max_files=1))
    assert not report.failures, report.failures[:3]


def reciprocal(*legs: Sequence[Hit]) -> list[str]:
    """Documents in the order of summed reciprocal ranks of their passages (Cormack et al. 2009)."""
    scores: dict[tuple[str, str], float] = {}
    for leg in legs:
        for place, hit in enumerate(leg, start=1):
            key = (hit.chunk_id, hit.document_id)
            scores[key] = scores.get(key, 0.0) + 1 / (RRF_K + place)
    best = sorted(scores, key=lambda key: (-scores[key], key))[:DEPTH]
    return [document for _, document in best]


class Tally:
    """Figures of one way to search, summed over queries."""

    def __init__(self) -> None:
        self.ndcg: list[float] = []
        self.recall: list[float] = []
        self.cpu = 0.0

    def add(self, documents: Sequence[str], relevant: Mapping[str, float]) -> None:
        found = list(dict.fromkeys(documents))
        self.ndcg.append(ndcg(found, relevant))
        self.recall.append(len(relevant.keys() & set(found)) / len(relevant))

    def figures(self) -> dict[str, float]:
        count = len(self.ndcg)
        return {
            "ndcg@10": round(sum(self.ndcg) / count, 4),
            "recall@100": round(sum(self.recall) / count, 4),
            "cpu_ms": round(self.cpu * 1000 / count, 1),
        }


async def measure(name: str, header: str) -> dict[str, Any]:
    queries, relevant = questions(name)
    tallies = {mode: Tally() for mode in (*MODES, "rrf")}
    with tempfile.TemporaryDirectory() as home:
        arguments = {"data.dir": home, "ingest.chunk_header": header}
        config = load_config(environment={}, arguments=arguments).config
        async with open_app(config) as app:
            await fill(app, name, Path(home) / "rows.jsonl")
            for query, text in queries:
                legs: dict[Mode, Sequence[Hit]] = {}
                for mode in MODES:
                    request = SearchRequest(text, mode=mode, limit=DEPTH)
                    cpu = time.process_time()
                    legs[mode] = (await app.search.search(app.scope(name), request)).hits
                    tallies[mode].cpu += time.process_time() - cpu
                    tallies[mode].add([hit.document_id for hit in legs[mode]], relevant[query])
                fused = reciprocal(legs["keyword"], legs["vector"])
                tallies["rrf"].add(fused, relevant[query])
    figures = {name: tally.figures() for name, tally in tallies.items()}
    return {"set": name, "header": header, "queries": len(queries), **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=[*SETS, GUARD])
    parser.add_argument("--header", default="full", help="ingest.chunk_header")
    chosen = parser.parse_args()
    for name in chosen.sets:
        try:
            print(json.dumps(asyncio.run(measure(name, chosen.header))), flush=True)
        except NoData as missing:
            print(f"skipped {name}: {missing}")


if __name__ == "__main__":
    main()
