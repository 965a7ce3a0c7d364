"""Retrieval quality: nDCG@10 and recall@100 of each mode, through ingest and search.

Every document is a row with id, title and text, ingested with the default configuration; every
query is a search with the default configuration. Gains are linear, as in BEIR.
"""

import argparse
import asyncio
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.retrieval import Mode
from bedplate.ingest.files import find_files
from bedplate.rag.retrieve import SearchRequest

SETS = {"scifact": "train", "cranfield": "dev", "cisi": "dev", "med": "dev"}
MODES: tuple[Mode, ...] = ("keyword", "vector", "hybrid")


def ndcg(found: Sequence[str], relevant: Mapping[str, float], depth: int = 10) -> float:
    """Järvelin and Kekäläinen 2002, with the gain itself and a base 2 logarithm."""
    gain = sum(relevant.get(d, 0) / math.log2(n + 2) for n, d in enumerate(found[:depth]))
    best = sorted(relevant.values(), reverse=True)[:depth]
    return gain / sum(value / math.log2(n + 2) for n, value in enumerate(best))


async def fill(app: App, name: str, path: Path) -> None:
    with path.open("w", encoding="utf-8") as out:
        for row in rows(folder(f"retrieval_{name}") / "corpus.jsonl"):
            if row["text"].strip():
                line = {"id": row["_id"], "title": row.get("title", ""), "text": row["text"]}
                out.write(json.dumps(line) + "\n")
    report = await app.ingest.run(app.scope(name), find_files([str(path)], max_files=1))
    assert not report.failures, report.failures[:3]


async def measure(name: str) -> dict[str, Any]:
    split = SETS[name]
    home = folder(f"retrieval_{name}")
    relevant: dict[str, dict[str, float]] = {}
    for row in rows(home / f"qrels_{split}.jsonl"):
        if row["score"] > 0:
            relevant.setdefault(row["query_id"], {})[row["doc_id"]] = row["score"]
    queries = [q for q in rows(home / f"queries_{split}.jsonl") if q["_id"] in relevant]
    with tempfile.TemporaryDirectory() as folder_:
        config = load_config(environment={}, arguments={"data.dir": folder_}).config
        async with open_app(config) as app:
            await fill(app, name, Path(folder_) / "rows.jsonl")
            result: dict[str, Any] = {"set": name, "queries": len(queries)}
            for mode in MODES:
                scores: list[float] = []
                recalls: list[float] = []
                for query in queries:
                    request = SearchRequest(query["text"], mode=mode, limit=100)
                    hits = (await app.search.search(app.scope(name), request)).hits
                    wanted = relevant[query["_id"]]
                    found = list(dict.fromkeys(hit.document_id for hit in hits))
                    scores.append(ndcg(found, wanted))
                    recalls.append(len(wanted.keys() & set(found)) / len(wanted))
                result[mode] = {
                    "ndcg@10": round(sum(scores) / len(scores), 4),
                    "recall@100": round(sum(recalls) / len(recalls), 4),
                }
            return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["scifact", "cranfield"])
    for name in parser.parse_args().sets:
        try:
            print(json.dumps(asyncio.run(measure(name))), flush=True)
        except NoData as missing:
            print(f"skipped {name}: {missing}")


if __name__ == "__main__":
    main()
