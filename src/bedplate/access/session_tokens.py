"""What a browser holds after signing in, in place of the access key: a token that this server signed.

A token names the digest of the key's secret, so it opens what the key opens, for as long as that
very secret holds: it ends with the key, with its rotation, or after its own time. Nothing is kept
of it here, so tokens cost no memory, outlive a restart, and are known to every process of the
same data folder.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import struct
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bedplate.errors import ConfigError, StorageError

FILE = "sessions.key"
SECRET_BYTES = 32
LIFETIME = timedelta(hours=12)

_LAYOUT = struct.Struct(">32sQ16s")
"""Digest of the key's secret, the second it ends, and a nonce; then comes the signature."""

_SIGNATURE_BYTES = 32
_MOST = 512


@dataclass(frozen=True, slots=True)
class SessionToken:
    """`value` is what the browser sends, `csrf` what its scripts send along with every change."""

    value: str
    csrf: str
    digest: bytes
    expires_at: datetime


class SessionTokens:
    def __init__(self, secret: bytes, *, lifetime: timedelta = LIFETIME) -> None:
        """ConfigError for a secret that is shorter than SECRET_BYTES."""
        if len(secret) < SECRET_BYTES:
            raise ConfigError(
                f"The secret of sessions has {len(secret)} bytes; it needs {SECRET_BYTES}: delete "
                f"{FILE} in the data folder, and another one is made."
            )
        self._secret = secret
        self._lifetime = lifetime

    def issue(self, digest: bytes, now: datetime) -> SessionToken:
        """For whoever has shown the access key whose digest it is."""
        ends = int((now + self._lifetime).timestamp())
        body = _LAYOUT.pack(digest, ends, secrets.token_bytes(16))
        signed = body + self._sign(b"session", body)
        return self._token(base64.urlsafe_b64encode(signed).rstrip(b"=").decode(), digest, ends)

    def read(self, value: str, now: datetime) -> SessionToken | None:
        """None where it was not issued here, or has ended. Whether the key still holds is not asked."""
        signed = _decoded(value)
        if signed is None or len(signed) != _LAYOUT.size + _SIGNATURE_BYTES:
            return None
        body, signature = signed[: _LAYOUT.size], signed[_LAYOUT.size :]
        if not hmac.compare_digest(signature, self._sign(b"session", body)):
            return None
        digest, ends, _ = _LAYOUT.unpack(body)
        return None if now.timestamp() >= ends else self._token(value, digest, ends)

    def _token(self, value: str, digest: bytes, ends: int) -> SessionToken:
        csrf = self._sign(b"csrf", value.encode()).hex()
        return SessionToken(value, csrf, digest, datetime.fromtimestamp(ends, UTC))

    def _sign(self, purpose: bytes, content: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + b"\0" + content, hashlib.sha256)


def session_secret(folder: Path) -> bytes:
    """The secret of the sessions of a data folder, made where there is none.

    Raises:
        StorageError: the file cannot be read or made.
    """
    place = folder / FILE
    try:
        if not place.exists():
            _make(place)
        return place.read_bytes()
    except OSError as error:
        raise StorageError(f"{place} cannot be used: {error.strerror}.") from error


def _make(place: Path) -> None:
    """Whole or not at all, readable by its owner alone; whoever is first makes it for all."""
    number, written = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}-")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(written, place)
        except FileExistsError:
            return
    finally:
        Path(written).unlink()


def _decoded(value: str) -> bytes | None:
    if len(value) > _MOST:
        return None
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
