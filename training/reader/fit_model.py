"""Fits the span reader of `quote`: python training/reader/fit_model.py

Needs EVAL_DATA (qa_squad2, qa_clapnq, qa_xquad). `--fold` 0 or 1 leaves out that half of the articles
and of the fitted part of CLAPNQ: what the refusal of training/quote is fitted on, so that it sees the
reader as it is on text it has not seen. `--fold -1`, as shipped, leaves out nothing.
"""

import argparse
import json
import random
from pathlib import Path

from safetensors.torch import save_file
from training.encoder.batches import Example, collated
from training.encoder.bert import Trunk
from training.encoder.export import export, padded
from training.encoder.fit import Recipe, fit, start
from training.reader.data import Draw, clapnq, squad, xquad
from training.reader.folds import fold_of
from training.reader.spans import Spanned, span_loss

from bedplate.windows import KINDS

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "src" / "bedplate" / "models" / "quote_reader.onnx"
TRUNK = ROOT / "build" / "reader.safetensors"
"""What training/support starts from; not kept in the repository."""
SEED = 20261129


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--trunk", type=Path, default=TRUNK)
    parser.add_argument("--fold", type=int, default=-1)
    parser.add_argument("--epochs", type=int, default=3)
    chosen = parser.parse_args()
    start(SEED)
    known = [a for a in (*squad(), *clapnq()) if fold_of(a.group) != chosen.fold] + xquad()
    drawn = Draw(known)

    def epoch(number: int, draw: random.Random) -> list[Example]:
        del number
        return drawn.epoch(draw)

    sample = epoch(0, random.Random(SEED))
    none = sum(e.target[0] != 0 for e in sample) / len(sample)
    pieces = sum(len(e.ids) for e in sample)
    print(
        f"{len(sample)} windows and {pieces} pieces an epoch, {none:.0%} without an answer",
        flush=True,
    )
    trunk = Trunk.pretrained(KINDS)
    trunk.freeze(0)
    model = Spanned(trunk)
    fit(model, epoch, span_loss, Recipe(chosen.epochs, 1.2e-4, 1e-3, 1_280, seed=SEED))
    chosen.trunk.parent.mkdir(parents=True, exist_ok=True)
    save_file(trunk.state_dict(), chosen.trunk)
    digest = export(
        model,
        chosen.out,
        [padded(collated(sample[:16]))],
        {0: "texts", 1: "tokens"},
        {"logits": {0: "texts", 1: "tokens"}},
    )
    chosen.out.with_suffix(".json").write_text(json.dumps({"sha256": digest}, indent=2) + "\n")
    print(digest)


if __name__ == "__main__":
    main()
