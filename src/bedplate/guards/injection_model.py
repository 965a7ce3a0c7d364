"""`encoder`: a small model of our own, with one head for what users say and one for documents.

It is all-MiniLM-L6-v2, its lower layers, fine-tuned by training/injection. A score of 0.5 is the threshold that was
set on benign development rows, and lies beside the model; above and below it scores are stretched
evenly to 1 and 0.
"""

import asyncio
import json
import math
import threading
from array import array
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.guard import Reason, TextKind
from bedplate.encoder import Encoder, Window, open_packaged, windows
from bedplate.errors import ConfigError
from bedplate.guards.disguises import View, bare
from bedplate.guards.protocol import LocalInjectionModel
from bedplate.packaged import find_packaged, minilm_tokenizer

NAME, RULE = "injection", "model"
LEVEL = 0.5
"""What a model's own threshold is stretched to."""

REMEMBERED = 16_384
"""Windows whose logits are known, by their digest."""

READ_AT_ONCE = 4_000
"""Characters of a long text that are cut into word pieces together."""


class EncoderOptions(BaseModel):
    """`windows` of 126 word pieces are looked at of one text: of a longer one its first, its last, and
    others at even distances. `threads` is how many cores one batch of them may use.
    """

    model_config = ConfigDict(extra="forbid")
    windows: int = Field(default=48, ge=2, le=4_096)
    threads: int = Field(default=1, ge=1, le=64)
    workers: int = Field(default=2, ge=1, le=64)


class TwoHeads:
    """Scores of both heads, each against its own threshold. `load` is called once, by the first text:
    commands that look at none need no memory for it.
    """

    def __init__(
        self,
        load: Callable[[], Encoder],
        facts: Mapping[str, Any],
        options: EncoderOptions,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._load = load
        self._loading = threading.Lock()
        self._loaded: Encoder | None = None
        self._heads: Sequence[str] = facts["heads"]
        self._thresholds: Mapping[str, float] = facts["thresholds"]
        self._width, self._overlap = int(facts["window"]), int(facts["overlap"])
        self._most = options.windows
        self._pool = pool
        self._remembering = threading.Lock()
        self._known: OrderedDict[bytes, tuple[float, ...]] = OrderedDict()

    async def score(
        self, texts: Sequence[str], kind: TextKind, account: Account = LOCAL
    ) -> list[list[Reason]]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.look, texts, kind)

    @property
    def _encoder(self) -> Encoder:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def look(self, texts: Sequence[str], kind: TextKind) -> list[list[Reason]]:
        name = "prompt" if kind == "user" else "document"
        head, threshold = self._heads.index(name), self._thresholds[name]
        views = [bare(text) for text in texts]
        encoder = self._encoder
        cut = [self._windows(encoder, view.text) for view in views]
        logits = self._read(encoder, [window.ids for each in cut for window in each])
        scores = iter([stretched(_sigmoid(each[head]), threshold) for each in logits])
        return [
            _reasons(view, [(next(scores), window) for window in each])
            for view, each in zip(views, cut, strict=True)
        ]

    def _read(self, encoder: Encoder, given: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        """The logits of each window; those that are known are not read again: every turn of a
        conversation holds those before it, and passages are found more than once.
        """
        digests = [blake2b(array("l", ids).tobytes(), digest_size=16).digest() for ids in given]
        found: dict[bytes, tuple[float, ...]] = {}
        with self._remembering:
            for digest in digests:
                if digest in self._known:
                    self._known.move_to_end(digest)
                    found[digest] = self._known[digest]
        fresh = {d: ids for d, ids in zip(digests, given, strict=True) if d not in found}
        if fresh:
            logits = encoder.run(list(fresh.values()))
            found |= {d: tuple(map(float, each)) for d, each in zip(fresh, logits, strict=True)}
            with self._remembering:
                self._known |= {digest: found[digest] for digest in fresh}
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return [found[digest] for digest in digests]

    def _windows(self, encoder: Encoder, text: str) -> list[Window]:
        found: list[Window] = []
        for start in _starts(len(text), READ_AT_ONCE, self._most * 4):
            pieces = encoder.pieces(text[start : start + READ_AT_ONCE])
            found += [
                Window(each.ids, each.start + start, each.end + start)
                for each in windows(pieces, self._width, self._overlap)
            ]
        return [found[place] for place in spread(len(found), self._most)]


def stretched(probability: float, threshold: float) -> float:
    """The model's threshold at `LEVEL`, 0 and 1 where they are."""
    if probability < threshold:
        return round(LEVEL * probability / threshold, 4)
    return round(LEVEL + (1 - LEVEL) * (probability - threshold) / max(1e-9, 1 - threshold), 4)


def _reasons(view: View, scored: Sequence[tuple[float, Window]]) -> list[Reason]:
    """The best window, and all others that count as much as the threshold, strongest first."""
    ordered = sorted(scored, key=lambda pair: (-pair[0], pair[1].start))
    return [
        Reason(RULE, score, *view.span(window.start, window.end), view.how)
        for n, (score, window) in enumerate(ordered)
        if n == 0 or score >= LEVEL
    ]


def _starts(length: int, size: int, most: int) -> list[int]:
    """Where stretches of a text begin that together are all of it, or an even choice of them."""
    starts = list(range(0, max(1, length), size))
    return [starts[place] for place in spread(len(starts), most)]


def spread(count: int, most: int) -> list[int]:
    """All places, or as many as may be: the first, the last, and others at even distances."""
    if count <= most:
        return list(range(count))
    return sorted({round(n * (count - 1) / (most - 1)) for n in range(most)})


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


@asynccontextmanager
async def open_encoder(options: Mapping[str, Any]) -> AsyncGenerator[LocalInjectionModel]:
    """Raises ConfigError for a file that is not the shipped one."""
    chosen = EncoderOptions.model_validate(dict(options))
    facts = await asyncio.to_thread(checked, NAME)
    load = partial(open_packaged, "bedplate.guards", f"models/{NAME}", threads=chosen.threads)
    with ThreadPoolExecutor(chosen.workers, thread_name_prefix="injection-model") as pool:
        yield TwoHeads(lambda: load()[0], facts, chosen, pool)


def checked(name: str) -> Mapping[str, Any]:
    """The facts of the shipped model, whose files are what they should be."""
    path = files("bedplate.guards").joinpath("models", f"{name}.json")
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"The facts of the {name} model cannot be read: {error}.") from error
    find_packaged("bedplate.guards", f"models/{name}.onnx", facts["sha256"])
    minilm_tokenizer()
    return facts
