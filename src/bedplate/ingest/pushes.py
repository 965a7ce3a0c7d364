"""Documents that clients push to a source: checked, and kept until a sync has indexed them."""

import hashlib
from collections.abc import Set
from dataclasses import dataclass

import msgspec

from bedplate.domain.documents import Metadata
from bedplate.domain.ids import TenantId
from bedplate.domain.pushes import Push, Pushed, PushLimits, Receipt, Stated
from bedplate.errors import InvalidInput, TooLarge, Unreadable
from bedplate.ingest.names import MAX_ID
from bedplate.state.protocol import Catalog

MAX_MEDIA_TYPE = 200
MAX_METADATA = 16_384
"""Characters of a document's metadata as JSON."""


@dataclass(frozen=True, slots=True)
class PushBody:
    """A document as a client sends it; its media type is what the client says."""

    content: bytes
    media_type: str | None
    metadata: Metadata


class PushDocuments:
    """What the edges call; the sync that indexes what they were given is started by PushSyncs."""

    def __init__(self, catalog: Catalog, limits: PushLimits, *, max_bytes: int) -> None:
        self._pushes = catalog.pushes
        self._limits = limits
        self._max_bytes = max_bytes

    async def put(self, tenant: TenantId, source: str, key: str, body: PushBody) -> Receipt:
        """Take a document in place of what had its key; it is durable when this returns.

        Raises:
            InvalidInput: a key or metadata that cannot be.
            Unreadable: it is empty.
            TooLarge: it is over the limit, or the source has too many documents.
            Busy: too many wait to be indexed, or too many bytes of them.
            NotFound, Conflict: there is no such source, or it is of another kind.
        """
        _check_key(source, key)
        if not body.content:
            raise Unreadable(f"The document {key!r} is empty.", reason="empty")
        if len(body.content) > self._max_bytes:
            raise TooLarge(
                f"The document {key!r} has {len(body.content):,} bytes, more than the "
                f"{self._max_bytes:,} of ingest.max_file_bytes."
            )
        media_type = body.media_type and body.media_type[:MAX_MEDIA_TYPE]
        head = msgspec.json.encode([media_type, body.metadata], order="deterministic")
        if len(head) > MAX_METADATA:
            raise InvalidInput(
                f"The metadata of {key!r} are longer than {MAX_METADATA:,} characters of JSON.",
                param="metadata",
            )
        version = hashlib.sha256(hashlib.sha256(head).digest() + body.content).hexdigest()
        push = Push(key, version, body.content, media_type, body.metadata)
        return await self._pushes.put(tenant, source, push, self._limits)

    async def remove(self, tenant: TenantId, source: str, key: str) -> Receipt:
        """Let a document go, however many go; nothing happens to one that is not there."""
        _check_key(source, key)
        return await self._pushes.remove(tenant, source, key)

    async def complete(
        self, tenant: TenantId, source: str, keys: Set[str], *, as_of: int | None = None
    ) -> Stated:
        """State that these keys are all there are: what lacks is gone, as far as a sync believes it.

        What was pushed after the sequence `as_of` is left alone.
        """
        return await self._pushes.state(tenant, source, keys, as_of=as_of)

    async def get(self, tenant: TenantId, source: str, key: str) -> Pushed:
        """How a document stands; NotFound for one that was never pushed, or is forgotten."""
        return await self._pushes.get(tenant, source, key)


def _check_key(source: str, key: str) -> None:
    room = MAX_ID - len(source) - 1
    if not 0 < len(key) <= room or not key.isprintable() or key != key.strip():
        raise InvalidInput(
            f"A document cannot have the key {key[:200]!r}: give 1 to {room} printable characters "
            "without spaces around them.",
            param="key",
        )
