"""Retrieval for an agent: how many of a task's required documents a search finds.

The 698 documents of tau2-bench's banking_knowledge are one collection. Each task is searched for
with all of its user's instructions, and with the first thing that the user says, as far as the
instructions quote it; 10 documents are counted, 25 beside. Since many tasks require more documents
than 10, `most` is the recall that a perfect search would have.
"""

import argparse
import asyncio
import json
import re
import statistics
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.retrieval import Mode
from bedplate.ingest.files import find_files
from bedplate.rag.search_request import SearchRequest

DEPTHS = (10, 25)
PASSAGES = 200
MODES: tuple[Mode, ...] = ("keyword", "vector", "hybrid")
QUOTED = re.compile(r"[\"“](.{20,}?)[\"”]", re.DOTALL)


def questions(task: dict[str, Any]) -> dict[str, str]:
    instructions: str = task["user_scenario"]["instructions"]
    said = QUOTED.search(instructions)
    return {"instructions": instructions, **({"first words": said.group(1)} if said else {})}


async def found(app: App, question: str, mode: Mode) -> list[str]:
    """The documents of the best passages, each once."""
    request = SearchRequest(question, mode, limit=PASSAGES)
    hits = (await app.search.search(app.scope("bank"), request)).hits
    return list(dict.fromkeys(hit.document_id for hit in hits))


async def measure(path: Path, header: str) -> None:
    tasks = [task for task in rows(path / "tasks.jsonl") if task["required_documents"]]
    with tempfile.TemporaryDirectory() as home:
        lines = (
            json.dumps({"id": row["id"], "title": row["title"], "text": row["content"]})
            for row in rows(path / "documents.jsonl")
        )
        (Path(home) / "documents.jsonl").write_text("\n".join(lines))
        arguments = {"data.dir": f"{home}/data", "ingest.chunk_header": header}
        config = load_config(environment={}, arguments=arguments).config
        async with open_app(config) as app:
            files = find_files([f"{home}/documents.jsonl"], max_files=1)
            report = await app.ingest.run(app.scope("bank"), files)
            print(json.dumps({"documents": report.added, "chunks": report.chunks}), flush=True)
            for kind in ("instructions", "first words"):
                asked = [(task, questions(task)[kind]) for task in tasks if kind in questions(task)]
                for mode in MODES:
                    recalls: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
                    for task, question in asked:
                        required = set(task["required_documents"])
                        names = await found(app, question, mode)
                        for depth in DEPTHS:
                            recalls[depth].append(
                                len(required.intersection(names[:depth])) / len(required)
                            )
                    print(json.dumps(figures(kind, mode, recalls, asked)), flush=True)


def figures(
    kind: str, mode: Mode, recalls: dict[int, list[float]], asked: list[tuple[dict[str, Any], str]]
) -> dict[str, Any]:
    sizes = [len(set(task["required_documents"])) for task, _ in asked]
    return {
        "question": kind,
        "mode": mode,
        "tasks": len(asked),
        **{f"recall@{depth}": round(statistics.mean(recalls[depth]), 3) for depth in DEPTHS},
        "most": {
            depth: round(statistics.mean(min(depth, size) / size for size in sizes), 3)
            for depth in DEPTHS
        },
    }


def main() -> None:
    try:
        path = folder("agents_tau2") / "banking_knowledge"
    except NoData as missing:
        print(f"skipped: {missing}")
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--header", default="full", help="ingest.chunk_header")
    asyncio.run(measure(path, parser.parse_args().header))


if __name__ == "__main__":
    main()
