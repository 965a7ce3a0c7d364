"""Files compressed one by one (gzip, bzip2, xz) by the standard library; tar archives in them too."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.archive import is_tar
from bedplate.parsers.container import read_parts
from bedplate.parsers.outline import file_name
from bedplate.parsers.parts import Budget, Part, Piece
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tar import open_tar

_ERRORS = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
_TAR_ENDINGS = (".tgz", ".tbz2", ".txz")

Compressed = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
Decompress = Callable[[IO[bytes]], Compressed]


def read_gzip(blob: Blob, limits: ParseLimits) -> Parsed:
    return read_parts(blob, limits, open_gzip)


def read_bzip2(blob: Blob, limits: ParseLimits) -> Parsed:
    return read_parts(blob, limits, open_bzip2)


def read_xz(blob: Blob, limits: ParseLimits) -> Parsed:
    return read_parts(blob, limits, open_xz)


def open_gzip(blob: Blob, budget: Budget) -> Iterator[Piece]:
    return _open(blob, budget, lambda packed: gzip.GzipFile(fileobj=packed))


def open_bzip2(blob: Blob, budget: Budget) -> Iterator[Piece]:
    return _open(blob, budget, bz2.BZ2File)


def open_xz(blob: Blob, budget: Budget) -> Iterator[Piece]:
    return _open(blob, budget, lzma.LZMAFile)


def _open(blob: Blob, budget: Budget, decompress: Decompress) -> Iterator[Piece]:
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    try:
        with decompress(io.BytesIO(blob.content)) as stream:
            content = budget.unpack(stream.read, len(blob.content), blob.source)
    except MemoryError as error:
        raise TooLarge(f"{blob.source!r} needs too much memory to unpack.") from error
    except _ERRORS as error:
        raise Unreadable(
            f"{blob.source!r} is damaged or cut short: {error}", reason="malformed"
        ) from error
    path = PurePosixPath(file_name(blob.source))
    if is_tar(content) or path.suffix.lower() in _TAR_ENDINGS or path.stem.lower().endswith(".tar"):
        yield from open_tar(Blob(content, blob.source), budget)
    else:
        yield Part(path.stem, content)
