"""How often a question is given the answer to another, by the cache's threshold (`semantic`).

SQuAD 2.0: every question is compared, as the cache does it, with all that were asked of the same
article before. A hit is right where both have a gold answer in common, in one paragraph; wrong
otherwise, as where one of them has none. A third of the questions were written to look like others
and to have no answer, so users' questions give fewer wrong hits.

    python -m tests.bench.bench_cache --questions 3000
"""

import argparse
import asyncio
import json
import os
from collections import defaultdict
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.bench.evaluation import folder, rows

from bedplate.embedders import EMBEDDERS
from bedplate.models.answer_keys import same_marks

THRESHOLDS = (0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
BATCH = 32


def answers(question: dict[str, Any]) -> set[str]:
    return {" ".join(text.casefold().split()) for text in question["answers"]}


def are_one(one: dict[str, Any], other: dict[str, Any]) -> bool:
    same = one["paragraph_id"] == other["paragraph_id"]
    return same and bool(answers(one) & answers(other))


def compare(asked: list[dict[str, Any]], vectors: NDArray[np.float32]) -> list[tuple[float, bool]]:
    """Of each question the cosine of the nearest earlier one that it may be, and whether it is."""
    found: list[tuple[float, bool]] = []
    for at in range(1, len(asked)):
        cosines = vectors[:at] @ vectors[at]
        nearest_first: list[int] = np.argsort(-cosines).tolist()
        for other in nearest_first:
            if cosines[other] < THRESHOLDS[0]:
                break
            if same_marks(asked[other]["question"], asked[at]["question"]):
                found.append((float(cosines[other]), are_one(asked[other], asked[at])))
                break
    return found


async def measure(adapter: str, most: int) -> None:
    by_article: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in islice(rows(folder("qa_squad2") / "questions.jsonl"), most):
        by_article[row["title"]].append(row)
    found: dict[str, list[tuple[float, bool]]] = {"all": [], "answerable": []}
    async with EMBEDDERS.load(adapter)({}) as embedder:
        for asked in by_article.values():
            texts = [each["question"] for each in asked]
            parts = [
                await embedder.embed(texts[start : start + BATCH])
                for start in range(0, len(texts), BATCH)
            ]
            vectors = np.concatenate([np.asarray(part) for part in parts])
            found["all"] += compare(asked, vectors)
            those = [at for at, each in enumerate(asked) if each["answers"]]
            found["answerable"] += compare([asked[at] for at in those], vectors[those])
    for which, pairs in found.items():
        for least in THRESHOLDS:
            hits = [right for cosine, right in pairs if cosine >= least]
            line = {"embedder": adapter, "questions": which, "semantic": least}
            print(json.dumps({**line, "hits": len(hits), "wrong": len(hits) - sum(hits)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=3_000)
    parser.add_argument("--embedder", default="onnx")
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    asyncio.run(measure(chosen.embedder, chosen.questions))


if __name__ == "__main__":
    main()
