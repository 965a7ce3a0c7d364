"""`encoder`: the heads against injections of our own model (guards/reading.py), one for what users
say and one for documents.

A score of 0.5 is the threshold that was set on benign development rows, and lies beside the model;
above and below it scores are stretched evenly to 1 and 0.
"""

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.guard import Reason, TextKind
from bedplate.guards.disguises import View, bare
from bedplate.guards.pii import fold
from bedplate.guards.protocol import LocalInjectionModel
from bedplate.guards.reading import Reader, digest, model_facts, shared_reader
from bedplate.guards.segments import cut

RULE = "model"
LEVEL = 0.5
"""What a model's own threshold is stretched to."""

REMEMBERED = 16_384
"""Segments whose logits are known, by their digest."""

CUT_AT_ONCE = 4_000
"""Characters of a text that is too long to be read as a whole, which are cut into segments together."""

Spans = Sequence[tuple[int, int]]


class EncoderOptions(BaseModel):
    """`windows` are how many segments of one text are looked at, each of 400 characters at most: of a
    longer text its first, its last, and others at even distances. `threads` is how many cores may
    read one; with 1 the model is the one that `guards.pii` reads with, and a segment that
    both look at is read once.
    """

    model_config = ConfigDict(extra="forbid")
    windows: int = Field(default=80, ge=2, le=4_096)
    threads: int = Field(default=1, ge=1, le=64)
    workers: int = Field(default=2, ge=1, le=64)


class TwoHeads:
    """Scores of both heads, each against its own threshold."""

    def __init__(
        self,
        reader: Reader,
        facts: Mapping[str, Any],
        options: EncoderOptions,
        pool: ThreadPoolExecutor,
        *,
        remembered: int = REMEMBERED,
    ) -> None:
        self._reader = reader
        self._heads: Sequence[str] = facts["heads"]
        self._thresholds: Mapping[str, float] = facts["injections"]
        self._most = options.windows
        self._remembered = remembered
        self._pool = pool
        self._remembering = threading.Lock()
        self._known: OrderedDict[bytes, Sequence[float]] = OrderedDict()

    async def score(
        self, texts: Sequence[str], kind: TextKind, account: Account = LOCAL
    ) -> list[list[Reason]]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.look, texts, kind)

    def look(self, texts: Sequence[str], kind: TextKind) -> list[list[Reason]]:
        name = "prompt" if kind == "user" else "document"
        head, threshold = self._heads.index(name), self._thresholds[name]
        views = [bare(text) for text in texts]
        folded = [fold(view.text) for view in views]
        spans = [self._spans(text) for text in folded]
        scores = [
            [
                stretched(_sigmoid(self._orders(text[start:end])[head]), threshold)
                for start, end in own
            ]
            for text, own in zip(folded, spans, strict=True)
        ]
        return [
            _reasons(view, list(zip(said, own, strict=True)))
            for view, said, own in zip(views, scores, spans, strict=True)
        ]

    def _orders(self, segment: str) -> Sequence[float]:
        """The logits of a segment; one that is known is not read again: every turn of a conversation
        holds those before it, and passages are found more than once.
        """
        name = digest(segment)
        with self._remembering:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
                return known
        orders = self._reader.read(segment).orders
        with self._remembering:
            self._known[name] = orders
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        return orders

    def _spans(self, text: str) -> Spans:
        """Where the segments lie that are read: all of a text, or as many as may be."""
        starts = list(range(0, max(1, len(text)), CUT_AT_ONCE))
        if len(starts) <= self._most:
            found = list(cut(text))
        else:
            found = [
                (start + begin, start + end)
                for start in (starts[place] for place in spread(len(starts), self._most))
                for begin, end in cut(text[start : start + CUT_AT_ONCE])
            ]
        return [found[place] for place in spread(len(found), self._most)]


def stretched(probability: float, threshold: float) -> float:
    """The model's threshold at `LEVEL`, 0 and 1 where they are."""
    if probability < threshold:
        return round(LEVEL * probability / threshold, 4)
    return round(LEVEL + (1 - LEVEL) * (probability - threshold) / max(1e-9, 1 - threshold), 4)


def _reasons(view: View, scored: Sequence[tuple[float, tuple[int, int]]]) -> list[Reason]:
    """The best segment, and all others that count as much as the threshold, strongest first."""
    ordered = sorted(scored, key=lambda pair: (-pair[0], pair[1]))
    return [
        Reason(RULE, score, *view.span(*span), view.how)
        for n, (score, span) in enumerate(ordered)
        if n == 0 or score >= LEVEL
    ]


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
    facts = await asyncio.to_thread(model_facts)
    with ThreadPoolExecutor(chosen.workers, thread_name_prefix="injection-model") as pool:
        yield TwoHeads(shared_reader(chosen.threads), facts, chosen, pool)
