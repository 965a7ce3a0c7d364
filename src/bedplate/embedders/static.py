"""`static`: one learned vector a token, averaged. No network is run, so it is fast and rough.

`path` is a folder with `tokenizer.json` and `model.safetensors`, as model2vec writes them
(https://github.com/MinishLab/model2vec).
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from tokenizers import Tokenizer

from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.embedders.tensors import BadTensor, Weights, read_matrix
from bedplate.errors import ConfigError

BATCH_TOKENS = 16_384
SMALLEST_NORM = 1e-12


class StaticOptions(BaseModel):
    """`window` counts tokens."""

    model_config = ConfigDict(extra="forbid")
    path: Path
    window: int = Field(default=512, ge=16, le=100_000)
    workers: int = Field(default=2, ge=1, le=64)


class TokenizerModel(msgspec.Struct):
    unk_token: str | None = None
    unk_id: int | None = None


class TokenizerFile(msgspec.Struct):
    model: TokenizerModel


class StaticEmbedder:
    def __init__(
        self, model: Weights, tokenizer: Any, unknown: int | None, name: str, options: StaticOptions
    ) -> None:
        """`unknown` is the id of what stands for text that the tokenizer has no token for."""
        self._weights = model
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(options.window)
        self._unknown = unknown
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix="embed")
        self.dimensions = int(model.shape[1])
        self.fingerprint = f"static-{name}-{options.window}"

    async def embed(self, texts: Sequence[str]) -> Matrix:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._embed, texts)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> Matrix:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        # The tokenizer refuses half surrogate pairs.
        readable = [text.encode("utf-8", "replace").decode() for text in texts]
        encodings = self._tokenizer.encode_batch_fast(readable, add_special_tokens=False)
        ids = [[i for i in encoding.ids if i != self._unknown] for encoding in encodings]
        for batch in _batches(ids):
            rows = self._weights[np.concatenate([ids[i] for i in batch])].astype(np.float32)
            starts = np.cumsum([0, *(len(ids[i]) for i in batch[:-1])])
            vectors[batch] = np.add.reduceat(rows, starts, axis=0)
        norms = np.linalg.norm(vectors, axis=1)
        # A text of no known token still needs a direction: its cosine would be undefined.
        nowhere = norms < SMALLEST_NORM
        vectors[nowhere, 0], vectors[nowhere, 1:], norms[nowhere] = 1.0, 0.0, 1.0
        return vectors / norms[:, None]


def _batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Numbers of the texts that have tokens, in groups that bound the memory of a step."""
    batch: list[int] = []
    tokens = 0
    for number, own in enumerate(ids):
        if not own:
            continue
        if batch and tokens + len(own) > BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(number)
        tokens += len(own)
    if batch:
        yield batch


def _load(options: StaticOptions) -> StaticEmbedder:
    matrix, tokenizer = options.path / "model.safetensors", options.path / "tokenizer.json"
    content = {path: _read(path) for path in (matrix, tokenizer)}
    try:
        weights = read_matrix(content[matrix])
    except BadTensor as error:
        raise ConfigError(f"embedder.path: {matrix} cannot be used: {error}.") from error
    try:
        words: Any = Tokenizer.from_buffer(content[tokenizer])
    except ValueError as error:
        raise ConfigError(f"embedder.path: {tokenizer} is no tokenizer: {error}.") from error
    last = max(words.get_vocab().values(), default=0)
    if last >= len(weights):
        raise ConfigError(
            f"embedder.path: {tokenizer.name} numbers its tokens up to {last}, {matrix.name} has "
            f"{len(weights)} rows: the two are not of one model."
        )
    digest = hashlib.sha256(content[matrix] + content[tokenizer]).hexdigest()[:12]
    unknown = _unknown_id(words, content[tokenizer])
    return StaticEmbedder(weights, words, unknown, digest, options)


def _unknown_id(tokenizer: Any, content: bytes) -> int | None:
    """From the file, as only some models of the library tell."""
    model = msgspec.json.decode(content, type=TokenizerFile).model
    return model.unk_id if model.unk_token is None else tokenizer.token_to_id(model.unk_token)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"embedder.path: {path} cannot be read: {error.strerror}.") from error


@asynccontextmanager
async def open_static_embedder(options: Mapping[str, Any]) -> AsyncGenerator[Embedder]:
    embedder = await asyncio.to_thread(_load, StaticOptions.model_validate(dict(options)))
    try:
        yield embedder
    finally:
        embedder.close()
