"""Gradient-boosted regression trees as arrays; they are grown by training/route."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
"""Numbers as rows, of shape (prompts, columns)."""


@dataclass(frozen=True, slots=True)
class Trees:
    """All arrays are (trees, nodes). A node below 0 in `column` is a leaf; `value` is its share of
    the sum. From any other one goes to `left` where the column is at most `threshold`, else to
    `right`.
    """

    column: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    value: NDArray[np.float32]

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """The sum over all trees, of shape (prompts,)."""
        trees = np.arange(len(self.column))[None, :]
        node = np.zeros((len(rows), len(self.column)), dtype=np.int64)
        row = np.arange(len(rows))[:, None]
        for _ in range(self.column.shape[1]):
            column = self.column[trees, node]
            inner = column >= 0
            if not inner.any():
                break
            low = rows[row, np.maximum(column, 0)] <= self.threshold[trees, node]
            below = np.where(low, self.left[trees, node], self.right[trees, node])
            node = np.where(inner, below, node)
        return self.value[trees, node].sum(1, dtype=np.float64)
