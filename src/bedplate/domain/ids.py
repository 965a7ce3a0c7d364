"""Identifiers. New ones are UUIDv7 (RFC 9562 section 5.7), so they sort by time of creation."""

import secrets
import time
import uuid
from typing import NewType

TenantId = NewType("TenantId", str)
DocumentId = NewType("DocumentId", str)
ChunkId = NewType("ChunkId", str)

DEFAULT_TENANT = TenantId("default")


def new_id() -> str:
    """A fresh UUIDv7 as text: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76
    value |= secrets.randbits(12) << 64
    value |= 0b10 << 62
    value |= secrets.randbits(62)
    return str(uuid.UUID(int=value))
