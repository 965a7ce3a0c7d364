"""The key as its owner holds it: made, recognised, hashed."""

import hashlib
import re
import secrets

PREFIX = "bp_"
RANDOM_BYTES = 32
MOST_HEADER = 512

_KEY = re.compile(r"bp_[A-Za-z0-9_-]{43}", re.ASCII)
_BEARER = re.compile(r"bearer +(\S+) *", re.ASCII | re.IGNORECASE)


def new_secret() -> str:
    """A fresh key: "bp_" and 256 random bits in URL-safe base64."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest_of(secret: str) -> bytes:
    """SHA-256. A slow password hash would protect nothing more: 256 random bits cannot be guessed.

    The digest is what look-ups compare, so how long they take tells nothing of the key.
    """
    return hashlib.sha256(secret.encode()).digest()


def read_secret(authorization: str | None, x_api_key: str | None = None) -> str | None:
    """The key that a request's headers carry (RFC 6750 section 2.1), or None where none is right.

    Two headers that name different keys carry none.
    """
    found: set[str | None] = set()
    if authorization is not None:
        match = _BEARER.fullmatch(authorization[: MOST_HEADER + 1])
        found.add(_checked(match[1]) if match else None)
    if x_api_key is not None:
        found.add(_checked(x_api_key.strip(" ")))
    return found.pop() if len(found) == 1 else None


def _checked(text: str) -> str | None:
    return text if _KEY.fullmatch(text) else None
