"""Fits the weights of the router. Run: python training/route/fit.py FOLDER

FOLDER holds routing_routellm. Prints the figures of the card as JSON lines and writes
src/bedplate/models/route_weights.json. Plain NumPy; two runs give the same file.
"""

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bedplate.models.route_features import NAMES, surface_features
from bedplate.models.route_head import RouteHead, fit_head

TARGET = Path(__file__).resolve().parents[2] / "src/bedplate/models/route_weights.json"
ALPHA = 1000.0
GSM8K_WEIGHT = 3.2
FOLDS = 5
SEED = 0
Array = NDArray[np.float64]


def load(path: Path) -> list[dict[str, object]]:
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    rows = [json.loads(line) for line in text.decode("utf-8").split("\n") if line]
    return [row for row in rows if not row["contaminated"]]


def curve(scores: Array, weak: Array, strong: Array) -> dict[str, float]:
    """APGR, and the shares of large calls at which 50 and 80 % of the gap are recovered."""
    order = np.argsort(-scores, kind="stable")
    gain = np.concatenate([[0.0], np.cumsum((strong - weak)[order])]) / (strong - weak).sum()
    share = np.linspace(0, 1, len(gain))
    return {
        "apgr": round(float(np.trapezoid(gain, share)), 3),
        "cpt50": round(float(share[np.argmax(gain >= 0.5)]), 3),
        "cpt80": round(float(share[np.argmax(gain >= 0.8)]), 3),
    }


def benefit(head: RouteHead, prompts: list[str]) -> Array:
    return np.array([head.score(prompt) for prompt in prompts])


def main() -> None:
    folder = Path(sys.argv[1]) / "routing_routellm"
    tables = [load(folder / "mmlu.jsonl.gz"), load(folder / "gsm8k.jsonl")]
    rows = [row for table in tables for row in table]
    table = np.repeat([0, 1], [len(each) for each in tables])
    prompts = [str(row["prompt"]) for row in rows]
    weak = np.array([float(bool(row["weak_correct"])) for row in rows])
    strong = np.array([float(bool(row["strong_correct"])) for row in rows])
    features = np.stack([surface_features(prompt) for prompt in prompts])
    weight = np.where(table == 1, GSM8K_WEIGHT, 1.0)
    fold = np.random.default_rng(SEED).permutation(len(rows)) % FOLDS

    def fitted(train: NDArray[np.bool_]) -> RouteHead:
        return fit_head(features[train], (strong - weak)[train], weight[train], ALPHA)

    def out_of(groups: NDArray[np.int64]) -> Array:
        scores = np.zeros(len(rows))
        for group in np.unique(groups):
            inside = np.flatnonzero(groups == group)
            scores[inside] = benefit(fitted(groups != group), [prompts[i] for i in inside])
        return scores

    scorers: dict[str, Callable[[], Array]] = {
        "ridge, 5-fold": lambda: out_of(fold),
        "ridge, table left out": lambda: out_of(table),
        "prompt length": lambda: np.array([float(len(prompt)) for prompt in prompts]),
        "random": lambda: np.random.default_rng(SEED).random(len(rows)),
    }
    for name, scorer in scorers.items():
        scores = scorer()
        for number, title in enumerate(("MMLU", "GSM8K")):
            part = table == number
            figures = curve(scores[part], weak[part], strong[part])
            print(json.dumps({"scorer": name, "table": title, "n": int(part.sum()), **figures}))
    head = fitted(np.ones(len(rows), bool))
    data = {
        "features": list(NAMES),
        "mean": [round(float(x), 8) for x in head.mean],
        "scale": [round(float(x), 8) for x in head.scale],
        "weights": [round(float(x), 8) for x in head.weights],
        "intercept": round(head.intercept, 8),
    }
    TARGET.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
