"""Gradient boosting of small regression trees on histograms, in NumPy (Friedman 2001, Annals of
Statistics 29:1189; histograms and leaf-wise growth as in Ke et al. 2017, LightGBM).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedplate.models.route_trees import Rows, Trees

BINS = 32


@dataclass(frozen=True)
class Growth:
    trees: int = 200
    leaves: int = 7
    rate: float = 0.03
    least: int = 40
    rows: float = 0.8
    columns: float = 0.5
    ridge: float = 5.0
    seed: int = 0


@dataclass
class Leaf:
    node: int
    rows: NDArray[np.int64]
    gain: float = 0.0
    column: int = -1
    bin: int = 0


def grow(rows: Rows, target: NDArray[np.float64], growth: Growth) -> Trees:
    """Trees whose sum, with the mean of `target` in the first, predicts it."""
    draw = np.random.default_rng(growth.seed)
    count = rows.shape[1]
    edges = [_edges(rows[:, j]) for j in range(count)]
    binned = np.stack(
        [np.searchsorted(edge, rows[:, j], "left") for j, edge in enumerate(edges)], 1
    )
    made = _empty(growth)
    mean = float(target.mean())
    grower = Grower(made, binned, edges, target - mean, growth)
    for tree in range(growth.trees):
        chosen = np.flatnonzero(draw.random(len(rows)) < growth.rows)
        some = np.sort(draw.permutation(count)[: max(1, int(growth.columns * count))])
        grower.grow_one(tree, chosen, some)
        grower.rest = grower.rest - _one(made, tree).predict(rows)
    made.value[0, made.column[0] < 0] += mean
    return made


def _empty(growth: Growth) -> Trees:
    shape = (growth.trees, 2 * growth.leaves - 1)
    column, left, right = (np.full(shape, -1, np.int16) for _ in range(3))
    return Trees(column, np.zeros(shape, np.float32), left, right, np.zeros(shape, np.float32))


def _one(trees: Trees, tree: int) -> Trees:
    keys = ("column", "threshold", "left", "right", "value")
    return Trees(*(getattr(trees, key)[tree : tree + 1] for key in keys))


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upper ends of all bins but the last, as float32 so that shipped trees cut alike."""
    found = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]).astype(np.float32))
    return found.astype(np.float64)


@dataclass
class Grower:
    made: Trees
    binned: NDArray[np.int64]
    edges: list[NDArray[np.float64]]
    rest: NDArray[np.float64]
    growth: Growth

    def grow_one(self, tree: int, chosen: NDArray[np.int64], some: NDArray[np.int64]) -> None:
        """A tree on the `chosen` rows and `some` of the columns."""
        made, growth = self.made, self.growth
        offset = self.binned[:, some] + np.arange(len(some)) * BINS
        leaves = [_best(Leaf(0, chosen), offset, self.rest, growth)]
        nodes = 1
        while len(leaves) < growth.leaves:
            top = max(leaves, key=lambda leaf: leaf.gain)
            if top.gain <= 0:
                break
            leaves.remove(top)
            j = int(some[top.column])
            low = self.binned[top.rows, j] <= top.bin
            made.column[tree, top.node] = j
            made.threshold[tree, top.node] = self.edges[j][top.bin]
            made.left[tree, top.node], made.right[tree, top.node] = nodes, nodes + 1
            for part in (top.rows[low], top.rows[~low]):
                leaves.append(_best(Leaf(nodes, part), offset, self.rest, growth))
                nodes += 1
        for leaf in leaves:
            total, count = self.rest[leaf.rows].sum(), len(leaf.rows)
            made.value[tree, leaf.node] = growth.rate * total / (count + growth.ridge)


def _best(leaf: Leaf, offset: NDArray[np.int64], rest: NDArray[np.float64], growth: Growth) -> Leaf:
    """The leaf with the split that lowers the loss most."""
    if len(leaf.rows) < 2 * growth.least:
        return leaf
    flat = offset[leaf.rows].ravel()
    size = offset.shape[1] * BINS
    weight = np.repeat(rest[leaf.rows], offset.shape[1])
    sums = np.bincount(flat, weight, size).reshape(-1, BINS).cumsum(1)
    counts = np.bincount(flat, minlength=size).reshape(-1, BINS).cumsum(1)
    total, count = sums[:, -1:], counts[:, -1:]
    gain = (
        sums**2 / (counts + growth.ridge)
        + (total - sums) ** 2 / (count - counts + growth.ridge)
        - total**2 / (count + growth.ridge)
    )
    gain[(counts < growth.least) | (count - counts < growth.least)] = 0
    place = int(gain.argmax())
    leaf.column, leaf.bin = divmod(place, BINS)
    leaf.gain = float(gain.flat[place])
    return leaf
