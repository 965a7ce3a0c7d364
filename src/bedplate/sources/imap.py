"""`imap`: the messages in folders of a mailbox (RFC 3501).

Folders are opened read-only and messages are peeked at, so that nothing is marked as read. A
message never changes under its UID; where the server numbers a folder anew (UIDVALIDITY), all its
messages are new ones.
"""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.domain.documents import Blob
from bedplate.errors import ConfigError, NotFound, TooLarge, Unavailable, Unreadable, UpstreamError
from bedplate.sources.imap_folders import (
    FolderClosed,
    Messages,
    Opened,
    examine,
    folders,
    messages,
    shown,
    size_of,
    uid_of,
)
from bedplate.sources.imap_wire import LINE, Response, Wire, connect, quoted, sasl, unquoted
from bedplate.sources.names import key_of, path_of
from bedplate.sources.protocol import MAX_KEY, Fetched, Gap, Item, Source
from bedplate.sources.secret import Secret

MEDIA_TYPE = "message/rfc822"
GONE = frozenset({"NONEXISTENT", "TRYCREATE", "BADNAME"})
BUSY = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"})

_BODY = re.compile(rb"[( ]BODY\[\](?:<0>)? \Z", re.I)
_QUOTED_BODY = re.compile(rb'[( ]BODY\[\](?:<0>)? ("(?:[^"\\]|\\.)*")', re.I)

T = TypeVar("T")


