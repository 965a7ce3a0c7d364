"""Fits the weights of the `evidence` judge. Run: python training/support/fit_features.py

Needs EVAL_DATA (groundedness); some minutes on one core, most of it encoding. Prints the figures of
the card and writes src/bedplate/judges/evidence_weights.json. Nothing is drawn at random.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.evaluation import NoData  # noqa: E402
from tests.bench.judge_cases import (  # noqa: E402
    Labelled,
    auroc,
    labelled,
)

from bedplate.embedders.onnx import open_onnx_embedder  # noqa: E402
from bedplate.judges.calibration import calibration_error  # noqa: E402
from bedplate.judges.claims import split_claims  # noqa: E402
from bedplate.judges.drafts import VERBATIM  # noqa: E402
from bedplate.judges.evidence import open_evidence_judge  # noqa: E402
from bedplate.judges.features import CHECKS  # noqa: E402
from bedplate.judges.protocol import Statement  # noqa: E402
from bedplate.judges.weights import Weights  # noqa: E402

TARGET = ROOT / "src" / "bedplate" / "judges" / "evidence_weights.json"
RIDGE = 10.0
ROUNDS = 4
ALTERED = 0.2
"""How much all altered claims weigh, as a share of the supported ones."""
FLAGGED = 0.10
"""Share of supported answers that may be flagged."""
FEWER_IS_BETTER = (
    "gap",
    "number_differs",
    "date_differs",
    "unit_differs",
    "entity_differs",
    "negation_differs",
)

Scorer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Table:
    """Claims as rows of `features`; `row` is the answer that each belongs to. `fixed` are claims
    whose probability no weights decide, NaN for all others.
    """

    names: tuple[str, ...]
    features: np.ndarray
    fixed: np.ndarray
    row: np.ndarray
    supported: np.ndarray
    sources: np.ndarray
    folds: np.ndarray

    def answers(self, scores: np.ndarray) -> np.ndarray:
        """The weakest claim's score of each answer; 1 where it has none."""
        whole = np.ones(len(self.supported))
        np.minimum.at(whole, self.row, np.where(np.isnan(self.fixed), scores, self.fixed))
        return whole


async def read_table(rows: Sequence[Labelled]) -> Table:
    found: list[tuple[int, Mapping[str, float], float]] = []
    encoder = partial(open_onnx_embedder, {"workers": 1})
    async with open_evidence_judge({}, encoder=encoder, models={}) as judge:
        for place, row in enumerate(rows):
            bench = await judge.read(row.case)
            statements = split_claims(row.answer, {1}) or [
                Statement(row.answer, 0, len(row.answer))
            ]
            for draft, features in await bench.describe([(s, frozenset({1})) for s in statements]):
                fixed = np.nan if features else VERBATIM if draft.verbatim else 0.0
                found.append((place, features, fixed))
    names = tuple(next(features for _, features, _ in found if features))
    return Table(
        names,
        np.array([[features.get(name, 0.0) for name in names] for _, features, _ in found]),
        np.array([fixed for _, _, fixed in found]),
        np.array([place for place, _, _ in found]),
        np.array([row.supported for row in rows]),
        np.array([row.source for row in rows]),
        np.array([row.fold for row in rows]),
    )


def logistic(table: np.ndarray, wanted: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Ridge logistic regression by Newton's method; weights on the features as they come."""
    mean = np.average(table, axis=0, weights=weight)
    spread = np.sqrt(np.average((table - mean) ** 2, axis=0, weights=weight)) + 1e-9
    design = np.c_[np.ones(len(table)), (table - mean) / spread]
    ridge = np.eye(design.shape[1]) * RIDGE
    ridge[0, 0] = 1e-9
    found = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ found))
        gradient = design.T @ (weight * (chance - wanted)) + ridge @ found
        curvature = (design.T * (weight * chance * (1 - chance))) @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        found = found - step
        if np.abs(step).max() < 1e-8:
            break
    weights = found[1:] / spread
    return weights, float(found[0] - weights @ mean)


def plausible(
    table: np.ndarray, names: Sequence[str], wanted: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, float]:
    """Drops, one at a time, the feature with the most implausible sign: more overlap must never
    speak against a claim. That does not learn the data sets' habits.
    """
    sign = np.array([-1.0 if name in FEWER_IS_BETTER else 1.0 for name in names])
    columns = list(range(len(names)))
    while True:
        weights, bias = logistic(table[:, columns], wanted, weight)
        worth = weights * table[:, columns].std(axis=0) * sign[columns]
        worst = int(np.argmin(worth))
        if worth[worst] > -1e-3:
            whole = np.zeros(len(names))
            whole[columns] = weights
            return whole, bias
        del columns[worst]


