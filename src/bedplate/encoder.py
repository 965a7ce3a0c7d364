"""Small trained encoders (training/encoder): texts to word pieces, word pieces to what a head says.

A model is an int8 ONNX file with a JSON file of facts beside it, among them its SHA-256. All share the
tokenizer of all-MiniLM-L6-v2. Nothing here waits for anything: callers bring their own threads.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bedplate.batches import by_length
from bedplate.errors import ConfigError
from bedplate.onnx_session import open_session
from bedplate.packaged import find_packaged, minilm_tokenizer

CLS, SEP = 101, 102
BATCH_TOKENS = 2_048
BATCH_WINDOWS = 32
SLOWER = ("SkipLayerNormFusion",)
"""A sum and its norm in one operation take longer than both apart: a tenth of a short text's time."""

Logits = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Word pieces of a text, without markers, and where in it each stands."""

    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]


class Encoder:
    """One model, ready to run; may be called by several threads at once."""

    def __init__(self, model: Path, *, threads: int = 1) -> None:
        self._session = open_session(model, threads, SLOWER)
        self._inputs: set[str] = {node.name for node in self._session.get_inputs()}
        self._tokenizer = minilm_tokenizer()

    def pieces(self, text: str) -> Pieces:
        # Lone surrogates are no text to the tokenizer.
        clean = text.encode("utf-8", "replace").decode()
        encoded = self._tokenizer.encode(clean, add_special_tokens=False)
        return Pieces(encoded.ids, encoded.offsets)

    def run(
        self, windows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None
    ) -> list[Logits]:
        """What the head says of each window of bare ids: (heads,), or (pieces, tags).

        `types` are the kinds of the pieces, where a model was trained to tell them apart.
        """
        return [each[0] for each in self.read(windows, types)]

    def read(
        self, windows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None
    ) -> list[tuple[Logits, ...]]:
        """As `run`, of all heads of a model that has several, in its own order."""
        found: dict[int, tuple[Logits, ...]] = {}
        for batch in _by_length(windows):
            width = max(len(windows[i]) for i in batch) + 2
            ids: Ids = np.zeros((len(batch), width), dtype=np.int64)
            mask, kinds = np.zeros_like(ids), np.zeros_like(ids)
            for row, index in enumerate(batch):
                count = len(windows[index])
                ids[row, : count + 2] = [CLS, *windows[index], SEP]
                mask[row, : count + 2] = 1
                if types is not None:
                    kinds[row, 1 : count + 1] = types[index]
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds}
            given = {name: value for name, value in feed.items() if name in self._inputs}
            said = cast("list[Logits]", self._session.run(None, given))
            for row, index in enumerate(batch):
                inner = slice(1, len(windows[index]) + 1)
                found[index] = tuple(
                    logits[row, inner] if logits.ndim > 2 else logits[row] for logits in said
                )
        return [found[index] for index in range(len(windows))]


def open_packaged(package: str, name: str, *, threads: int = 1) -> tuple[Encoder, dict[str, Any]]:
    """The model `name` that `package` ships and the facts beside it; ConfigError where it is not
    itself.
    """
    path = files(package).joinpath(f"{name}.json")
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"The facts of {package}: {name} cannot be read: {error}.") from error
    return Encoder(find_packaged(package, f"{name}.onnx", facts["sha256"]), threads=threads), facts


def _by_length(given: Sequence[Sequence[int]]) -> list[list[int]]:
    return by_length([len(ids) + 2 for ids in given], tokens=BATCH_TOKENS, most=BATCH_WINDOWS)