class ImapOptions(BaseModel):
    """Either a `password` or a `token` (OAuth 2.0, by XOAUTH2). `folders` are shell patterns."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = Field(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")
    port: int | None = Field(default=None, ge=1, le=65535)
    tls: bool = True
    ca_file: Path | None = None
    user: str = Field(min_length=1, max_length=320)
    password: Secret | None = None
    token: Secret | None = None
    folders: tuple[str, ...] = Field(default=("INBOX",), min_length=1)
    exclude: tuple[str, ...] = ()
    max_messages: int = Field(default=1_000_000, gt=0, le=100_000_000)
    connections: int = Field(default=2, ge=1, le=16)
    connect_seconds: float = Field(default=10.0, gt=0, le=600)
    seconds: float = Field(default=120.0, gt=0, le=3600)

    @model_validator(mode="after")
    def _fits(self) -> "ImapOptions":
        if (self.password is None) == (self.token is None):
            raise ValueError("one of password and token is needed")
        if not f"{self.user}{self.secret}".isprintable():
            raise ValueError("user and password hold characters that cannot be sent")
        return self

    @property
    def secret(self) -> str:
        held = self.token or self.password
        return held.get_secret_value() if held else ""


@dataclass(slots=True)
class _Connection:
    wire: Wire
    opened: Opened | None = None


@dataclass(slots=True)
class ImapSource:
    """Connections are used by one at a time, and kept for the next."""

    options: ImapOptions
    name: str
    tls: ssl.SSLContext | None
    _free: asyncio.Semaphore = field(init=False)
    _idle: "list[_Connection]" = field(default_factory=list["_Connection"], init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.options.connections)

    @property
    def incremental(self) -> bool:
        """See Source."""
        return False

    async def list(self, since: str | None) -> AsyncIterator[Item | Gap]:
        """See Source."""
        named = await self._using(lambda connection: folders(connection.wire))
        wanted = {raw: shown(raw) for raw in named if self._wants(shown(raw))}
        for pattern in self.options.folders:
            if not re.search(r"[*?\[]", pattern) and pattern not in map(shown, named):
                yield Gap("", "no_folder", f"There is no folder {pattern!r}, or none to be opened.")
        for raw, name in wanted.items():
            prefix = f"{key_of(os.fsdecode(raw))}/"
            if len(prefix) > MAX_KEY - 40:
                yield Gap(prefix[:MAX_KEY], "bad_name", "The folder's name is too long for a key.")
                continue
            try:
                opened, found = await self._using(lambda each, raw=raw: self._look(each, raw))
            except FolderClosed as error:
                yield Gap(prefix, "closed_folder", f"{name!r} cannot be opened: {error}.")
                continue
            if opened.validity is None:
                yield Gap(prefix, "no_uids", f"The messages of {name!r} have no lasting numbers.")
                continue
            for uid, size in found:
                yield Item(f"{prefix}{opened.validity}/{uid}", str(size), size)
            if opened.messages > self.options.max_messages:
                most = self.options.max_messages
                message = f"{name!r} has more than {most:,} messages (max_messages)."
                yield Gap(prefix, "too_many_messages", message)
            elif not found.whole:
                message = f"The server did not tell of every message in {name!r}."
                yield Gap(prefix, "incomplete", message)

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched | None:
        """See Source."""
        folder, _, rest = item.key.rpartition("/")[0].rpartition("/")
        raw = os.fsencode(path_of(folder))
        uid = item.key.rpartition("/")[2]
        where = f"{self.name}/{key_of(shown(raw))}/{rest}/{uid}"
        if not (rest.isdecimal() and uid.isdecimal()):
            raise NotFound(f"{where!r} is no message.")
        too_large = TooLarge(f"{where!r} has more than {max_bytes:,} bytes.")
        if item.size is not None and item.size > max_bytes:
            raise too_large

        async def fetch(connection: _Connection) -> bytes | None:
            opened = connection.opened
            if opened is None or opened.name != raw:
                opened = await self._open_folder(connection, raw)
            if opened.validity != int(rest):
                return None
            return await _content(connection.wire, int(uid), item.size, max_bytes)

        try:
            content = await self._using(fetch)
        except TooLarge as error:
            raise too_large from error
        except FolderClosed as error:
            if error.code in GONE:
                raise NotFound(f"{where!r} is gone with its folder.") from error
            raise Unreadable(
                f"{where!r}: its folder cannot be opened ({error}).", reason="forbidden"
            ) from error
        if content is None:
            raise NotFound(f"{where!r} is gone.")
        return Fetched(Blob(content, where, MEDIA_TYPE))

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().wire.close()

    async def _look(self, connection: _Connection, raw: bytes) -> tuple[Opened, Messages]:
        # Anew, as what is open may have changed since.
        opened = await self._open_folder(connection, raw)
        if opened.validity is None:
            return opened, Messages()
        return opened, await messages(connection.wire, opened, self.options.max_messages)

    async def _open_folder(self, connection: _Connection, raw: bytes) -> Opened:
        connection.opened = None
        connection.opened = await examine(connection.wire, raw)
        return connection.opened

    async def _using(self, work: Callable[[_Connection], Awaitable[T]]) -> T:
        """Do something with a connection; anew where one that was kept turns out to be dead."""
        async with self._free:
            while self._idle:
                try:
                    return await self._with(self._idle.pop(), work)
                except UpstreamError as error:
                    if not error.retryable:
                        raise
            return await self._with(_Connection(await self._log_in()), work)

    async def _with(
        self, connection: _Connection, work: Callable[[_Connection], Awaitable[T]]
    ) -> T:
        in_step = False
        try:
            result = await work(connection)
            in_step = True
        except FolderClosed:
            in_step = True
            raise
        finally:
            if in_step:
                self._idle.append(connection)
            else:
                await connection.wire.close()
        return result

    async def _log_in(self) -> Wire:
        options = self.options
        wire = await connect(
            options.host,
            options.port or (993 if options.tls else 143),
            self.tls,
            connect_seconds=options.connect_seconds,
            seconds=options.seconds,
        )
        done = False
        try:
            if await wire.greeting() == "OK":
                await self._authenticate(wire)
            done = True
        finally:
            if not done:
                await wire.close()
        return wire

    async def _authenticate(self, wire: Wire) -> None:
        user, secret = self.options.user, self.options.secret
        able = await wire.command(b"CAPABILITY")
        abilities = {word for each in able.untagged for word in each[0].upper().split()}
        if self.options.token is not None:
            said = sasl(f"user={user}\1auth=Bearer {secret}\1\1")
            answer = await wire.command(b"AUTHENTICATE XOAUTH2", replies=[said])
        elif b"AUTH=PLAIN" in abilities:
            said = sasl(f"\0{user}\0{secret}")
            answer = await wire.command(b"AUTHENTICATE PLAIN", replies=[said])
        elif b"LOGINDISABLED" in abilities or not f"{user}{secret}".isascii():
            raise ConfigError(
                f"The mail server {wire.host!r} takes no such password this way; use tls or a token."
            )
        else:
            words = b" ".join(quoted(word.encode()) for word in (user, secret))
            answer = await wire.command(b"LOGIN " + words)
        if answer.ok:
            return
        text = answer.text.replace(secret, "***")
        if answer.code in BUSY:
            raise Unavailable(f"The mail server {wire.host!r} lets nobody in now: {text}.")
        raise ConfigError(f"The mail server {wire.host!r} refuses {user!r}: {text}.")

    def _wants(self, name: str) -> bool:
        if any(fnmatchcase(name, pattern) for pattern in self.options.exclude):
            return False
        return any(fnmatchcase(name, pattern) for pattern in self.options.folders)


async def _content(wire: Wire, uid: int, size: int | None, most: int) -> bytes | None:
    """A message; None where it is gone, TooLarge before more than `most` bytes are read."""
    if size is None:
        answer = await wire.command(b"UID FETCH %d (RFC822.SIZE)" % uid)
        size = size_of(answer.untagged, uid)
        if size is not None and size > most:
            raise TooLarge("It is too large.")
    answer = await wire.command(
        b"UID FETCH %d (BODY.PEEK[]<0.%d>)" % (uid, most + 1), most=most + 16 * LINE, longest=most
    )
    if not answer.ok:
        raise wire.failed(f"does not hand out a message ({answer.text})")
    for response in answer.untagged:
        if uid_of(response) == uid and (content := _body(response)) is not None:
            return content
    return None


def _body(response: Response) -> bytes | None:
    for place, text in enumerate(response[:-1:2]):
        if _BODY.search(text):
            return response[2 * place + 1]
    found = _QUOTED_BODY.search(response[0])
    return unquoted(found[1]) if found else None


@asynccontextmanager
async def open_imap(options: Mapping[str, Any], *, name: str) -> AsyncGenerator[Source]:
    """See ImapOptions. Keys are the folder, its UIDVALIDITY and the message's UID."""
    chosen = ImapOptions.model_validate(dict(options))
    context = None
    if chosen.tls:
        try:
            context = await asyncio.to_thread(
                ssl.create_default_context, cafile=chosen.ca_file and str(chosen.ca_file)
            )
        except OSError as error:
            raise ConfigError(
                f"ca_file {str(chosen.ca_file)!r} of source {name!r} holds no certificates that can "
                f"be read: {error.strerror or error}."
            ) from error
    source = ImapSource(chosen, name, context)
    try:
        yield source
    finally:
        await source.close()
