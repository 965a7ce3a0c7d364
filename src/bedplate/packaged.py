"""Data files inside installed packages, read as data and checked; nothing of a package is imported."""

import hashlib
import importlib.util
from pathlib import Path

from bedplate.errors import ConfigError


def read_packaged(package: str, name: str, sha256: str) -> bytes:
    """The file `name` below a package's folder; ConfigError where it is missing or another one."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(f"A bundled model needs the package {package!r}: reinstall bedplate.")
    path = Path(spec.origin).parent / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigError(
            f"{path} has SHA-256 {found}, not the expected {sha256}: "
            "reinstall the locked requirements, or name a model of your own."
        )
    return content
