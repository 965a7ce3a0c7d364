"""Folders of a mailbox: their names, and the messages in one."""

import base64
import binascii
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bedplate.errors import UpstreamError
from bedplate.sources.imap_wire import Response, Wire, quoted, unquoted

STEP = 2_000
"""Messages whose sizes are asked for at once."""

_LIST = re.compile(rb'\* LIST \(([^)]*)\) (?:NIL|"(?:[^"\\]|\\.)*") ?(.*)\Z', re.I | re.S)
_EXISTS = re.compile(rb"\* (\d{1,10}) EXISTS\Z", re.I)
_VALIDITY = re.compile(rb"\* OK \[UIDVALIDITY (\d{1,10})\]", re.I)
_UID = re.compile(rb"[( ]UID (\d{1,10})[ )]", re.I)
_SIZE = re.compile(rb"[( ]RFC822\.SIZE (\d{1,15})[ )]", re.I)
_CLOSED = (b"\\noselect", b"\\nonexistent")


class FolderClosed(Exception):
    """A folder that cannot be opened; `code` is the server's, as RFC 5530 has them."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder, read-only. Without `validity` its messages have no names that last."""

    name: bytes
    validity: int | None
    messages: int


@dataclass(slots=True)
class Messages:
    """Of one folder, oldest first, in sixteen bytes each: no connection is held while they are
    gone through. `whole` is false where the server left some out.
    """

    whole: bool = True
    _uids: "array[int]" = field(default_factory=lambda: array("Q"))
    _sizes: "array[int]" = field(default_factory=lambda: array("Q"))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._uids, self._sizes, strict=True)

    def add(self, found: dict[int, int]) -> int:
        """Those that come after all others; how many they are."""
        last = self._uids[-1] if self._uids else 0
        new = [uid for uid in sorted(found) if uid > last]
        self._uids.extend(new)
        self._sizes.extend(found[uid] for uid in new)
        return len(new)


async def folders(wire: Wire) -> list[bytes]:
    """The names of the folders that can be opened, as the server writes them."""
    answer = await wire.command(b'LIST "" "*"')
    if not answer.ok:
        raise wire.failed(f"does not list its folders ({answer.text})")
    names: dict[bytes, None] = {}
    for response in answer.untagged:
        found = _LIST.match(response[0])
        if found is None or any(mark in found[1].lower().split() for mark in _CLOSED):
            continue
        name = response[1] if len(response) > 1 else unquoted(found[2])
        names[b"INBOX" if name.upper() == b"INBOX" else name] = None
    return list(names)


async def examine(wire: Wire, name: bytes) -> Opened:
    """Open a folder read-only; FolderClosed where the server does not let."""
    try:
        answer = await wire.command(b"EXAMINE " + quoted(name))
    except ValueError as error:
        raise FolderClosed(f"its name cannot be sent: {error}", "BADNAME") from error
    if not answer.ok:
        raise FolderClosed(answer.text, answer.code)
    found: dict[re.Pattern[bytes], int] = {}
    for response in answer.untagged:
        for pattern in (_EXISTS, _VALIDITY):
            if match := pattern.match(response[0]):
                found[pattern] = int(match[1])
    return Opened(name, found.get(_VALIDITY), found.get(_EXISTS, 0))


async def messages(wire: Wire, opened: Opened, most: int) -> Messages:
    """The newest `most` of an open folder. By sequence numbers, which nothing shifts meanwhile: a
    server must not tell of removed messages in answer to FETCH (RFC 3501 7.4.1).
    """
    found = Messages()
    first = max(1, opened.messages - most + 1)
    for start in range(first, opened.messages + 1, STEP):
        end = min(start + STEP - 1, opened.messages)
        answer = await wire.command(b"FETCH %d:%d (UID RFC822.SIZE)" % (start, end))
        new = found.add(dict(_sizes(answer.untagged)))
        if not new:
            raise _lies(wire, opened)
        # Removed by somebody else since, or left out: it is not known which.
        found.whole = found.whole and answer.ok and new == end - start + 1
    return found


def _sizes(responses: Sequence[Response]) -> Iterator[tuple[int, int]]:
    for response in responses:
        uid, size = uid_of(response), _SIZE.search(response[0])
        if uid and size:
            yield uid, int(size[1])


def uid_of(response: Response) -> int | None:
    """Of the message that a FETCH response is about."""
    for text in response[::2]:
        # A literal stands between texts, and the last one is closed by ")".
        if found := _UID.search(text + b" "):
            return int(found[1])
    return None


def size_of(responses: Sequence[Response], uid: int) -> int | None:
    return dict(_sizes(responses)).get(uid)


def shown(name: bytes) -> str:
    """A folder's name as people write it: out of modified UTF-7 (RFC 3501 5.1.3)."""

    def decoded(found: re.Match[str]) -> str:
        if not found[1]:
            return "&"
        packed = found[1].replace(",", "/")
        try:
            return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode(
                "utf-16-be"
            )
        except (binascii.Error, UnicodeDecodeError):
            return found[0]

    return re.sub(r"&([^-&]*)-", decoded, name.decode("utf-8", "surrogateescape"))


def _lies(wire: Wire, opened: Opened) -> UpstreamError:
    return wire.failed(f"says that {shown(opened.name)!r} has more messages than it tells of")
