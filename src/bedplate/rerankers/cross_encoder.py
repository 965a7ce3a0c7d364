"""`cross_encoder`: a cross-encoder in ONNX, from files of your own.

A cross-encoder reads query and passage as one input and gives one logit for the pair (Nogueira and
Cho 2019, arXiv:1901.04085). The score is that logit, and for a model with two classes the second
logit less the first. The sigmoid that makes a probability of it is left out: it changes no order,
and it presses good passages together near 1.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from bedplate.errors import ConfigError, UpstreamError, UpstreamTimeout
from bedplate.pair_model import (
    BATCH_PAIRS,
    RUNTIME_ERRORS,
    PairModel,
    PairModelFiles,
    batches_of,
    said,
)
from bedplate.rerankers.protocol import Reranker

PROVIDER = "cross_encoder"

Scores = NDArray[np.float64]


class CrossEncoderOptions(PairModelFiles):
    """`window` counts the pieces of query and passage together."""


class CrossEncoder:
    def __init__(self, options: CrossEncoderOptions) -> None:
        self._read = PairModel(options)
        self._model = self._read.name
        self._pairs = self._read.pairs
        try:
            _logits(self._read.try_out(), 2)
        except ValueError as error:
            raise ConfigError(f"The model {self._model!r} is no cross-encoder: {error}") from error
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix="rerank")

    async def score(
        self, query: str, texts: Sequence[str], *, deadline: float | None
    ) -> list[float]:
        """See Reranker. Work that nobody waits for any more ends after its current batch."""
        if not texts:
            return []
        loop = asyncio.get_running_loop()
        late = UpstreamTimeout(
            f"The cross-encoder {self._model!r} was not done by the deadline; rerank fewer hits, "
            "or give it more threads.",
            provider=PROVIDER,
        )
        if deadline is not None and loop.time() >= deadline:
            raise late
        stop = threading.Event()
        try:
            async with asyncio.timeout_at(deadline):
                scores = await loop.run_in_executor(self._pool, self._score, query, texts, stop)
        except TimeoutError as error:
            raise late from error
        finally:
            stop.set()
        return scores.tolist()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _score(self, query: str, texts: Sequence[str], stop: threading.Event) -> Scores:
        scores = np.zeros(len(texts))
        encodings: list[Encoding] = []
        for start in range(0, len(texts), BATCH_PAIRS):
            if stop.is_set():
                return scores
            encodings += self._pairs.encode(query, texts[start : start + BATCH_PAIRS])
        for batch in batches_of(encodings):
            if stop.is_set():
                return scores
            try:
                scores[batch] = _logits(self._read.run([encodings[i] for i in batch]), len(batch))
            except RUNTIME_ERRORS as error:
                raise UpstreamError(
                    f"The cross-encoder {self._model!r} failed: {said(error)}.", provider=PROVIDER
                ) from error
        if not np.isfinite(scores).all():
            wrong = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise UpstreamError(
                f"The cross-encoder {self._model!r} gave text {wrong} the score {scores[wrong]}, "
                "no finite number; its file may be damaged or badly quantised.",
                provider=PROVIDER,
            )
        return scores


def _logits(output: NDArray[Any], pairs: int) -> Scores:
    """One score a pair, of an output of one logit a pair, or of two."""
    match output.shape:
        case (rows,) | (rows, 1) if rows == pairs:
            return output.reshape(pairs).astype(np.float64)
        case (rows, 2) if rows == pairs:
            wide = output.astype(np.float64)
            return wide[:, 1] - wide[:, 0]
        case _:
            raise ValueError(
                f"its first output for {pairs} pairs has the shape {output.shape}; one logit a "
                "pair is needed, or two."
            )


@asynccontextmanager
async def open_cross_encoder(options: Mapping[str, Any]) -> AsyncGenerator[Reranker]:
    """See CrossEncoderOptions.

    Raises:
        ConfigError: files that are not there or do not go together, or a model of another shape.
    """
    chosen = CrossEncoderOptions.model_validate(dict(options))
    encoder = await asyncio.to_thread(lambda: CrossEncoder(chosen))
    try:
        yield encoder
    finally:
        encoder.close()