def fit(table: Table, chosen: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights from the chosen answers. All claims of a supported answer are supported; of another
    only its weakest counts as unsupported, which is found anew in each round. Sources and labels
    weigh alike.
    """
    free = np.isnan(table.fixed) & chosen[table.row]
    wanted = table.supported[table.row].astype(float)
    source = table.sources[table.row]
    scores = table.features[:, list(table.names).index("cover_near")]
    weights, bias = np.zeros(len(table.names)), 0.0
    for _ in range(ROUNDS):
        weakest = np.zeros(len(scores), dtype=bool)
        order = np.lexsort((scores, table.row))
        first = np.r_[True, np.diff(table.row[order]) > 0]
        weakest[order[first]] = True
        used = free & ((wanted == 1) | weakest)
        weight = np.zeros(len(scores))
        for each in np.unique(source[used]):
            for label in (0.0, 1.0):
                part = used & (source == each) & (wanted == label)
                weight[part] = 1 / max(part.sum(), 1)
        weight *= used.sum() / weight.sum()
        features, label, share = with_altered(table, used, wanted, weight)
        weights, bias = plausible(features, table.names, label, share)
        scores = chance(table.features, weights, bias)
    return weights, bias


def with_altered(
    table: Table, used: np.ndarray, wanted: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The used claims, and each supported one once more for every check, unsupported as if only its
    number (date, unit, name, denial) were another: the sets hardly hold such claims, users meet them.
    """
    names = list(table.names)
    right = used & (wanted == 1)
    made: list[np.ndarray] = []
    for check in CHECKS:
        altered = table.features[right].copy()
        altered[:, names.index(f"{check}_differs")] = 1.0
        made.append(altered)
    share = np.tile(weight[right] * ALTERED / len(CHECKS), len(CHECKS))
    return (
        np.concatenate([table.features[used], *made]),
        np.concatenate([wanted[used], np.zeros(len(share))]),
        np.concatenate([weight[used], share]),
    )


def chance(features: np.ndarray, weights: np.ndarray, bias: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(features @ weights + bias, -30, 30)))


def crossed(table: Table, parts: np.ndarray) -> np.ndarray:
    """Each answer's score by weights that saw nothing of its part."""
    scores = np.ones(len(table.supported))
    for part in np.unique(parts):
        held = parts == part
        weights, bias = fit(table, ~held)
        scores[held] = table.answers(chance(table.features, weights, bias))[held]
    return scores


def balanced(scores: np.ndarray, supported: np.ndarray, threshold: float) -> float:
    passed = scores >= threshold
    return float((passed[supported].mean() + (~passed[~supported]).mean()) / 2)


def show(table: Table, inside: np.ndarray, outside: np.ndarray, threshold: float) -> None:
    print("| set | rows | AUROC | left out | balanced | caught | flagged | ECE | ECE left out |")
    for source in [*dict.fromkeys(table.sources.tolist()), "all"]:
        part = (table.sources == source) | (source == "all")
        scores, away, supported = inside[part], outside[part], table.supported[part]
        print(
            f"| {source} | {part.sum()} | {auroc(scores, supported):.3f} "
            f"| {auroc(away, supported):.3f} | {balanced(scores, supported, threshold):.3f} "
            f"| {(scores[~supported] < threshold).mean():.2f} "
            f"| {(scores[supported] < threshold).mean():.2f} "
            f"| {calibration_error(scores, supported):.3f} "
            f"| {calibration_error(away, supported):.3f} |"
        )


def platt(scores: np.ndarray, supported: np.ndarray) -> tuple[float, float]:
    """Slope and shift of log-odds that make probabilities of held-out scores (Platt 1999)."""
    odds = np.log(np.clip(scores, 1e-6, 1 - 1e-6) / np.clip(1 - scores, 1e-6, 1))
    free = (scores > 1e-6) & (scores < VERBATIM)
    weights, bias = logistic(odds[free, None], supported[free].astype(float), np.ones(free.sum()))
    return float(weights[0]), bias


def calibrated(scores: np.ndarray, slope: float, shift: float) -> np.ndarray:
    odds = np.log(np.clip(scores, 1e-6, 1 - 1e-6) / np.clip(1 - scores, 1e-6, 1))
    found = 1 / (1 + np.exp(-(slope * odds + shift)))
    return np.where((scores > 1e-6) & (scores < VERBATIM), found, scores)


def calibrated_apart(scores: np.ndarray, supported: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Each part by the slope and shift of all others."""
    found = scores.copy()
    for part in np.unique(parts):
        held = parts == part
        found[held] = calibrated(scores[held], *platt(scores[~held], supported[~held]))
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--table", type=Path, help="Features are kept there, and read if there.")
    kept = options.parse_args().table
    if kept is not None and kept.exists():
        with np.load(kept) as arrays:
            table = Table(*(arrays[field.name] for field in fields(Table)))
    else:
        table = asyncio.run(read_table(labelled()))
        if kept is not None:
            np.savez(kept, **{field.name: getattr(table, field.name) for field in fields(Table)})
    inside = crossed(table, table.folds)
    outside = crossed(table, table.sources)
    slope, shift = platt(inside, table.supported)
    inside = calibrated_apart(inside, table.supported, table.folds)
    outside = calibrated_apart(outside, table.supported, table.sources)
    threshold = round(float(np.quantile(inside[table.supported], FLAGGED)), 4)
    show(table, inside, outside, threshold)
    weights, bias = fit(table, np.ones(len(table.supported), dtype=bool))
    found = Weights(
        bias=round(bias, 4),
        weights={
            str(name): round(float(weight), 4)
            for name, weight in zip(table.names, weights, strict=True)
            if weight
        },
        threshold=threshold,
        slope=round(slope, 4),
        shift=round(shift, 4),
    )
    TARGET.write_text(json.dumps(found.model_dump(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except NoData as missing:
        sys.exit(str(missing))
