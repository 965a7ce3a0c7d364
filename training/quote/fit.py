"""Fits the refusal weights of the `quote` model. Run: python training/quote/fit.py --reader FILE

FILE is a span reader that was fitted without fold 0 (training/reader/fit_model.py --fold 0): how
sure a reader is of text that it was fitted on says nothing of other text. Needs EVAL_DATA
(qa_squad2, qa_clapnq); about ten minutes on one core. Prints the cross-validated figures of the
card and writes src/bedplate/models/quote_weights.json. Two runs give the same file: nothing is
drawn at random but the off-topic questions, with a fixed seed.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "bench"), str(ROOT)]

from evaluation import NoData  # noqa: E402
from quote_cases import (  # noqa: E402
    Case,
    Remembering,
    auroc,
    clapnq_cases,
    contains,
    is_held_out,
    squad_cases,
)
from training.reader.folds import clapnq_group, fold_of  # noqa: E402

from bedplate.domain.chat import ChatRequest  # noqa: E402
from bedplate.embedders.onnx import open_onnx_embedder  # noqa: E402
from bedplate.embedders.protocol import Embedder  # noqa: E402
from bedplate.encoder import Encoder  # noqa: E402
from bedplate.models.quote_question import read_question  # noqa: E402
from bedplate.models.quote_reader import SpanReader, describe_reading  # noqa: E402
from bedplate.models.quote_reading import Reader  # noqa: E402
from bedplate.models.quote_refusal import Features, describe  # noqa: E402
from bedplate.models.quote_scoring import score_sentences  # noqa: E402

TARGET = ROOT / "src" / "bedplate" / "models" / "quote_weights.json"
CAUTION = 0.3
RIDGE = 30.0
FOLDS = 4
CLAPNQ_WEIGHT = 3.0
PASSAGES = 5
FEWER_IS_BETTER = ("missing", "entities_missing")
LEXICAL = ("cover", "missing", "entities_missing", "type")


@dataclass(frozen=True)
class Row:
    """`read` are the reader's features; none where it was fitted on the case."""

    case: Case
    features: Features
    read: Features
    contained: bool


@dataclass(frozen=True)
class Fit:
    columns: tuple[int, ...]
    weights: np.ndarray
    bias: float

    def __call__(self, table: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(table[:, list(self.columns)] @ self.weights + self.bias)))


async def read_rows(cases: Sequence[Case], embedder: Embedder, spans: SpanReader) -> list[Row]:
    reader = Reader(embedder, PASSAGES)
    return [await read_row(case, case.request, reader, spans) for case in cases]


def unread(case: Case) -> bool:
    """Whether the reader without fold 0 has not seen the case's passages with a question of theirs."""
    if case.set == "clapnq":
        return is_held_out(case) or fold_of(clapnq_group(case.id)) == 0
    return fold_of(case.group) == 0


async def read_row(case: Case, request: ChatRequest, reader: Reader, spans: SpanReader) -> Row:
    material = await reader.read(read_question(request.question), request.passages)
    scored = score_sentences(material.asked, material.encoded)
    top = int(np.argmax(scored.score))
    features = describe(material.asked, material.encoded, scored, top)
    read: Features = {}
    if unread(case):
        passage = material.encoded[int(scored.passage[top])]
        found = spans.read(request.question, passage, scored.span(top))
        read = describe_reading(found, scored.span(top))
    return Row(case, features, read, contains(scored.words[top], case.answers))


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


def fit(table: np.ndarray, names: Sequence[str], wanted: np.ndarray, weight: np.ndarray) -> Fit:
    """Drops, one at a time, the feature with the most implausible sign: more overlap must never
    speak against an answer. That costs nothing here and does not learn the data set's habits."""
    sign = np.array([-1.0 if n.startswith(FEWER_IS_BETTER) else 1.0 for n in names])
    columns = list(range(len(names)))
    while True:
        weights, bias = logistic(table[:, columns], wanted, weight)
        plausible = weights * table[:, columns].std(axis=0) * sign[columns]
        worst = int(np.argmin(plausible))
        if plausible[worst] > -1e-3:
            return Fit(tuple(columns), weights, bias)
        del columns[worst]


