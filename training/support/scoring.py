"""What a fitted pair model says of the development rows, apart by whether it has seen them."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from training.encoder.export import session
from training.support.pairs import SETS, Pair, example, labelled


def scores(model: Path, pairs: Sequence[Pair]) -> np.ndarray:
    """A logit a pair: above 0 it is rather carried than not."""
    run: Any = session(model).run
    found = []
    for pair in pairs:
        shown = example(pair)
        ids = np.array([shown.ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids),
                "token_type_ids": np.array([shown.types], dtype=np.int64)}  # fmt: skip
        found.append(float(run(None, feed)[0][0, 0]))
    return np.array(found)


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    ranks = np.searchsorted(np.sort(scores), scores) + np.searchsorted(
        np.sort(scores), scores, "right"
    )
    n = positive.sum()
    total = ((ranks + 1) / 2)[positive].sum() - n * (n + 1) / 2
    return float(total / max(n * (len(scores) - n), 1))


def report(model: Path, known: Collection[Pair]) -> None:
    """AUROC by set, over the rows that were not fitted, or, where all were, over all; writes every
    row's logit beside the model."""
    seen = {(p.set, p.id) for p in known}
    kept: dict[str, float] = {}
    for name in SETS:
        pairs = labelled(name)
        found = scores(model, pairs)
        labels = np.array([p.supported for p in pairs])
        new = np.array([(p.set, p.id) not in seen for p in pairs])
        for title, rows in (("not fitted", new), ("fitted", ~new)):
            if rows.any():
                print(
                    f"{name:9} {title:11} {rows.sum():4} rows: AUROC {auroc(found[rows], labels[rows]):.3f}",
                    flush=True,
                )
        kept |= {f"{name}/{p.id}": round(float(s), 4) for p, s in zip(pairs, found, strict=True)}
    model.with_suffix(".scores.json").write_text(json.dumps(kept))
