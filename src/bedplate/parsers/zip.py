"""Zip archives by the standard library: each member is read for itself."""

import io
import zipfile
from collections.abc import Iterator

from bedplate.domain.documents import Blob, Failure, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.archive import ENCRYPTED_FLAG, ZIP_ERRORS, zip_errors
from bedplate.parsers.container import read_parts
from bedplate.parsers.parts import INSIDE, Budget, Part, Piece, harmless_name, is_hidden
from bedplate.parsers.protocol import ParseLimits

_UTF8_FLAG = 0x800


def read_zip(blob: Blob, limits: ParseLimits) -> Parsed:
    return read_parts(blob, limits, open_zip)


def open_zip(blob: Blob, budget: Budget) -> Iterator[Piece]:
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    with zip_errors(blob):
        archive = zipfile.ZipFile(io.BytesIO(blob.content))
    with archive:
        for member in archive.infolist():
            name = _name(member)
            if not member.filename.endswith("/") and not is_hidden(name):
                yield _part(archive, member, name, blob, budget)


def _part(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, blob: Blob, budget: Budget
) -> Piece:
    place = f"{blob.source}{INSIDE}{harmless_name(name)}"
    if member.flag_bits & ENCRYPTED_FLAG:
        return Failure(place, "encrypted", f"{place!r} is encrypted and wants a password.")
    try:
        with archive.open(member) as stream:
            content = budget.unpack(stream.read, member.compress_size, place)
    except TooLarge as error:
        return Failure(place, error.code, error.message)
    except NotImplementedError as error:
        return Failure(place, "unsupported", f"{place!r} is packed in an unknown way: {error}")
    except ZIP_ERRORS as error:
        return Failure(place, "malformed", f"{place!r} is damaged: {error}")
    return Part(name, content)


def _name(member: zipfile.ZipInfo) -> str:
    """The name, where an archiver wrote UTF-8 and did not say so."""
    if member.flag_bits & _UTF8_FLAG:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except ValueError:
        return member.filename