@dataclass(frozen=True)
class Sample:
    names: tuple[str, ...]
    table: np.ndarray
    answerable: np.ndarray
    contained: np.ndarray
    sets: np.ndarray
    groups: np.ndarray
    held_out: np.ndarray

    @property
    def wanted(self) -> np.ndarray:
        """1 answerable and right, 0 not answerable; one half for a wrong pick of an answerable."""
        right = np.where(self.sets == "squad", self.contained, self.answerable)
        return (self.answerable + right) / 2

    @property
    def weight(self) -> np.ndarray:
        return np.where(self.sets == "clapnq", CLAPNQ_WEIGHT, 1.0)

    def fit(self, rows: np.ndarray) -> Fit:
        return fit(self.table[rows], self.names, self.wanted[rows], self.weight[rows])

    def cross_validated(self) -> np.ndarray:
        """The chance of every row from fits that saw neither its article nor, for the CLAPNQ
        half that is kept back, any of that half."""
        articles = sorted(set(self.groups[self.sets == "squad"]))
        chance, kept = np.full(len(self.table), np.nan), []
        for fold in range(FOLDS):
            test = np.isin(self.groups, articles[fold::FOLDS])
            model = self.fit(~test & ~self.held_out)
            chance[test] = model(self.table[test])
            kept.append(model(self.table[self.held_out]))
        chance[self.held_out] = np.mean(kept, axis=0)
        return chance


def sample(rows: Sequence[Row], names: Sequence[str]) -> Sample:
    return Sample(
        names=tuple(names),
        table=np.array([[(r.features | r.read)[n] for n in names] for r in rows]),
        answerable=np.array([r.case.answerable for r in rows], dtype=float),
        contained=np.array([r.contained for r in rows], dtype=float),
        sets=np.array([r.case.set for r in rows]),
        groups=np.array([r.case.group for r in rows]),
        held_out=np.array([is_held_out(r.case) for r in rows]),
    )


def report(name: str, data: Sample, chance: np.ndarray) -> None:
    squad, off = data.sets == "squad", data.sets == "off-topic"
    answerable = data.answerable == 1
    yes, no = squad & answerable, squad & ~answerable
    natural, none = data.held_out & answerable, data.held_out & ~answerable
    print(
        f"\n{name}: AUROC SQuAD {auroc(chance[squad], answerable[squad]):.3f}, "
        f"CLAPNQ kept half {auroc(chance[data.held_out], answerable[data.held_out]):.3f}"
    )
    print("caution  SQuAD refused  contained  CLAPNQ refused  false refusal  off-topic refused")
    half = float(np.quantile(chance[no], 0.5))
    for caution in sorted([0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, half]):
        contained = data.contained[yes] * (chance[yes] >= caution)
        print(
            f"{caution:7.3f}  {np.mean(chance[no] < caution):13.3f}  {contained.mean():9.3f}  "
            f"{np.mean(chance[none] < caution):14.3f}  {np.mean(chance[natural] < caution):13.3f}  "
            f"{np.mean(chance[off] < caution):17.3f}"
        )


def tree(model: Fit, names: Sequence[str]) -> dict[str, object]:
    weights = {
        names[c]: round(float(w), 4) for c, w in zip(model.columns, model.weights, strict=True)
    }
    return {"bias": round(model.bias, 4), "weights": weights}


async def main() -> None:
    parser = argparse.ArgumentParser(description="Fits when quote refuses.")
    parser.add_argument("--reader", type=Path, required=True)
    chosen = parser.parse_args()
    spans = SpanReader(Encoder(chosen.reader))
    async with open_onnx_embedder({}) as embedder:
        try:
            cases = await squad_cases(embedder) + await clapnq_cases(embedder)
        except NoData as error:
            raise SystemExit(str(error)) from error
        rows = await read_rows(cases, Remembering(embedder), spans)
    write(rows)


def write(rows: Sequence[Row]) -> None:
    names = list(rows[0].features)
    read = list(next(row.read for row in rows if row.read))
    lexical = [n for n in names if n.startswith(LEXICAL)]
    fitted: dict[str, object] = {"caution": CAUTION}
    for profile, features in (
        ("tokens", names),
        ("words", lexical),
        ("tokens_read", names + read),
        ("words_read", lexical + read),
    ):
        usable = rows if not profile.endswith("read") else [row for row in rows if row.read]
        data_of = sample(usable, features)
        report(profile, data_of, data_of.cross_validated())
        fitted[profile] = tree(data_of.fit(~data_of.held_out), features)
    TARGET.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")
    print(f"\nwrote {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
