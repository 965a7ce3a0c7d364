"""Fit the injection model and write it; see README.md beside this file.

    EVAL_DATA=... python training/injection/fit_model.py [--without SOURCE ...] [--out FOLDER]

Writes injection.onnx and injection.json: SHA-256, window, and the threshold of each head.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from training.encoder.batches import IGNORED, Example, batches, tokenizer
from training.encoder.bert import Early, Pooled, Trunk
from training.encoder.export import export
from training.encoder.fit import Recipe, early_bce, fit, start
from training.injection.mix import DOCUMENT, OVERLAP, PROMPT, WINDOW, Mix
from training.injection.scoring import Scorer, auroc
from training.injection.sources import Part, Text, bipia, by_source, documents, prompts

PARTS: tuple[Part, ...] = ("fit", "level", "test")
OUT = Path(__file__).parents[2] / "src/bedplate/guards/models"
WANTED = 0.02
"""The share of benign texts of the sources, each counting the same, that may be flagged."""

MOST = 0.05
"""The share of any one source that may be, or one text of it."""

UNCOUNTED = frozenset({"system_prompts"})
"""Benign, but few users send some; thresholds do not make room for them."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One pass with a warm-up and decay of its own; `tokens` are those of prompts and documents."""

    tokens: tuple[int, int]
    rate: float
    seed: int


PHASES = (Phase((420_000, 260_000), 1.5e-4, 1), Phase((420_000, 260_000), 1e-4, 2))
BATCH, FROZEN, SIZE = 1_024, 1, 1.0
LAYERS, EARLY, SHARE = 4, 2, 0.3
"""Layers of the six; after how many the loss is taken as well, and how much that counts."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--without", nargs="*", default=[], help="sources that are left out")
    parser.add_argument("--scale", type=float, default=1.0, help="of the tokens of each phase")
    parser.add_argument("--phases", type=int, default=1, help="2 goes on learning")
    parser.add_argument("--keep", type=Path, help="a folder for the weights after each phase")
    parser.add_argument("--weights", type=Path, help="what was kept of the phases before --after")
    parser.add_argument("--after", type=int, default=0, help="phases that are in the weights")
    parser.add_argument("--rows", type=int, default=10**9, help="of a source that are measured")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    began = time.monotonic()
    texts = [*prompts(), *bipia(), *documents()]
    left = tuple(given.without)
    learnt = [t for t in texts if t.part == "fit" and not (left and t.source.startswith(left))]
    pieces = tokenizer()
    mix = Mix(learnt, pieces, size=SIZE)
    start(PHASES[0].seed)
    model = fitted(mix, PHASES[given.after : given.phases], given)
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "injection.onnx"
    sample = next(batches(mix.epoch(0, random.Random(0))[:400], 2_048, 0))
    sha256 = export(model, path, sample, tagged=False)
    scorer = Scorer(path, pieces)
    # What is left out takes no part in thresholds, and all its rows are new to the model.
    others = [t for t in texts if not (left and t.source.startswith(left))]
    new = [t for t in texts if left and t.source.startswith(left)]
    thresholds = levels(scorer, some(others, "level", given.rows))
    facts = {
        "sha256": sha256, "heads": ["prompt", "document"], "window": WINDOW,
        "overlap": OVERLAP, "thresholds": thresholds,
    }  # fmt: skip
    (given.out / "injection.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(json.dumps(facts))
    measured = [t for part in PARTS for t in some(new, part, given.rows)]
    table(scorer, [*some(others, "test", given.rows), *measured], thresholds)
    print(f"{time.monotonic() - began:.0f} s")


def fitted(mix: Mix, phases: Sequence[Phase], given: argparse.Namespace) -> Pooled:
    trunk = Trunk.pretrained()
    trunk.layers = trunk.layers[:LAYERS]
    trunk.freeze(FROZEN)
    pooled = Pooled(trunk, 2)
    model = Early(pooled, 2, EARLY)
    if given.weights:
        model.load_state_dict(torch.load(given.weights))
    for phase in phases:
        most = [int(given.scale * each) for each in phase.tokens]
        recipe = Recipe(1, rate=phase.rate, head_rate=2e-3, batch_tokens=BATCH, seed=phase.seed)

        def epoch(number: int, draw: random.Random, most: Sequence[int] = most) -> list[Example]:
            return cut(mix.epoch(number, draw), most, draw)

        fit(model, epoch, early_bce(SHARE), recipe)
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
            torch.save(model.state_dict(), given.keep / f"phase-{phase.seed}.pt")
    return pooled


def cut(examples: list[Example], most: Sequence[int], draw: random.Random) -> list[Example]:
    """An even choice of them with at most so many tokens a head."""
    draw.shuffle(examples)
    totals, kept = [0, 0], list[Example]()
    for example in examples:
        head = DOCUMENT if example.target[PROMPT] == IGNORED else PROMPT
        totals[head] += len(example.ids)
        if totals[head] <= most[head]:
            kept.append(example)
    return kept


def some(texts: Sequence[Text], part: Part, most: int) -> list[Text]:
    """Those of a part, at most so many of a source and label."""
    counts, kept = Counter[tuple[str, int]](), list[Text]()
    for text in texts:
        counts[text.source, text.label] += text.part == part
        if text.part == part and counts[text.source, text.label] <= most:
            kept.append(text)
    return kept


def levels(scorer: Scorer, texts: Sequence[Text]) -> dict[str, float]:
    """The scores that the wanted share of benign texts exceeds, sources counting alike."""
    found: dict[str, float] = {}
    for kind in ("prompt", "document"):
        benign = by_source(
            [t for t in texts if t.kind == kind and not t.label and t.source not in UNCOUNTED]
        )
        scored = {name: scorer.scores(group) for name, group in benign.items()}
        steps = np.unique(np.concatenate([*scored.values(), [0.5, 1.0]]))
        rates = np.array([[(s > level).mean() for s in scored.values()] for level in steps])
        most = np.array([max(MOST, 1 / len(s)) for s in scored.values()])
        few = (rates.mean(axis=1) <= WANTED) & (rates <= most).all(axis=1)
        found[kind] = round(float(max(0.05, steps[np.argmax(few)])), 4)
    return found


def table(scorer: Scorer, texts: Sequence[Text], thresholds: dict[str, float]) -> None:
    scored = {name: (group, scorer.scores(group)) for name, group in by_source(texts).items()}
    for kind in ("prompt", "document"):
        rows = [
            (t, s)
            for group, scores in scored.values()
            for t, s in zip(group, scores, strict=True)
            if t.kind == kind
        ]
        benign = np.array([s for t, s in rows if not t.label])
        for name, (group, scores) in scored.items():
            if group[0].kind != kind:
                continue
            labels = np.array([t.label for t in group])
            flagged = scores > thresholds[kind]
            own = scores[labels == 0]
            told = [f"{name:18} n={len(group):4}"]
            if labels.any():
                told.append(f"recall {flagged[labels == 1].mean():.3f} (n={labels.sum()})")
                told.append(f"AUROC {auroc(scores[labels == 1], own if len(own) else benign):.3f}")
            if len(own):
                told.append(f"flagged {flagged[labels == 0].mean():.3f}")
            print("  ".join(told), flush=True)


if __name__ == "__main__":
    main()
