"""What a source is: a place that is listed, compared with what was ingested, and read where it changed.

Items, not documents: an item is what can be read on its own (a file, an object, a page, a message,
a row), and may hold many documents or none.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from bedplate.domain.documents import Blob, Metadata, MetadataValue

MAX_KEY = 4096
"""Characters of a key."""

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a source holds.

    `key` names it within the source, the same at every listing: printable, at most MAX_KEY
    characters. `version` is equal as long as the content is (an ETag, a time and a size, a hash);
    None where only reading tells. `size` is in bytes, where it is known without reading.

    `cursor` is for a source that is `incremental`: what `list` may be given the next time to begin
    at this item. The items of one listing then come in the order of their cursors.
    """

    key: str
    version: str | None = None
    size: int | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the source that could not be listed, such as a folder without permission.

    Nothing is concluded about items whose key begins with `prefix`; "" is all of them.
    """

    prefix: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Gone:
    """An item of which the source knows that it was deleted, and does not conclude it.

    Its documents are deleted, however many items go so. `cursor` as that of an Item.
    """

    key: str
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """An item's content.

    `blob.source` is shown to readers, and is the id of the item's document unless the format gives
    ids of its own: a URI, or a path that begins with the name of the source. `metadata` is added to
    that of each document. `version` is kept for the next reading's `known`, where the listing
    gave none.
    """

    blob: Blob
    metadata: Metadata = field(default_factory=dict[str, MetadataValue])
    version: str | None = None


class Source(Protocol):
    """One source, open. Its methods may be called while a listing is under way, and concurrently.

    Whatever comes from outside is bounded in bytes, time and retries by the adapter's options;
    how many items a listing gives is bounded by the caller.

    Errors of both methods: UpstreamError for a server that fails, Unavailable for a place that
    cannot be reached now, ConfigError for a source that was set up wrong (a bad credential, a
    column that is gone). They end the sync, or after a few in a row.
    """

    @property
    def incremental(self) -> bool:
        """Whether `list` makes use of `since`."""
        ...

    def list(self, since: str | None) -> AsyncIterator[Item | Gap | Gone]:
        """Without `since` every item, once: what is neither listed nor in a gap is gone.

        With it, an incremental source may leave out what has not changed since the item with that
        cursor; nothing is concluded about what is left out. It is streamed: memory does not grow
        with the number of items. A listing that ends without an error is complete.
        """
        ...

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched | None:
        """The content of an item, of which only `key`, `version` and `size` are sure to be given.

        `known` is the version that was ingested: None is answered where the content is still that
        one, by sources whose listing gave no version.

        Raises:
            NotFound: it is gone since it was listed.
            TooLarge: over `max_bytes`; no more than that was read.
            Unreadable: this item alone cannot be read.
        """
        ...


class OpenSource(Protocol):
    """Opens a source of one kind; `name` is what the user called it.

    The options are checked before anything is reached. A source that is away raises when it is
    listed, not here.
    """

    def __call__(
        self, options: Options, /, *, name: str
    ) -> AbstractAsyncContextManager[Source]: ...
