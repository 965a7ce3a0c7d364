"""RouteLLM's prompts with how well both models did, and how the shipped head is fitted to them."""

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from evaluation import folder, rows
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training" / "route"))

from boosting import Growth, grow

from bedplate.embedders.protocol import Embedder
from bedplate.models.route_features import surface_features
from bedplate.models.route_fit import Labelled, Recipe

Column = NDArray[np.float64]
SET = "routing_routellm"
TABLES = {"mmlu": 1.0, "gsm8k": 3.2}
"""Tables of the fit, each with the weight of a prompt in the ridge."""
SMALL, LARGE = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
GROWTH = Growth()
RECIPE = Recipe(grow=lambda rows, target: grow(rows, target, GROWTH))


@dataclass(frozen=True)
class Table:
    name: str
    prompts: Sequence[str]
    domains: Sequence[str]
    data: Labelled

    def some(self, which: NDArray[np.bool_]) -> "Table":
        places = np.flatnonzero(which)
        return Table(
            self.name,
            [self.prompts[int(i)] for i in places],
            [self.domains[int(i)] for i in places],
            self.data.some(which),
        )


async def read_tables(embedder: Embedder, kept: Path | None = None) -> list[Table]:
    """MMLU and GSM8K without the rows that are in the weak model's training; see `_vectors`."""
    return [await _table(name, weight, embedder, kept) for name, weight in TABLES.items()]


def clean_prompts(name: str, most: int) -> list[str]:
    """The first of a table's."""
    every = rows(folder(SET) / f"{name}.jsonl")
    clean = (row["prompt"] for row in every if not row["contaminated"])
    return list(itertools.islice(clean, most))


async def _table(name: str, weight: float, embedder: Embedder, kept: Path | None) -> Table:
    every = list(rows(folder(SET) / f"{name}.jsonl"))
    vectors = await _vectors(name, [row["prompt"] for row in every], embedder, kept)
    clean = [i for i, row in enumerate(every) if not row["contaminated"]]
    chosen = [every[i] for i in clean]
    prompts = [row["prompt"] for row in chosen]
    data = Labelled(
        np.stack([surface_features(prompt) for prompt in prompts]),
        vectors[clean].astype(np.float64),
        np.array([float(row["weak_correct"]) for row in chosen]),
        np.array([float(row["strong_correct"]) for row in chosen]),
        np.full(len(chosen), weight),
    )
    return Table(name, prompts, [row.get("domain", name) for row in chosen], data)


async def read_mt_bench(embedder: Embedder, kept: Path | None = None) -> Table:
    """First turns; scores of 1 to 10, as 0 to 1, of both turns on the mean."""
    every = list(rows(folder(SET) / "mt_bench.jsonl"))
    prompts = [row["turns"][0] for row in every]
    vectors = await _vectors("mt_bench", prompts, embedder, kept)
    small, large = (
        np.array([float(np.mean(list(row["scores"][model].values()))) / 10 for row in every])
        for model in (SMALL, LARGE)
    )
    features = np.stack([surface_features(prompt) for prompt in prompts])
    data = Labelled(features, vectors.astype(np.float64), small, large, np.ones(len(every)))
    return Table("mt_bench", prompts, [row["category"] for row in every], data)


async def _vectors(
    name: str, prompts: Sequence[str], embedder: Embedder, kept: Path | None
) -> NDArray[np.float32]:
    """Computed, or read from a file in `kept` if one was written before."""
    path = None if kept is None else kept / f"{name}.npy"
    if path is not None and path.exists():
        return np.load(path, allow_pickle=False)
    vectors = await embedder.embed(prompts)
    if path is not None:
        np.save(path, vectors)
    return vectors


def labelled(tables: Sequence[Table]) -> Labelled:
    """The tables as one."""
    parts = [table.data for table in tables]
    return Labelled(
        *(
            np.concatenate([getattr(part, key) for part in parts])
            for key in ("rows", "vectors", "small", "large", "weight")
        )
    )
