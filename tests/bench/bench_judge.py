"""Judges that need no model beside the encoder, on public answers that people looked at.

    python tests/bench/bench_judge.py [--judge evidence overlap] [--rows N]

The packaged weights were fitted to these rows: training/support/fit_features.py prints the figures of
rows that were held out. This gives the CPU of a claim, and the other judges. One thread.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from tests.bench.evaluation import NoData
from tests.bench.judge_cases import Labelled, auroc, labelled

from bedplate.embedders.onnx import open_onnx_embedder
from bedplate.judges import JUDGES
from bedplate.judges.answers import AnswerJudge


async def measure(name: str, rows: Sequence[Labelled]) -> None:
    encoder = partial(open_onnx_embedder, {"workers": 1})
    async with JUDGES.load(name)({}, encoder=encoder, models={}) as opened:
        judge = AnswerJudge(opened, most=500)
        for source in dict.fromkeys(row.source for row in rows):
            part = [row for row in rows if row.source == source]
            started = time.process_time()
            found = [await judge.check(row.case, row.answer) for row in part]
            spent = time.process_time() - started
            scores = np.array([each.score for each in found])
            passed = np.array([each.verdict == "supported" for each in found])
            right = np.array([row.supported for row in part])
            claims = sum(max(1, len(each.claims)) for each in found)
            print(
                f"{name} {source}: {len(part)} answers, {claims} claims; "
                f"AUROC {auroc(scores, right):.3f}; caught {(~passed[~right]).mean():.2f}, "
                f"flagged {(~passed[right]).mean():.2f}; {1000 * spent / claims:.1f} CPU-ms a claim",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", nargs="+", default=["evidence", "overlap"])
    parser.add_argument("--rows", type=int, default=10_000, help="Of each set.")
    options = parser.parse_args()
    rows = labelled()
    chosen = [
        row
        for source in dict.fromkeys(row.source for row in rows)
        for row in [each for each in rows if each.source == source][: options.rows]
    ]
    for name in options.judge:
        asyncio.run(measure(name, chosen))


if __name__ == "__main__":
    try:
        main()
    except NoData as missing:
        sys.exit(str(missing))
