"""One reading of a segment for all guards that look at it: a model of our own with three heads.

It is all-MiniLM-L6-v2, its lower layers, fine-tuned by training/guards. Of every word piece it says
whether it is part of personal data and of which type, and of the whole segment how much it looks like
an order to a model, where a user says it and where it stands in a document. What was read lately is
remembered: the guard that comes second has it for nothing.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bedplate.encoder import Encoder, open_packaged
from bedplate.errors import ConfigError
from bedplate.guards.words import Word, kinds_of, words_of
from bedplate.packaged import find_packaged, minilm_tokenizer

PACKAGE, NAME = "bedplate.guards", "models/guards"

WIDEST = 254
"""Word pieces that are read together; some scripts have several a character."""

REMEMBERED = 256
"""Segments whose readings are known, by their digest: those of a long request."""

Shares = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """`tags` are the probabilities of each tag, (pieces, tags); `orders` the logit of each head of the
    whole segment.
    """

    words: Sequence[Word]
    tags: Shares
    orders: Sequence[float]


class Reader(Protocol):
    """Reads segments (guards/segments.py); may be called by several threads at once."""

    def read(self, segment: str) -> Reading:
        """What the segment alone says, the same each time."""
        ...


class SegmentReader:
    """`load` is called once, by the first segment: commands that look at none need no memory for it."""

    def __init__(self, load: Callable[[], Encoder], remembered: int = REMEMBERED) -> None:
        self._load = load
        self._loading = threading.Lock()
        self._loaded: Encoder | None = None
        self._remembered = remembered
        self._remembering = threading.Lock()
        self._known: OrderedDict[bytes, Reading] = OrderedDict()

    def read(self, segment: str) -> Reading:
        name = digest(segment)
        with self._remembering:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
                return known
        reading = self._read(segment)
        with self._remembering:
            self._known[name] = reading
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        return reading

    @property
    def _encoder(self) -> Encoder:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _read(self, segment: str) -> Reading:
        """By itself: int8 rounds by all that is in a batch, and a name that is found in a text must
        be found where the text streams.
        """
        encoder = self._encoder
        pieces = encoder.pieces(segment)
        words = words_of(segment, pieces)
        kinds = kinds_of(segment, words)
        cuts = [slice(at, at + WIDEST) for at in range(0, max(1, len(pieces.ids)), WIDEST)]
        said = [encoder.read([pieces.ids[cut]], [kinds[cut]])[0] for cut in cuts]
        orders = np.max([orders for _, orders in said], axis=0)
        return Reading(
            words, _shares(np.concatenate([tags for tags, _ in said])), tuple(map(float, orders))
        )


def digest(segment: str) -> bytes:
    return blake2b(segment.encode("utf-8", "replace"), digest_size=16).digest()


def _shares(logits: Shares) -> Shares:
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


@lru_cache(maxsize=4)
def shared_reader(threads: int = 1) -> SegmentReader:
    """The shipped model's, one for all guards of this process that give it as many `threads`."""
    return SegmentReader(lambda: open_packaged(PACKAGE, NAME, threads=threads)[0])


def model_facts() -> Mapping[str, Any]:
    """What lies beside the shipped model: types and thresholds. ConfigError where one of the files is
    not what it should be.
    """
    path = files(PACKAGE).joinpath(f"{NAME}.json")
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"The facts of the guards' model cannot be read: {error}.") from error
    find_packaged(PACKAGE, f"{NAME}.onnx", facts["sha256"])
    minilm_tokenizer()
    return facts
