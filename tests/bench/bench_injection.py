"""The injection model: by source, on rows that it was neither fitted nor calibrated to.

    python tests/bench/bench_injection.py [--rows N] [--rules] [--model FOLDER --only SOURCE ...]

With --rules the whole scanner is measured, rules and model together. FOLDER holds another
guards.onnx and guards.json, such as one that was fitted `--without` some sources: with those
as --only it gives the figures of sources left out. One thread.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tests.bench.evaluation import NoData, folder
from training.injection.held import held
from training.injection.sources import Text, bipia, by_source, documents, prompts

from bedplate.domain.guard import TextKind
from bedplate.encoder import Encoder, open_packaged
from bedplate.guards.injection import Scanner, ScannerOptions
from bedplate.guards.injection_model import EncoderOptions, TwoHeads
from bedplate.guards.reading import NAME, PACKAGE, SegmentReader

SAMPLES = 1_000
"""Of the bootstrap."""
RATES = (0.01, 0.05)
FLAGGED = 0.5
HAND = Path(__file__).parents[1] / "data" / "injection" / "handwritten.jsonl"
"""Prompts and short documents that nothing is fitted to, calibrated on or chosen by."""
POOL = ThreadPoolExecutor(1)

Scores = np.ndarray


def opened(place: Path | None) -> TwoHeads:
    if place is None:
        encoder, facts = open_packaged(PACKAGE, NAME)
    else:
        encoder = Encoder(place / "guards.onnx")
        facts = json.loads((place / "guards.json").read_text())
    return TwoHeads(SegmentReader(lambda: encoder), facts, EncoderOptions(), POOL)


def handwritten() -> list[Text]:
    """Half are attacks; the others use the same words for something harmless."""
    rows = [json.loads(line) for line in HAND.read_text("utf-8").splitlines()]
    return [
        Text(
            row["text"],
            int(row["attack"]),
            "handwritten",
            "",
            "prompt" if row["kind"] == "user" else "document",
        )
        for row in rows
    ]


def scored(texts: Sequence[Text], model: TwoHeads, scanner: Scanner | None) -> Scores:
    kind: TextKind = "user" if texts[0].kind == "prompt" else "document"
    given = [text.text for text in texts]
    if scanner is not None:
        return np.array([v.score for v in asyncio.run(scanner.check(given, kind))])
    return np.array([found[0].score for found in model.look(given, kind)])


def interval(figure: Callable[..., float], *given: Scores) -> str:
    """The figure, and 95 % of those of bootstrap samples, each group drawn by itself."""
    draw = np.random.default_rng(7)
    drawn = sorted(
        figure(*(each[draw.integers(len(each), size=len(each))] for each in given))
        for _ in range(SAMPLES)
    )
    return f"{figure(*given):.3f} ({drawn[25]:.3f} to {drawn[974]:.3f})"


def auroc(attacks: Scores, benign: Scores) -> float:
    """The chance that an attack scores above a benign text; ties count half."""
    ordered = np.sort(benign)
    below, upto = (np.searchsorted(ordered, attacks, side) for side in ("left", "right"))
    return float(((below + upto) / 2).mean() / len(benign))


def level(benign: Mapping[str, Scores], rate: float) -> float:
    """The lowest score that no more than `rate` of benign texts exceed, sources counting alike."""
    steps = np.unique(np.concatenate([*benign.values(), [1.0]]))
    rates = [np.mean([(scores > step).mean() for scores in benign.values()]) for step in steps]
    return float(steps[int(np.argmax(np.array(rates) <= rate))])


def table(
    kind: str, found: Mapping[str, tuple[Sequence[Text], Scores]], only: Sequence[str]
) -> None:
    parts = {
        label: {
            name: scores[[t.label == label for t in texts]]
            for name, (texts, scores) in found.items()
            if any(t.label == label for t in texts)
        }
        for label in (0, 1)
    }
    levels = {rate: level(parts[0], rate) for rate in RATES}
    pooled = np.concatenate(list(parts[0].values()))
    print(f"\n{kind}s; scores exceeded by 1 and 5 % of benign ones: {levels}")
    for name, scores in parts[1].items():
        if only and not name.startswith(tuple(only)):
            continue
        own = parts[0].get(name, pooled)
        told = [f"{name}, attacks: n = {len(scores)}", f"AUROC {interval(auroc, scores, own)}"]
        told += [f"at {rate:.0%} {interval(over(at), scores)}" for rate, at in levels.items()]
        print("; ".join([*told, f"flagged {interval(over(FLAGGED - 1e-9), scores)}"]), flush=True)
    for name, scores in parts[0].items():
        if not only or name.startswith(tuple(only)):
            told = f"flagged {interval(over(FLAGGED - 1e-9), scores)}"
            print(f"{name}, benign: n = {len(scores)}; {told}", flush=True)


def over(at: float) -> Callable[[Scores], float]:
    return lambda scores: float((scores > at).mean())


def speed(model: TwoHeads) -> None:
    """CPU of a prompt, one at a time, and of a document of 1,000 tokens."""
    draw = random.Random(7)
    questions = [t.text for t in prompts() if t.source in {"deepset", "xquad_en"}]
    started = time.process_time()
    for text in draw.sample(questions, 100):
        model.look([text], "user")
    print(f"\na prompt: {(time.process_time() - started) * 10:.1f} CPU-ms")
    long = " ".join(t.text for t in documents() if t.source == "articles_en")[:4_300]
    started = time.process_time()
    for _ in range(5):
        model.look([long], "document")
    print(f"a document of about 1,000 tokens: {(time.process_time() - started) * 200:.0f} CPU-ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10**9, help="of a source, at most")
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args()
    try:
        folder("injection")
    except NoData as missing:
        print(json.dumps({"skipped": str(missing)}))
        sys.exit(0)
    model = opened(given.model)
    scanner = Scanner(ScannerOptions(), {}, POOL, model) if given.rules else None
    texts = [t for t in (*prompts(), *bipia(), *documents()) if t.part == "test"]
    texts += [t for t in held() if t.part != "level"]
    texts += handwritten()
    random.Random(7).shuffle(texts)
    for kind in ("prompt", "document"):
        groups = by_source([t for t in texts if t.kind == kind])
        cut = {name: group[: given.rows] for name, group in groups.items()}
        table(kind, {n: (g, scored(g, model, scanner)) for n, g in cut.items()}, given.only)
    speed(model)


if __name__ == "__main__":
    main()
