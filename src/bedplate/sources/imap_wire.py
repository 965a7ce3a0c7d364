"""IMAP on the wire (RFC 3501): commands one after the other, answers bounded in bytes and time."""

import asyncio
import base64
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import SOCK_STREAM
from ssl import SSLCertVerificationError, SSLContext, SSLError

from bedplate.errors import (
    ConfigError,
    InvalidInput,
    TooLarge,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from bedplate.upstream.addresses import AddressRules

PROVIDER = "imap"
LINE = 65_536
ANSWER = 16_777_216
"""Bytes of an answer that is no message."""

_LITERAL = re.compile(rb"\{(\d{1,15})\}\r?\n\Z")

Response = Sequence[bytes]
"""Text and literals in turn, text first and last."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is "OK", "NO" or "BAD"; `text` is what people are told, `untagged` the data."""

    status: str
    text: str
    untagged: Sequence[Response] = ()

    @property
    def ok(self) -> bool:
        return self.status == "OK"

    @property
    def code(self) -> str:
        """A response code such as "NONEXISTENT" (RFC 5530); "" where there is none."""
        found = re.match(r"\[([A-Z-]+)", self.text)
        return found[1] if found else ""


@dataclass(slots=True)
class Wire:
    """One connection. After any error it is out of step, and of no more use."""

    host: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seconds: float
    _count: int = field(default=0, init=False)

    async def greeting(self) -> str:
        """The first word of the server: "OK" or "PREAUTH". Unavailable where it says no more."""
        async with self._bounded():
            first = (await self._response(LINE, None))[0]
        found = re.match(rb"\* (OK|PREAUTH|BYE)\b", first, re.IGNORECASE)
        if found is None:
            raise self.failed("does not speak IMAP")
        if found[1].upper() == b"BYE":
            raise Unavailable(f"The mail server {self.host!r} takes nobody: {_text(first[6:])}.")
        return found[1].decode().upper()

    async def command(
        self,
        line: bytes,
        *,
        replies: Sequence[bytes] = (),
        most: int = ANSWER,
        longest: int | None = None,
    ) -> Answer:
        """Send a command and take its whole answer, of `most` bytes.

        `replies` are sent one by one where the server asks for more, and empty lines after them.

        Raises:
            TooLarge: a literal has more than `longest` bytes, where that is given; none of it was read.
            UpstreamError: the server failed, lied or took too long.
        """
        self._count += 1
        tag = b"b%d" % self._count
        left = iter(replies)
        untagged: list[Response] = []
        async with self._bounded():
            await self._send(tag + b" " + line)
            while True:
                response = await self._response(most, longest)
                most -= sum(map(len, response))
                first = response[0]
                if first.startswith(b"+"):
                    await self._send(next(left, b""))
                elif first.startswith(tag + b" "):
                    status, _, text = first[len(tag) + 1 :].partition(b" ")
                    return Answer(_text(status).upper(), _text(text), untagged)
                else:
                    untagged.append(response)

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self.writer.wait_closed()

    def failed(self, what: str) -> UpstreamError:
        return UpstreamError(f"The mail server {self.host!r} {what}.", provider=PROVIDER)

    async def _send(self, line: bytes) -> None:
        self.writer.write(line + b"\r\n")
        await self.writer.drain()

    async def _response(self, most: int, longest: int | None) -> Response:
        parts: list[bytes] = []
        while True:
            line = await self.reader.readline()
            if not line.endswith(b"\n"):
                raise self.failed("closed the connection")
            most -= len(line)
            found = _LITERAL.search(line)
            size = int(found[1]) if found else 0
            if longest is not None and size > longest:
                raise TooLarge(f"The mail server {self.host!r} sends {size:,} bytes at once.")
            most -= size
            if most < 0:
                raise self.failed("sends far more than was asked for")
            if found is None:
                parts.append(line.rstrip(b"\r\n"))
                return parts
            parts += [line[: found.start()], await self.reader.readexactly(size)]

    @asynccontextmanager
    async def _bounded(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self.seconds):
                yield
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"The mail server {self.host!r} took over {self.seconds:g} s.", provider=PROVIDER
            ) from error
        except asyncio.IncompleteReadError as error:
            raise self.failed("closed the connection in the middle") from error
        except OSError as error:
            raise self.failed(f"broke the connection ({type(error).__name__})") from error
        except ValueError as error:
            raise self.failed("sends lines without end") from error


async def connect(
    host: str, port: int, tls: SSLContext | None, *, connect_seconds: float, seconds: float
) -> Wire:
    """A connection, before its greeting.

    Raises:
        Unavailable: no connection. ConfigError: its certificate is not trusted, or it is at an
            address that is never connected to.
    """
    try:
        async with asyncio.timeout(connect_seconds):
            reader, writer = await _open(host, port, tls)
    except InvalidInput as error:
        raise ConfigError(error.message) from error
    except SSLCertVerificationError as error:
        raise ConfigError(
            f"The certificate of the mail server {host!r} is not trusted "
            f"({error.verify_message}); is the name right, or is ca_file needed?"
        ) from error
    except SSLError as error:
        raise UpstreamError(
            f"The mail server {host!r} makes no secure connection on port {port}.",
            provider=PROVIDER,
        ) from error
    except (OSError, TimeoutError) as error:
        said = getattr(error, "strerror", None) or f"nothing within {connect_seconds:g} s"
        raise Unavailable(f"The mail server {host!r} cannot be reached: {said}.") from error
    return Wire(host, reader, writer, seconds)


async def _open(
    host: str, port: int, tls: SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the first address that takes it, of those that were checked: mail servers may be inside."""
    rules = AddressRules(allow_private=True)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    addresses = list(dict.fromkeys(str(where[0]) for *_, where in found))
    for address in addresses:
        rules.check_address(host, address)
    name = host if tls else None
    for address in addresses[:-1]:
        with suppress(ConnectionError):
            return await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=name, limit=LINE
            )
    return await asyncio.open_connection(
        addresses[-1], port, ssl=tls, server_hostname=name, limit=LINE
    )


def quoted(text: bytes) -> bytes:
    """A quoted string; ValueError for what only a literal could hold."""
    if re.search(rb"[\r\n\0]", text):
        raise ValueError("it holds a line break or a zero")
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", text) + b'"'


def unquoted(text: bytes) -> bytes:
    """What a quoted string holds; an atom holds itself."""
    if len(text) >= 2 and text.startswith(b'"') and text.endswith(b'"'):
        return re.sub(rb"\\(.)", rb"\1", text[1:-1])
    return text


def sasl(text: str) -> bytes:
    return base64.b64encode(text.encode())


def _text(words: bytes) -> str:
    """Fit for a message."""
    text = words.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:300]
