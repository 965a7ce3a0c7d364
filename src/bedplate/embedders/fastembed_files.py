"""The files of a fastembed model: where they lie, what they are, and how they are opened.

A model of fastembed's list is read from its cache, and fetched from its hub only where the cache
does not hold it. One in a folder is never fetched.
"""

import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import onnxruntime
from fastembed.common.model_description import DenseModelDescription, ModelSource
from numpy.typing import NDArray

from bedplate.embedders.checks import check_tokenizer, said, unit_rows
from bedplate.embedders.protocol import Matrix
from bedplate.errors import ConfigError, UpstreamError
from bedplate.spelling import did_you_mean

PROVIDER = "fastembed"
CPU = ("CPUExecutionProvider",)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")

_runtime: Any = onnxruntime
_errors = cast(Mapping[str, object], vars(_runtime.capi.onnxruntime_pybind11_state))
# The runtime's errors have no base of their own. The others are fastembed's own, for files that
# are not there or do not fit.
MODEL_ERRORS: tuple[type[Exception], ...] = (
    *(kind for kind in _errors.values() if isinstance(kind, type) and issubclass(kind, Exception)),
    OSError,
    ValueError,
    LookupError,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model at hand: fastembed's name for it, its folder, and its network's path in there.

    `dimensions` is what the list says of it, where it is of the list.
    """

    name: str
    folder: Path
    network: str
    dimensions: int | None = None

    def digest(self, *files: str) -> str:
        """Of the network, its weights in files beside it, and the named files that are there."""
        found = hashlib.sha256()
        beside = sorted((self.folder / self.network).parent.glob("*.onnx?data*"))
        for path in (self.folder / self.network, *beside, *(self.folder / name for name in files)):
            if path.is_file():
                found.update(path.name.encode())
                with path.open("rb") as file:
                    found.update(hashlib.file_digest(file, "sha256").digest())
        return found.hexdigest()[:16]


def in_list(library: Any, name: str, cache: Path, *, offline: bool) -> ModelFiles:
    """A model of the list of `library`, one of fastembed's classes.

    Raises:
        ConfigError: no such model; or it is not in `cache`, and `offline` forbids to fetch it.
        UpstreamError: it could not be fetched.
    """
    entries = cast(Sequence[Mapping[str, Any]], library.list_supported_models())
    known = {str(entry["model"]): entry for entry in entries}
    if name not in known:
        hint = did_you_mean(name, known, cutoff=0.4)
        raise ConfigError(
            f"fastembed has no model {name!r}.{hint} Name one of its list, or a folder of your own."
        )
    entry = known[name]
    facts: dict[str, Any] = {**entry, "sources": ModelSource(**entry["sources"])}
    described = DenseModelDescription(**facts)
    folder = _fetched(library, described, cache, offline=offline)
    return ModelFiles(name, folder, described.model_file, described.dim)


def _fetched(library: Any, described: DenseModelDescription, cache: Path, *, offline: bool) -> Path:
    # It looks into the cache first. Without the hub it would say the same after every wait.
    try:
        return Path(
            library.download_model(described, str(cache), retries=1, local_files_only=offline)
        )
    except MODEL_ERRORS as error:
        if offline:
            raise ConfigError(
                f"The model {described.model!r} is not in the cache {str(cache)!r}, and offline "
                "forbids to fetch it: set offline = false for one start, or copy the cache of a "
                "machine that has it."
            ) from error
        raise UpstreamError(
            f"The model {described.model!r} could not be fetched into {str(cache)!r}: "
            f"{said(error)}. Try again, or name a folder that holds it.",
            provider=PROVIDER,
        ) from error


def opened(files: ModelFiles, open_model: Callable[[], T]) -> T:
    """What `open_model` gives; ConfigError where the files are not there or do not fit."""
    try:
        check_tokenizer(files.folder / "tokenizer.json")
        return open_model()
    except MODEL_ERRORS as error:
        raise ConfigError(
            f"The model in {str(files.folder)!r} cannot be used: {said(error)}."
        ) from error


@contextmanager
def running(name: str) -> Generator[None]:
    """What the runtime says of an input it cannot work on is an UpstreamError."""
    try:
        yield
    except MODEL_ERRORS as error:
        raise UpstreamError(
            f"The model {name!r} failed: {said(error)}.", provider=PROVIDER
        ) from error


def stacked(name: str, rows: Iterable[NDArray[Any]], count: int, dimensions: int) -> Matrix:
    """`count` rows as one matrix of unit rows."""
    vectors = np.zeros((count, dimensions), dtype=np.float32)
    for number, row in enumerate(rows):
        vectors[number] = row
    return unit_rows(vectors, name, provider=PROVIDER)


def check_listed(name: str, found: int, listed: int | None) -> None:
    """ConfigError where the vectors are not as long as the library's list says."""
    if listed is not None and found != listed:
        raise ConfigError(
            f"The model {name!r} gives vectors of {found} numbers and is known to give {listed}: "
            "its cache is damaged; delete it."
        )
