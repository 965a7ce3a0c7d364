"""Tar archives by the standard library: files are read, links and devices are not followed."""

import io
import tarfile
from collections.abc import Iterator

from bedplate.domain.documents import Blob, Failure, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.container import read_parts
from bedplate.parsers.parts import INSIDE, Budget, Part, Piece, harmless_name, is_hidden
from bedplate.parsers.protocol import ParseLimits

_TAR_ERRORS = (tarfile.TarError, EOFError, ValueError, OSError, IndexError, UnicodeError)


def read_tar(blob: Blob, limits: ParseLimits) -> Parsed:
    return read_parts(blob, limits, open_tar)


def open_tar(blob: Blob, budget: Budget) -> Iterator[Piece]:
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    try:
        yield from _pieces(blob, budget)
    except _TAR_ERRORS as error:
        raise Unreadable(
            f"{blob.source!r} is no valid tar archive, or is cut short: {error}",
            reason="malformed",
        ) from error


def _pieces(blob: Blob, budget: Budget) -> Iterator[Piece]:
    passed_over = 0
    with tarfile.open(fileobj=io.BytesIO(blob.content), mode="r:") as archive:
        for member in archive:
            if member.isreg() and not is_hidden(member.name):
                yield _part(archive, member, blob, budget)
                continue
            # tarfile keeps every header it has read, so these count as well.
            budget.part()
            passed_over += not (member.isreg() or member.isdir())
    if passed_over:
        yield f"{passed_over:,} links and devices in it were not followed."


def _part(archive: tarfile.TarFile, member: tarfile.TarInfo, blob: Blob, budget: Budget) -> Piece:
    place = f"{blob.source}{INSIDE}{harmless_name(member.name)}"
    stream = archive.extractfile(member)
    if stream is None:
        return Failure(place, "malformed", f"{place!r} is not there.")
    # A sparse file has holes that take no room in the archive.
    packed = 0 if member.issparse() else member.size
    try:
        content = budget.unpack(stream.read, packed, place)
    except TooLarge as error:
        return Failure(place, error.code, error.message)
    if len(content) < member.size:
        return Failure(place, "truncated", f"{place!r} is cut short.")
    return Part(member.name, content)
