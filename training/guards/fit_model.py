"""Fit the guards' model and write it; see README.md beside this file.

    EVAL_DATA=... python training/guards/fit_model.py [--without SOURCE ...] [--out FOLDER] [--seed N]

Writes guards.onnx and guards.json: SHA-256, types and thresholds of the tags, heads and thresholds
against injections.
"""

import argparse
import json
import random
import time
from pathlib import Path

from safetensors.torch import load_model, save_model
from torch import Tensor
from training.encoder.batches import Example, collated, tokenizer
from training.encoder.bert import Guarding, GuardingEarly, Trunk
from training.encoder.export import export
from training.encoder.fit import Recipe, fit, guarding, start
from training.encoder.single import SingleGuarding
from training.guards.learnt import Learnt
from training.injection.held import held
from training.injection.levels import levels as injection_levels
from training.injection.levels import some, table
from training.injection.scoring import Scorer
from training.injection.sources import Part, bipia, documents, prompts
from training.pii.data import SETS, TAGS, TYPES, presidio, split
from training.pii.levels import levels as tag_levels

from bedplate.guards.pii_shapes import SHAPES

PARTS: tuple[Part, ...] = ("fit", "level", "test")
OUT = Path(__file__).parents[2] / "src/bedplate/guards/models"
TOKENS = {1: "tokens"}
OUTPUTS = {"tags": TOKENS, "logits": {}}
WHOLE = ("tags", "weigh", "head")
"""Heads are a thousandth of the work, and stay as they were fitted."""
LAYERS, FROZEN, EARLY, SHARE = 3, 1, 2, 0.3
"""Layers of the six; how many are left as they are; after how many the loss is taken as well, and
how much that counts.
"""
SPLIT, KEPT = 20261129, 0.2
"""Which templates of presidio are never fitted, and how many of all: thresholds are chosen there."""
EPOCHS = 5
PROMPTS, DOCUMENTS = 860_000, 600_000
"""Word pieces of each kind that are learnt from, in all epochs together."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--without", nargs="*", default=[], help="sources that are left out")
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--scale", type=float, default=1.0, help="of all that is learnt from")
    parser.add_argument(
        "--weights", type=Path, help="kept of a run, in place of fitting; or to be kept"
    )
    parser.add_argument("--rows", type=int, default=10**9, help="of a source that are measured")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    began = time.monotonic()
    left = tuple(given.without)
    texts = [*prompts(), *bipia(), *documents()]
    learnt = [t for t in texts if t.part == "fit" and not (left and t.source.startswith(left))]
    # What is left out takes no part in thresholds, and all its rows are new to the model.
    others = [t for t in texts if not (left and t.source.startswith(left))]
    new = [t for t in texts if left and t.source.startswith(left)]
    parts = [split(presidio(name), SPLIT, KEPT) for name in SETS if name not in left]
    pieces = tokenizer()
    start(given.seed)
    most = (int(PROMPTS * given.scale), int(DOCUMENTS * given.scale))
    drawn = Learnt(
        learnt, [r for known, _ in parts for r in known], pieces, EPOCHS, most, given.scale
    )
    trunk = Trunk.pretrained(SHAPES)
    trunk.layers = trunk.layers[:LAYERS]
    trunk.freeze(FROZEN)
    model = Guarding(trunk, TAGS, 2)
    recipe = Recipe(EPOCHS, 1.5e-4, 2e-3, 1_024, seed=given.seed, half=True)
    if given.weights and given.weights.exists():
        load_model(model, given.weights)
    else:
        fit(GuardingEarly(model, 2, EARLY), drawn.epoch, guarding(SHARE), recipe)
        if given.weights:
            save_model(model, str(given.weights))
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "guards.onnx"
    samples = [one(e) for e in drawn.epoch(0, random.Random(0))[:200]]
    sha256 = export(SingleGuarding(model), path, samples, TOKENS, OUTPUTS, WHOLE)
    scorer = Scorer(path)
    thresholds = injection_levels(scorer, some([*others, *held()], "level", given.rows))
    facts = {
        "sha256": sha256,
        "types": TYPES, "tags": tag_levels(path, [r for _, kept in parts for r in kept]),
        "heads": ["prompt", "document"], "injections": thresholds,
    }  # fmt: skip
    (given.out / "guards.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(json.dumps(facts))
    measured = [t for part in PARTS for t in some(new, part, given.rows)]
    table(scorer, [*some(others, "test", given.rows), *measured], thresholds)
    print(f"{time.monotonic() - began:.0f} s")


def one(example: Example) -> dict[str, Tensor]:
    """As the shipped model is given it."""
    batch = collated([example])
    return {"input_ids": batch.ids, "token_type_ids": batch.types}


if __name__ == "__main__":
    main()
