"""`fastembed`: a text encoder in ONNX from fastembed's list, or from a folder of your own.

`model` is a name of its list (https://qdrant.github.io/fastembed/examples/Supported_Models/), and
what the library knows of it (pooling, normalisation) is used. `folder` is a model as hubs lay it
out: `tokenizer.json`, `tokenizer_config.json` and an ONNX file. Pooling is then what its card says.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.embedders.checks import check_dimensions, encodable
from bedplate.embedders.fastembed_files import (
    CPU,
    TOKENIZER_FILES,
    ModelFiles,
    check_listed,
    in_list,
    opened,
    running,
    stacked,
)
from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.errors import ConfigError

NETWORKS = ("model.onnx", "onnx/model.onnx")
POOLING: Mapping[str, PoolingType] = {
    "mean": PoolingType.MEAN,
    "cls": PoolingType.CLS,
    "last": PoolingType.LAST_TOKEN,
    "none": PoolingType.DISABLED,
}


class FastembedOptions(BaseModel):
    """`threads` is how many cores one batch may use; `prefix` is put before every text."""

    model_config = ConfigDict(extra="forbid")
    model: str | None = Field(default=None, min_length=1)
    cache: Path = Path("bedplate-data/models")
    offline: bool = False
    folder: Path | None = None
    file: str | None = Field(default=None, min_length=1)
    pooling: Literal["mean", "cls", "last", "none"] = "mean"
    dimensions: int | None = Field(default=None, gt=0, le=16_384)
    prefix: str = Field(default="", max_length=1_000)
    batch: int = Field(default=32, ge=1, le=1_024)
    threads: int = Field(default=1, ge=1, le=64)
    workers: int = Field(default=2, ge=1, le=64)

    @model_validator(mode="after")
    def _model_or_folder(self) -> Self:
        if (self.model is None) == (self.folder is None):
            raise ValueError("give either model, a name of fastembed's list, or folder")
        of_folder = {"file", "pooling"} & self.model_fields_set
        if self.folder is None and of_folder:
            raise ValueError(f"{' and '.join(sorted(of_folder))}: only a folder takes that")
        return self


class FastembedEmbedder:
    def __init__(self, files: ModelFiles, options: FastembedOptions) -> None:
        self._name = options.model or str(files.folder)
        self._model = opened(
            files,
            lambda: TextEmbedding(
                files.name,
                cache_dir=str(files.folder),
                threads=options.threads,
                providers=CPU,
                specific_model_path=str(files.folder),
            ),
        )
        self._prefix = options.prefix
        self._batch = options.batch
        ready = opened(files, lambda: list(self._model.embed([f"{options.prefix}ready"])))
        self.dimensions = int(ready[0].shape[-1])
        check_dimensions(self._name, self.dimensions, options.dimensions)
        check_listed(self._name, self.dimensions, files.dimensions)
        facts = (files.name, files.digest(*TOKENIZER_FILES), options.prefix)
        digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
        self.fingerprint = f"fastembed-{options.model or 'folder'}-{digest}"
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix="embed")

    async def embed(self, texts: Sequence[str]) -> Matrix:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._embed, texts)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> Matrix:
        # Texts of about equal length share a batch, so that little padding is computed.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        given = [f"{self._prefix}{text}" for text in encodable([texts[i] for i in order])]
        with running(self._name):
            rows = self._model.embed(given, batch_size=self._batch)
            sorted_rows = stacked(self._name, rows, len(given), self.dimensions)
        vectors = np.empty_like(sorted_rows)
        vectors[order] = sorted_rows
        return vectors


def _in_folder(folder: Path, file: str | None, pooling: str) -> ModelFiles:
    """The model as fastembed has to know it: under a name that says what is in the files."""
    named = [file] if file else NETWORKS
    network = next((name for name in named if (folder / name).is_file()), None)
    if network is None:
        raise ConfigError(f"The embedder's folder {str(folder)!r} holds no {' or '.join(named)}.")
    digest = ModelFiles("", folder, network).digest(*TOKENIZER_FILES)
    name = f"bedplate-folder/{digest}-{pooling}-{network}"
    # The library keeps one list for the process.
    if name not in {str(entry["model"]) for entry in TextEmbedding.list_supported_models()}:
        TextEmbedding.add_custom_model(
            name,
            pooling=POOLING[pooling],
            normalization=True,
            sources=ModelSource(url="none"),
            # It is read of the first vector; the library wants a number.
            dim=1,
            model_file=network,
        )
    return ModelFiles(name, folder, network)


def _load(options: FastembedOptions) -> FastembedEmbedder:
    if options.folder is not None:
        files = _in_folder(options.folder, options.file, options.pooling)
    else:
        files = in_list(TextEmbedding, options.model or "", options.cache, offline=options.offline)
    return FastembedEmbedder(files, options)


@asynccontextmanager
async def open_fastembed_embedder(options: Mapping[str, Any]) -> AsyncGenerator[Embedder]:
    """See FastembedOptions.

    Raises:
        ConfigError: no such model, files that do not fit, vectors of another length than
            configured, or a model to be fetched while `offline`.
        UpstreamError: a model that could not be fetched.
    """
    chosen = FastembedOptions.model_validate(dict(options))
    embedder = await asyncio.to_thread(_load, chosen)
    try:
        yield embedder
    finally:
        embedder.close()
