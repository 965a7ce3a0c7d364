"""Identifiers. New ones are UUIDv7 (RFC 9562 section 5.7), so they sort by time of creation."""

import os
import time
from typing import NewType

TenantId = NewType("TenantId", str)
DocumentId = NewType("DocumentId", str)
ChunkId = NewType("ChunkId", str)

DEFAULT_TENANT = TenantId("default")


def new_id() -> str:
    """A fresh UUIDv7 as text: 48 bits of Unix milliseconds, then 74 random bits."""
    random = int.from_bytes(os.urandom(10))
    milliseconds = time.time_ns() // 1_000_000 & (1 << 48) - 1
    value = milliseconds << 80 | 0x7 << 76 | (random & 0xFFF) << 64
    digits = f"{value | 0b10 << 62 | random >> 18:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
