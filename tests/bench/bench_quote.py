"""How well and how fast `quote` answers. Run: python tests/bench/bench_quote.py [--light] [--json]

Reads qa_squad2, qa_clapnq and qa_mtrag_un below EVAL_DATA; about fifteen minutes on one core. The
span reader that ships was fitted on these articles of SQuAD 2.0, so that its figures there are too
good (training/quote/README.md has those of one that was not); with `--light` only the weights of
the refusal were. The half of CLAPNQ shown here and MTRAG-UN were kept out of every fit. Point
EVAL_DATA at other articles for a held-out run.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from evaluation import NoData
from quote_cases import (
    Case,
    Remembering,
    auroc,
    clapnq_cases,
    contains,
    is_held_out,
    mtrag_cases,
    squad_cases,
)

from bedplate.embedders.onnx import open_onnx_embedder
from bedplate.embedders.protocol import Embedder
from bedplate.models.quote import open_quote_model
from bedplate.models.quote_refusal import load_weights

CURVE = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
TIMED = 40


@dataclass(frozen=True)
class Answered:
    case: Case
    chance: float
    contained: bool
    words: int


async def answer(
    cases: Sequence[Case], embedder: Embedder, options: Mapping[str, Any]
) -> list[Answered]:
    found: list[Answered] = []
    async with open_quote_model(options, embedder=Remembering(embedder)) as model:
        for case in cases:
            choice = await model.choose(case.request)
            text = " ".join(piece.text for piece in choice.pieces)
            found.append(
                Answered(case, choice.probability, contains(text, case.answers), len(text.split()))
            )
    return found


async def seconds_cold(
    cases: Sequence[Case], embedder: Embedder, options: Mapping[str, Any]
) -> list[tuple[float, float]]:
    """Wall and CPU time of one answer whose passages were never read before."""
    times: list[tuple[float, float]] = []
    for case in cases[:: max(1, len(cases) // TIMED)][:TIMED]:
        async with open_quote_model(options, embedder=embedder) as model:
            wall, cpu = time.perf_counter(), time.process_time()
            await model.choose(case.request)
            times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def measure(answers: Sequence[Answered], caution: float) -> dict[str, Any]:
    squad = [a for a in answers if a.case.set == "squad"]
    off = np.array([a.chance for a in answers if a.case.set == "off-topic"])
    natural = [a for a in answers if is_held_out(a.case)]
    turns = [a for a in answers if a.case.set == "mtrag"]
    impossible = np.array([a.chance for a in squad if not a.case.answerable])
    half = float(np.quantile(impossible, 0.5))

    def at(threshold: float) -> dict[str, float]:
        possible = [a for a in squad if a.case.answerable]
        real = [a.chance for a in natural if a.case.answerable]
        unreal = [a.chance for a in natural if not a.case.answerable]
        given = [a.words for a in squad if a.chance >= threshold]
        return {
            "caution": round(threshold, 3),
            "squad_refused": _share(impossible < threshold),
            "squad_contained": _share([a.contained and a.chance >= threshold for a in possible]),
            "clapnq_refused": _share(np.array(unreal) < threshold),
            "clapnq_false_refusal": _share(np.array(real) < threshold),
            "mtrag_refused": _refused(turns, threshold, answerable=False),
            "mtrag_false_refusal": _refused(turns, threshold, answerable=True),
            "off_topic_refused": _share(off < threshold),
            "mean_words": round(statistics.fmean(given), 1) if given else 0.0,
        }

    return {
        "squad_questions": len(squad),
        "squad_auroc": round(_auroc(squad), 3),
        "clapnq_auroc": round(_auroc(natural), 3),
        "mtrag_auroc": round(_auroc(turns), 3),
        "without_refusal": at(0.0),
        "default": at(caution),
        "half_refused": at(half),
        "curve": [at(t) for t in CURVE],
    }


def _refused(answers: Sequence[Answered], threshold: float, *, answerable: bool) -> float:
    return _share([a.chance < threshold for a in answers if a.case.answerable == answerable])


def _share(values: object) -> float:
    return round(float(np.mean(values)), 3)  # type: ignore[arg-type]


def _auroc(answers: Sequence[Answered]) -> float:
    chances = np.array([a.chance for a in answers])
    return auroc(chances, np.array([a.case.answerable for a in answers], dtype=bool))


def show(figures: dict[str, Any]) -> None:
    print(
        f"SQuAD 2.0: {figures['squad_questions']} questions, AUROC {figures['squad_auroc']}; "
        f"CLAPNQ kept half: AUROC {figures['clapnq_auroc']}; MTRAG-UN: AUROC {figures['mtrag_auroc']}"
    )
    rows = [("no refusal", figures["without_refusal"]), ("default", figures["default"]),
            ("half refused", figures["half_refused"])]  # fmt: skip
    rows += [("", row) for row in figures["curve"]]
    columns = list(rows[0][1])
    print(f"{'':12}" + "".join(f"{c:>22}" for c in columns))
    for name, row in rows:
        print(f"{name:12}" + "".join(f"{row[c]:>22}" for c in columns))
    print(
        f"cold answer, 8 passages: median {figures['cold_ms_median']} ms, "
        f"slowest {figures['cold_ms_max']} ms, CPU median {figures['cold_cpu_ms_median']} ms"
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description="Bench of the quote model.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--light", action="store_true", help="without the span reader")
    parser.add_argument("--words", type=int, default=40, help="limit of a sentence")
    chosen = parser.parse_args()
    options = {"reader": not chosen.light, "words": chosen.words}
    async with open_onnx_embedder({}) as embedder:
        try:
            cases = await squad_cases(embedder) + await clapnq_cases(embedder)
            cases += await mtrag_cases(embedder)
        except NoData as error:
            print(f"skipped: {error}", file=sys.stderr)
            return
        times = await seconds_cold(cases, embedder, options)
        figures = measure(await answer(cases, embedder, options), load_weights().caution)
    figures["cold_ms_median"] = round(statistics.median(wall for wall, _ in times) * 1000)
    figures["cold_ms_max"] = round(max(wall for wall, _ in times) * 1000)
    figures["cold_cpu_ms_median"] = round(statistics.median(cpu for _, cpu in times) * 1000)
    if chosen.json:
        print(json.dumps(figures))
    else:
        show(figures)


if __name__ == "__main__":
    asyncio.run(main())
