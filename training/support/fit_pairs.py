"""Fits a model that reads a claim beside its evidence: python training/support/fit_pairs.py

Nothing of it ships: training/support/pairs.md says what it is worth beside the features. Needs
EVAL_DATA (groundedness, qa_squad2, qa_clapnq, qa_xquad) and the trunk that training/reader left in
build/. `--without` leaves sets out; `--halves` fits one half of each set's rows only.
"""

import argparse
import json
import random
from collections import Counter
from pathlib import Path

from safetensors.torch import load_file
from training.encoder.batches import Example, collated
from training.encoder.bert import Pooled, Trunk
from training.encoder.export import export, padded
from training.encoder.fit import Recipe, fit, masked_bce, start
from training.reader.fit_model import TRUNK
from training.support.pairs import SETS, Made, Pair, example, labelled
from training.support.scoring import report

from bedplate.windows import KINDS

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "build" / "support.onnx"
SEED = 20261129
FROZEN = 1


def weighed(pairs: list[Pair]) -> list[Example]:
    """Every set, and in it both labels, count the same; rows made by rule count as two sets."""
    seen = Counter((p.set, p.supported) for p in pairs)
    shares = {key: (2.0 if key[0] == "made" else 1.0) / count for key, count in seen.items()}
    whole = len(pairs) / sum(2.0 if key[0] == "made" else 1.0 for key in seen)
    return [example(p, min(3.0, whole * shares[p.set, p.supported])) for p in pairs]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--trunk", type=Path, default=TRUNK)
    parser.add_argument("--without", nargs="*", choices=SETS, default=[])
    parser.add_argument("--halves", action="store_true")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--made", type=int, default=2_800, help="pairs by rule in an epoch")
    chosen = parser.parse_args()
    start(SEED)
    known = [
        pair
        for name in SETS
        if name not in chosen.without
        for pair in labelled(name)
        if not (chosen.halves and pair.kept)
    ]
    made = Made()

    def epoch(number: int, draw: random.Random) -> list[Example]:
        del number
        return weighed([*known, *made.epoch(chosen.made, draw)])

    sample = epoch(0, random.Random(SEED))
    print(f"{len(sample)} pairs and {sum(len(e.ids) for e in sample)} pieces an epoch", flush=True)
    trunk = Trunk(KINDS)
    trunk.load_state_dict(load_file(chosen.trunk))
    trunk.freeze(FROZEN)
    model = Pooled(trunk, 1)
    fit(model, epoch, masked_bce(), Recipe(chosen.epochs, 8e-5, 1e-3, 1_536, seed=SEED))
    digest = export(
        model,
        chosen.out,
        [padded(collated(sample[:16]))],
        {0: "texts", 1: "tokens"},
        {"logits": {0: "texts"}},
    )
    chosen.out.with_suffix(".json").write_text(json.dumps({"sha256": digest}, indent=2) + "\n")
    print(digest)
    report(chosen.out, known)


if __name__ == "__main__":
    main()
