"""How many tokens a GGUF file's vocabulary has: it decides what some servers take in memory."""

import struct
from pathlib import Path
from typing import BinaryIO

TOKENS = b"tokenizer.ggml.tokens"
MOST_KEYS = 10_000
LONGEST = 1 << 20
"""Bytes of a key or a single text; a file that claims more is not read on."""

_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class _Unreadable(Exception):
    """The file ends early, or says what cannot be."""


def vocabulary(path: Path) -> int | None:
    """None where the file does not say, or cannot be read so far.

    Source: GGUF specification, version 2 and 3, "File Structure".
    """
    try:
        with path.open("rb") as file:
            _, version, _, keys = struct.unpack("<4sIQQ", _read(file, 24))
            if version not in (2, 3) or keys > MOST_KEYS:
                return None
            for _ in range(keys):
                key, kind = _text(file), _number(file, "<I")
                if key == TOKENS and kind == _ARRAY:
                    _number(file, "<I")
                    return _number(file, "<Q")
                _skip(file, kind)
    except (OSError, OverflowError, ValueError, _Unreadable):
        return None
    return None


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _text(file)
    elif kind == _ARRAY:
        inner, count = _number(file, "<I"), _number(file, "<Q")
        if inner == _STRING:
            for _ in range(count):
                _text(file)
        else:
            file.seek(_size(inner) * count, 1)
    else:
        file.seek(_size(kind), 1)


def _text(file: BinaryIO) -> bytes:
    length = _number(file, "<Q")
    if length > LONGEST:
        raise _Unreadable
    return _read(file, length)


def _number(file: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, _read(file, struct.calcsize(form)))[0])


def _size(kind: int) -> int:
    if kind not in _SIZES:
        raise _Unreadable
    return _SIZES[kind]


def _read(file: BinaryIO, length: int) -> bytes:
    content = file.read(length)
    if len(content) < length:
        raise _Unreadable
    return content
