"""Contents under a key: AES-GCM (NIST SP 800-38D) with 256 bits, a nonce for each, bound to a place."""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

from bedplate.errors import ConfigError, MissingExtra, StorageError

KEY_BYTES, NONCE_BYTES, NAME_BYTES = 32, 12, 8
"""A sealed content begins with the name of its key, which is a part of the key's hash, and the nonce."""


class Seals:
    """Seals with the first key and opens with any of them."""

    def __init__(self, keys: Sequence[str], *, setting: str) -> None:
        """`keys` are 32 bytes each, in base64; `setting` is what messages call them.

        Raises:
            ConfigError: a key that is none.
            MissingExtra: the library is not installed.
        """
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise MissingExtra("encryption", setting) from error

        self._setting = setting
        found = [_bytes(key, setting) for key in keys]
        self._ciphers = {_name(key): AESGCM(key) for key in found}
        self._first = _name(found[0])

    def seal(self, content: bytes, place: str) -> bytes:
        """It can be opened at the same place alone. A key is good for some 2**32 contents."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, content, place.encode())
        return self._first + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed.

        Raises:
            ConfigError: it was sealed with another key.
            StorageError: it was changed since, or belongs elsewhere.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        cipher = self._ciphers.get(sealed[:NAME_BYTES])
        if cipher is None:
            raise ConfigError(
                f"This was encrypted with another key than those of {self._setting}: name the one "
                "it was encrypted with among them."
            )
        nonce = sealed[NAME_BYTES : NAME_BYTES + NONCE_BYTES]
        try:
            return cipher.decrypt(nonce, sealed[NAME_BYTES + NONCE_BYTES :], place.encode())
        except InvalidTag as error:
            raise StorageError("What is kept here does not fit its key: it was changed.") from error


def _bytes(key: str, setting: str) -> bytes:
    try:
        found = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != KEY_BYTES:
        raise ConfigError(
            f"{setting} must be {KEY_BYTES} random bytes in base64, such as "
            f"`openssl rand -base64 {KEY_BYTES}` gives."
        )
    return found


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"name of the key" + key).digest()[:NAME_BYTES]
