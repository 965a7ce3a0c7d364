"""Answers in memory, as many as fit: what was used longest ago goes first."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.chat import ChatEvent, ReasoningDelta, TextDelta, ToolCallDelta
from bedplate.models.answer_keys import AnswerKeys, same_marks

Vector = NDArray[np.float32]

EVENT_BYTES = 200
ENTRY_BYTES = 2_000
LOGPROB_BYTES = 200

MOST_ALIKE = 500
"""Of the questions that could have one answer; the latest are compared."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer and the question that it was given to. `made` is on the shelf's clock."""

    keys: AnswerKeys
    question: str
    knowledge: str
    events: tuple[ChatEvent, ...]
    made: float
    size: int


class Shelf:
    """At most about `max_bytes`, and nothing older than `seconds`. `now` gives seconds."""

    def __init__(
        self, *, max_bytes: int, seconds: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._now = now
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self._alike: dict[bytes, OrderedDict[bytes, Vector]] = {}
        self._resting: dict[str, tuple[str, set[bytes]]] = {}
        """Of each collection, the state of it that is known and the answers that rest on it."""

    def __len__(self) -> int:
        return len(self._kept)

    def age(self, kept: Kept) -> float:
        return self._now() - kept.made

    def exact(self, keys: AnswerKeys) -> Kept | None:
        return self._use(keys.exact)

    def nearest(
        self, keys: AnswerKeys, question: str, vector: Vector, *, least: float
    ) -> tuple[Kept, float] | None:
        """The answer to the question most like this one, with their cosine, `least` or more."""
        group = self._alike.get(keys.alike or b"")
        if not group:
            return None
        names = list(group)
        cosines = np.stack(list(group.values())) @ vector
        nearest_first: list[int] = np.argsort(-cosines).tolist()
        for at in nearest_first:
            if cosines[at] < least:
                return None
            if same_marks(self._kept[names[at]].question, question):
                found = self._use(names[at])
                return None if found is None else (found, float(cosines[at]))
        return None

    def renew(self, knowledge: str) -> None:
        """Drop what rests on an older state of the collections that `knowledge` names."""
        for name, state in _states(knowledge):
            known = self._resting.get(name)
            if known is not None and known[0] != state:
                for exact in tuple(known[1]):
                    self._drop(exact)

    def keep(
        self,
        keys: AnswerKeys,
        question: str,
        knowledge: str,
        events: Sequence[ChatEvent],
        vector: Vector | None = None,
    ) -> None:
        """Nothing, where the answer alone is larger than the shelf."""
        size = sum(map(event_bytes, events)) + ENTRY_BYTES + len(question) + len(knowledge)
        size += 0 if vector is None else vector.nbytes
        if size > self._max_bytes:
            return
        self._drop(keys.exact)
        self.renew(knowledge)
        self._kept[keys.exact] = Kept(keys, question, knowledge, tuple(events), self._now(), size)
        self.bytes += size
        for name, state in _states(knowledge):
            self._resting.setdefault(name, (state, set()))[1].add(keys.exact)
        if vector is not None and keys.alike is not None:
            group = self._alike.setdefault(keys.alike, OrderedDict())
            group[keys.exact] = vector
            if len(group) > MOST_ALIKE:
                self._drop(next(iter(group)))
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _use(self, exact: bytes) -> Kept | None:
        kept = self._kept.get(exact)
        if kept is None:
            return None
        if self.age(kept) >= self._seconds:
            self._drop(exact)
            return None
        self._kept.move_to_end(exact)
        return kept

    def _drop(self, exact: bytes) -> None:
        kept = self._kept.pop(exact, None)
        if kept is None:
            return
        self.bytes -= kept.size
        group = self._alike.get(kept.keys.alike or b"")
        if group is not None:
            group.pop(exact, None)
            if not group:
                del self._alike[kept.keys.alike or b""]
        for name, _ in _states(kept.knowledge):
            known = self._resting.get(name)
            if known is not None:
                known[1].discard(exact)
                if not known[1]:
                    del self._resting[name]


def _states(knowledge: str) -> Iterator[tuple[str, str]]:
    """Each collection with its state, as `knowledge` stamps them: "name@state name@state"."""
    for stamp in knowledge.split():
        name, _, state = stamp.rpartition("@")
        yield name, state


def event_bytes(event: ChatEvent) -> int:
    """About what an event takes in memory."""
    match event:
        case TextDelta():
            return EVENT_BYTES + 4 * len(event.text) + LOGPROB_BYTES * len(event.logprobs)
        case ReasoningDelta():
            return EVENT_BYTES + 4 * len(event.text)
        case ToolCallDelta():
            return EVENT_BYTES + 4 * (len(event.arguments) + len(event.name) + len(event.id))
        case _:
            return EVENT_BYTES + len(repr((event.reasoning, event.extra)))
