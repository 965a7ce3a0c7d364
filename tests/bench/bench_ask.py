"""Answers of `quote` on SQuAD 2.0, through ingest, search and ask with the default configuration.

Each article's paragraphs are a collection. Counted: answerable questions whose gold answer stands
in the answer (lower case, without punctuation and articles, as whole words) and unanswerable ones
that are refused. A fixed sample of the questions, the same share of every article.
"""

import argparse
import asyncio
import json
import re
import statistics
import string
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.ingest.files import find_files


def normal(text: str) -> str:
    """As SQuAD's own evaluation does (Rajpurkar et al. 2016)."""
    plain = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())


def contains(answer: str, gold: Sequence[str]) -> bool:
    plain = re.sub(r"\[[0-9]+\]", "", answer)
    text = f" {normal(plain)} "
    return any(f" {normal(one)} " in text for one in gold if normal(one))


async def ask_all(app: App, folder_: Path, every: int) -> list[dict[str, Any]]:
    home = folder("qa_squad2")
    articles: dict[str, list[dict[str, Any]]] = {}
    for row in rows(home / "paragraphs.jsonl"):
        articles.setdefault(row["title"], []).append(row)
    for title, paragraphs in articles.items():
        path = folder_ / "rows.jsonl"
        path.write_text(
            "\n".join(
                json.dumps({"id": row["_id"], "title": row["title"], "text": row["text"]})
                for row in paragraphs
            )
        )
        await app.ingest.run(app.scope(title), find_files([str(path)], max_files=1))
    asked: list[dict[str, Any]] = []
    for number, question in enumerate(rows(home / "questions.jsonl")):
        if number % every:
            continue
        start, cpu = time.perf_counter(), time.process_time()
        answer = await app.ask.answer(app.question(question["title"], question["question"]))
        asked.append(
            {
                "impossible": question["is_impossible"],
                "refused": answer.refused,
                "contained": contains(answer.text, question["answers"]),
                "words": len(re.sub(r"\[[0-9]+\]", "", answer.text).split()),
                "ms": (time.perf_counter() - start) * 1000,
                "cpu_ms": (time.process_time() - cpu) * 1000,
                "cited": bool(answer.citations) or answer.refused,
            }
        )
    return asked


async def measure(every: int, caution: float | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder_:
        arguments: dict[str, Any] = {"data.dir": folder_}
        if caution is not None:
            arguments["models.default.caution"] = caution
        config = load_config(environment={}, arguments=arguments).config
        async with open_app(config) as app:
            asked = await ask_all(app, Path(folder_), every)
    able = [one for one in asked if not one["impossible"]]
    unable = [one for one in asked if one["impossible"]]
    return {
        "caution": caution,
        "answerable": len(able),
        "unanswerable": len(unable),
        "contained": round(statistics.mean(one["contained"] for one in able), 3),
        "refused_unanswerable": round(statistics.mean(one["refused"] for one in unable), 3),
        "refused_answerable": round(statistics.mean(one["refused"] for one in able), 3),
        "words": round(statistics.mean(o["words"] for o in asked if not o["refused"]), 1),
        "cited": round(statistics.mean(one["cited"] for one in asked), 3),
        "p50_ms": round(statistics.median(one["ms"] for one in asked), 1),
        "cpu_ms": round(statistics.mean(one["cpu_ms"] for one in asked), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=7, help="ask each n-th question")
    parser.add_argument("--caution", type=float, nargs="*", default=[None])
    options = parser.parse_args()
    for caution in options.caution:
        try:
            print(json.dumps(asyncio.run(measure(options.every, caution))), flush=True)
        except NoData as missing:
            print(f"skipped: {missing}")
            return


if __name__ == "__main__":
    main()
