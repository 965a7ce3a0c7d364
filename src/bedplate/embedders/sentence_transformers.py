"""`sentence_transformers`: any model of that library, from a hub or a folder, run by PyTorch.

Weights are read from safetensors alone, and no code that comes with a model is run.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import huggingface_hub
import numpy as np
import safetensors  # pyright: ignore[reportMissingImports]
import sentence_transformers  # pyright: ignore[reportMissingImports]
import torch  # pyright: ignore[reportMissingImports]
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.embedders.checks import check_dimensions, check_tokenizer, encodable, said, unit_rows
from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.errors import ConfigError, UpstreamError

PROVIDER = "sentence_transformers"
KINDS = ("*.json", "*.txt", "*.model", "*.safetensors")
ELSEWHERE = ("onnx/*", "openvino/*")
"""The same weights for other runtimes."""

logger = logging.getLogger(__name__)

_library: Any = sentence_transformers
_torch: Any = torch
_safetensors: Any = safetensors

# What the libraries raise for files that are not there or do not fit, a hub that is not reached,
# and an input that cannot be worked on.
MODEL_ERRORS: tuple[type[Exception], ...] = (
    _safetensors.SafetensorError,
    OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError, ImportError,
)  # fmt: skip


class SentenceTransformersOptions(BaseModel):
    """`threads` is of the process: PyTorch has one setting for all its models.

    `prefix` is put before every text; where it is not set, a prompt that the model names is.
    """

    model_config = ConfigDict(extra="forbid")
    model: str | None = Field(default=None, min_length=1)
    revision: str | None = Field(default=None, min_length=1)
    cache: Path = Path("bedplate-data/models")
    offline: bool = False
    folder: Path | None = None
    dimensions: int | None = Field(default=None, gt=0, le=16_384)
    window: int | None = Field(default=None, ge=16, le=100_000)
    prefix: str | None = Field(default=None, max_length=1_000)
    device: str = "cpu"
    batch: int = Field(default=32, ge=1, le=1_024)
    threads: int = Field(default=1, ge=1, le=64)

    @model_validator(mode="after")
    def _model_or_folder(self) -> Self:
        if (self.model is None) == (self.folder is None):
            raise ValueError("give either model, a name on the hub, or folder")
        if self.folder is not None and self.revision is not None:
            raise ValueError("revision: only a model on the hub has one")
        return self


class SentenceTransformersEmbedder:
    def __init__(self, folder: Path, options: SentenceTransformersOptions) -> None:
        self._name = options.model or str(folder)
        self._options = options
        _torch.set_num_threads(options.threads)
        try:
            for tokenizer in folder.rglob("tokenizer.json"):
                check_tokenizer(tokenizer)
            self._model = _library.SentenceTransformer(
                str(folder),
                device=options.device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
            if options.window is not None:
                self._model.max_seq_length = options.window
            self.dimensions = int(self._encode(["ready"]).shape[1])
        except MODEL_ERRORS as error:
            raise ConfigError(
                f"The model in {str(folder)!r} cannot be used: {said(error)}."
            ) from error
        check_dimensions(self._name, self.dimensions, options.dimensions)
        facts = (_digest(folder), options.window, options.prefix)
        digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
        self.fingerprint = f"sentence-transformers-{options.model or 'folder'}-{digest}"
        # One thread: the library's tokenizers are set anew for each batch, and cannot be shared.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="embed")

    async def embed(self, texts: Sequence[str]) -> Matrix:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._embed, texts)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> Matrix:
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        try:
            rows = self._encode(encodable(texts))
        except MODEL_ERRORS as error:
            raise UpstreamError(
                f"The model {self._name!r} failed: {said(error)}.", provider=PROVIDER
            ) from error
        return unit_rows(rows, self._name, provider=PROVIDER)

    def _encode(self, texts: Sequence[str]) -> Matrix:
        return self._model.encode(
            texts,
            prompt=self._options.prefix,
            batch_size=self._options.batch,
            show_progress_bar=False,
            convert_to_numpy=True,
        )


def _digest(folder: Path) -> str:
    """Of all files that a model is read from; the folder's own name does not count."""
    found = hashlib.sha256()
    for path in sorted({path for kind in KINDS for path in folder.rglob(kind)}):
        found.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def _load(options: SentenceTransformersOptions) -> SentenceTransformersEmbedder:
    if options.folder is not None:
        if not options.folder.is_dir():
            raise ConfigError(f"The embedder's folder {str(options.folder)!r} is not there.")
        return SentenceTransformersEmbedder(options.folder, options)
    try:
        return SentenceTransformersEmbedder(_snapshot(options, fetch=False), options)
    except (ConfigError, *MODEL_ERRORS) as error:
        if options.offline:
            raise ConfigError(
                f"The model {options.model!r} is not whole in the cache {str(options.cache)!r}, and "
                "offline forbids to fetch it: set offline = false for one start, or copy the cache "
                f"of a machine that has it. ({said(error)})"
            ) from error
    logger.info("fetching the model %s into %s", options.model, options.cache)
    try:
        folder = _snapshot(options, fetch=True)
    except MODEL_ERRORS as error:
        raise UpstreamError(
            f"The model {options.model!r} could not be fetched into {str(options.cache)!r}: "
            f"{said(error)}. Try again, or name a folder that holds it.",
            provider=PROVIDER,
        ) from error
    return SentenceTransformersEmbedder(folder, options)


def _snapshot(options: SentenceTransformersOptions, *, fetch: bool) -> Path:
    """Where the hub's cache has the model; a fetch that was cut off left a part of it there."""
    return Path(
        huggingface_hub.snapshot_download(
            options.model or "",
            revision=options.revision,
            cache_dir=options.cache,
            allow_patterns=list(KINDS),
            ignore_patterns=list(ELSEWHERE),
            local_files_only=not fetch,
        )
    )


@asynccontextmanager
async def open_sentence_transformers_embedder(
    options: Mapping[str, Any],
) -> AsyncGenerator[Embedder]:
    """See SentenceTransformersOptions.

    Raises:
        ConfigError: files that do not fit, vectors of another length than configured, or a model
            to be fetched while `offline`.
        UpstreamError: a model that could not be fetched.
    """
    chosen = SentenceTransformersOptions.model_validate(dict(options))
    embedder = await asyncio.to_thread(_load, chosen)
    try:
        yield embedder
    finally:
        embedder.close()
