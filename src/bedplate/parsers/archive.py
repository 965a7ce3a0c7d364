"""Archives: what they are known by, and the zips of office formats checked before use."""

import io
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from bedplate.domain.documents import Blob
from bedplate.errors import TooLarge, Unreadable

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_MOST_MEMBERS = 10_000
_STEP = 1 << 20
ENCRYPTED_FLAG = 0x1
_TAR_SIGN = slice(257, 262)
_XML_NAME = re.compile(r"\.(?:xml|rels|vml|xhtml|opf|ncx)$", re.IGNORECASE)
# In ASCII-compatible encodings and in both orders of UTF-16 and UTF-32, once NULs are dropped.
_DTD = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    ValueError,
    OSError,
    RuntimeError,
)


def is_encrypted_office(content: bytes) -> bool:
    """An office file under a password is an OLE container that holds the package ([MS-OFFCRYPTO])."""
    return content.startswith(OLE_MAGIC) and _ENCRYPTED_PACKAGE in content


def check_archive(
    blob: Blob, most_expanded: int, *, document_types: bool = False
) -> frozenset[str]:
    """The names inside a zip archive that is safe to open whole.

    Unpacks every member in steps and counts what really comes out, since declared sizes lie.
    XML with a document type is refused: office formats forbid it (ISO/IEC 29500-2, 6.1.4), and
    entities live there. Where `document_types` are usual (EPUB), only entities are refused.

    Raises:
        Unreadable: encrypted, truncated, malformed, or unsafe.
        TooLarge: it unpacks to more than `most_expanded` bytes, or to very many members.
    """
    if is_encrypted_office(blob.content):
        raise Unreadable(
            f"{blob.source!r} is encrypted and wants a password; save it without one.",
            reason="encrypted",
        )
    with zip_errors(blob), zipfile.ZipFile(io.BytesIO(blob.content)) as archive:
        members = archive.infolist()
        declared = sum(member.file_size for member in members)
        if declared > most_expanded or len(members) > _MOST_MEMBERS:
            raise _bomb(blob, most_expanded)
        expanded, unsafe = 0, _ENTITY if document_types else _DTD
        for member in members:
            if member.flag_bits & ENCRYPTED_FLAG:
                raise Unreadable(f"{blob.source!r} holds encrypted parts.", reason="encrypted")
            for step in _unpacked(archive, member):
                expanded += len(step)
                if expanded > most_expanded:
                    raise _bomb(blob, most_expanded)
                if _XML_NAME.search(member.filename) and unsafe.search(step.replace(b"\0", b"")):
                    raise Unreadable(
                        f"{blob.source!r} declares XML entities in {member.filename!r}; "
                        "a real office file never does, so it was not opened.",
                        reason="unsafe",
                    )
        return frozenset(member.filename for member in members)


def is_tar(content: bytes) -> bool:
    """Whether the first header is one of POSIX.1-1988 or later, GNU's included."""
    return content[_TAR_SIGN] == b"ustar"


def member_names(content: bytes) -> frozenset[str]:
    """The names in an archive's directory; none when it is no whole archive.

    What it says of itself in a member "mimetype" comes as "mimetype=TYPE".
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if "mimetype" in names:
                with archive.open("mimetype") as member:
                    said = member.read(200).decode("ascii", "replace").strip()
                names.append(f"mimetype={said}")
            return frozenset(names)
    except ZIP_ERRORS:
        return frozenset()


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member in steps, each led by the tail of the one before so that no mark is cut in two."""
    tail = b""
    with archive.open(member) as stream:
        while step := stream.read(_STEP):
            yield tail + step
            tail = step[-64:]


def _bomb(blob: Blob, most: int) -> TooLarge:
    return TooLarge(
        f"{blob.source!r} unpacks to more than {most:,} bytes or {_MOST_MEMBERS:,} parts; "
        "it was not opened."
    )


@contextmanager
def zip_errors(blob: Blob) -> Generator[None]:
    """What zipfile raises of a broken archive, as Unreadable."""
    try:
        yield
    except ZIP_ERRORS as error:
        whole = b"PK\x05\x06" in blob.content[-(1 << 16) :]
        if blob.content.startswith(b"PK\x03\x04") and not whole:
            raise Unreadable(
                f"{blob.source!r} is cut short: the archive's directory is missing.",
                reason="truncated",
            ) from error
        raise Unreadable(
            f"{blob.source!r} is no valid zip archive: {error}", reason="malformed"
        ) from error
