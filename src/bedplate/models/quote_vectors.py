"""Token vectors of passages: as the index kept them, else remembered, else made now.

Making them is most of what an answer costs, so a passage that a search compared by its tokens
brings them (Hit.indexed). Where they stand in its text is not kept, but costs little to find again.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bedplate.domain.chat import Passage
from bedplate.embedders.protocol import LateEmbedder, LateVectors
from bedplate.terms import analyse

MOST_WINDOWS = 4
REMEMBERED_BYTES = 16 * 2**20
_NO_TERMS = np.zeros(0, dtype=np.uint32)


class PassageVectors:
    """Of the latest passages that the index has none of, `most_bytes` are remembered."""

    def __init__(self, embedder: LateEmbedder, most_bytes: int = REMEMBERED_BYTES) -> None:
        self._embedder = embedder
        self._most_bytes = most_bytes
        self._remembered: OrderedDict[tuple[str, str], LateVectors] = OrderedDict()
        self._bytes = 0

    async def of(self, passages: Sequence[Passage]) -> list[LateVectors]:
        """In order; spans count from the beginning of a passage's text, those of its head are
        negative.
        """
        found = await self._kept(passages)
        # Taken before anything is waited for: what others read meanwhile may push them out.
        keys = {n: (head_of(p), p.hit.text) for n, p in enumerate(passages) if n not in found}
        made = {key: self._remembered[key] for key in keys.values() if key in self._remembered}
        for key in keys.values():
            # One at a time: a batch is padded to its longest text, which would double the work.
            if key not in made:
                made[key] = await self._made(*key)
        self._remember(made)
        return [found[n] if n in found else made[keys[n]] for n in range(len(passages))]

    async def _kept(self, passages: Sequence[Passage]) -> dict[int, LateVectors]:
        """By their place, those that the index has. Which part of its head a passage was embedded
        with, its collection decided: as many tokens as were kept is the sign.
        """
        found: dict[int, LateVectors] = {}
        left = {n: _heads(p) for n, p in enumerate(passages) if self._index_of(p) is not None}
        while left:
            heads = {n: head for n, rest in left.items() if (head := next(rest, None)) is not None}
            texts = [head + passages[n].hit.text for n, head in heads.items()]
            spans = await self._embedder.late_spans(texts)
            for (n, head), own in zip(heads.items(), spans, strict=True):
                kept = self._index_of(passages[n])
                if kept is not None and len(own) == len(kept.tokens):
                    vectors = replace(kept, spans=own - len(head))
                    found[n] = await self._whole(passages[n].hit.text, vectors)
            left = {n: left[n] for n in heads if n not in found}
        return found

    def _index_of(self, passage: Passage) -> LateVectors | None:
        """Without spans; None where the index has nothing of this text by this embedder. A guard may
        have changed the text since, or a wider one been put in its place.
        """
        kept, width = passage.hit.indexed, self._embedder.token_width
        if (
            kept is None
            or width is None
            or kept.embedder != self._embedder.fingerprint
            or kept.text != passage.hit.text
        ):
            return None
        return LateVectors(
            np.frombuffer(kept.vector, np.float32),
            np.frombuffer(kept.tokens, np.int8).reshape(-1, width),
            _NO_TERMS,
        )

    async def _made(self, head: str, text: str) -> LateVectors:
        (first,) = await self._embedder.embed_late([head + text])
        return await self._whole(text, replace(first, spans=first.spans - len(head)))

    async def _whole(self, text: str, first: LateVectors) -> LateVectors:
        """With the tokens of what was beyond the encoder's window, window by window."""
        parts = [first]
        while len(parts) < MOST_WINDOWS and len(parts[-1].spans):
            reached = max(0, int(parts[-1].spans[-1, 1]))
            if not analyse(text[reached:]):
                break
            (more,) = await self._embedder.embed_late([text[reached:]])
            parts.append(replace(more, spans=more.spans + reached))
        if len(parts) == 1:
            return first
        return LateVectors(
            first.vector,
            np.concatenate([part.tokens for part in parts]),
            _NO_TERMS,
            np.concatenate([part.spans for part in parts]),
        )

    def _remember(self, made: Mapping[tuple[str, str], LateVectors]) -> None:
        for key, vectors in made.items():
            if key not in self._remembered:
                self._bytes += _size(vectors)
            self._remembered[key] = vectors
            self._remembered.move_to_end(key)
        while self._bytes > self._most_bytes:
            self._bytes -= _size(self._remembered.popitem(last=False)[1])


def head_of(passage: Passage) -> str:
    """What is read before a passage's text, as when it was indexed: its title and headings."""
    return next(_heads(passage))


def _heads(passage: Passage) -> Iterator[str]:
    """The ways in which a collection may have embedded a passage, most usual first."""
    title, heading = passage.hit.title, passage.hit.heading or ""
    parts = [title, "" if heading == title else heading]
    for way in dict.fromkeys((tuple(parts), (title,), (heading,), ())):
        yield "".join(f"{part}\n" for part in way if part)


def _size(vectors: LateVectors) -> int:
    return vectors.vector.nbytes + vectors.tokens.nbytes + vectors.spans.nbytes
