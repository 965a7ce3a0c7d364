"""What keeps responses, conversations and chat completions. Their content is JSON text that it does not read."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from bedplate.domain.ids import TenantId

ENDED = frozenset({"completed", "failed", "cancelled", "incomplete"})
"""States of a response that never change any more."""

KEPT = frozenset({"completed", "incomplete"})
"""States in which a response becomes part of its conversation."""

LONGEST_CHAIN = 1_000
"""Responses that each go on from the one before."""

MOST_ITEMS = 10_000
"""Of one conversation, and of all responses of a chain together."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    id: str
    body: str


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """`body` is everything but its output. It goes on from the response `previous`, or belongs to a
    conversation. `input` and `output` are its own items, without those that it goes on from.
    """

    tenant: TenantId
    id: str
    created_at: datetime
    status: str
    body: str
    input: tuple[StoredItem, ...] = ()
    output: tuple[StoredItem, ...] = ()
    previous: str | None = None
    conversation: str | None = None
    background: bool = False


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """`metadata` is a JSON object."""

    tenant: TenantId
    id: str
    created_at: datetime
    metadata: str


@dataclass(frozen=True, slots=True)
class StoredCompletion:
    """A chat completion; `body` is all of it but its metadata. Ids sort by time of creation."""

    tenant: TenantId
    id: str
    model: str
    metadata: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class CompletionQuery:
    """Those of a model, and with all of this metadata."""

    model: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Page:
    """Items after the one of that id, in that order."""

    limit: int = 20
    after: str | None = None
    order: Literal["asc", "desc"] = "desc"


@dataclass(frozen=True, slots=True)
class ItemPage:
    items: tuple[StoredItem, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Told:
    """Events of a response after a number, by their numbers, and its state when they were read."""

    status: str
    events: tuple[tuple[int, str], ...]


class Responses(Protocol):
    """NotFound where the tenant has no response of that id. As everywhere here: StorageError and
    Unavailable where the database cannot be used.
    """

    async def put(
        self, response: StoredResponse, *, lease: datetime | None = None, begun: bool = False
    ) -> bool:
        """Keep it in place of what was kept of it; False, and nothing, where that has ended, or
        where it was `begun` and is not there any more.

        Its input is what it was at first. One that has ended well is added to its conversation, if
        that is still there, input and output. `lease` says until when its process is sure to live.
        """
        ...

    async def get(self, tenant: TenantId, id: str) -> StoredResponse: ...

    async def delete(self, tenant: TenantId, id: str) -> None: ...

    async def chain(self, tenant: TenantId, id: str) -> tuple[StoredItem, ...]:
        """All items that a response goes on from, and its own, the oldest first.

        They count as used now.

        Raises:
            PreviousNotFound: one of the chain is not there.
            InvalidInput: it has not ended, belongs to a conversation, or the chain is too long.
        """
        ...

    async def input(self, tenant: TenantId, id: str, page: Page) -> ItemPage:
        """NotFound also where `after` is none of its input."""
        ...

    async def find(self, tenant: TenantId, ids: Sequence[str]) -> tuple[StoredItem, ...]:
        """The items of these ids that are there, of any response or conversation."""
        ...


class Background(Protocol):
    """Responses that are made while nobody waits, and the log of their events."""

    async def log(self, tenant: TenantId, id: str, events: Sequence[tuple[int, str]]) -> None:
        """Keep events by their numbers."""
        ...

    async def told(self, tenant: TenantId, id: str, *, after: int, limit: int) -> Told:
        """Those with greater numbers than `after`; NotFound as above."""
        ...

    async def renew(
        self, running: Sequence[tuple[TenantId, str]], lease: datetime
    ) -> frozenset[str]:
        """Which of these still are to be made; their leases are prolonged."""
        ...

    async def orphans(self, now: datetime, limit: int) -> tuple[StoredResponse, ...]:
        """Those that have not ended, and whose lease has."""
        ...


class Conversations(Protocol):
    """NotFound where the tenant has no conversation of that id."""

    async def create(
        self, conversation: StoredConversation, items: Sequence[StoredItem]
    ) -> None: ...

    async def get(self, tenant: TenantId, id: str) -> StoredConversation: ...

    async def update(self, tenant: TenantId, id: str, metadata: str) -> StoredConversation: ...

    async def delete(self, tenant: TenantId, id: str) -> None:
        """With its items; responses stay."""
        ...


class ConversationItems(Protocol):
    """NotFound where the tenant has no such conversation, or that has no such item."""

    async def add(self, tenant: TenantId, id: str, items: Sequence[StoredItem]) -> None:
        """InvalidInput where it would get too many, or has one of the same id."""
        ...

    async def all(self, tenant: TenantId, id: str) -> tuple[StoredItem, ...]:
        """The oldest first. They count as used now."""
        ...

    async def page(self, tenant: TenantId, id: str, page: Page) -> ItemPage: ...

    async def get(self, tenant: TenantId, id: str, item: str) -> StoredItem: ...

    async def delete(self, tenant: TenantId, id: str, item: str) -> None: ...


class Completions(Protocol):
    """Stored chat completions. NotFound where the tenant has none of that id."""

    async def add(self, completion: StoredCompletion, messages: Sequence[StoredItem]) -> None:
        """With the messages that it answers."""
        ...

    async def get(self, tenant: TenantId, id: str) -> StoredCompletion: ...

    async def update(
        self, tenant: TenantId, id: str, metadata: Mapping[str, str]
    ) -> StoredCompletion: ...

    async def delete(self, tenant: TenantId, id: str) -> None: ...

    async def list(
        self, tenant: TenantId, query: CompletionQuery, page: Page
    ) -> tuple[StoredCompletion, ...]: ...

    async def messages(self, tenant: TenantId, id: str, page: Page) -> ItemPage: ...


class Transcripts(Protocol):
    @property
    def responses(self) -> Responses: ...

    @property
    def background(self) -> Background: ...

    @property
    def conversations(self) -> Conversations: ...

    @property
    def items(self) -> ConversationItems: ...

    @property
    def completions(self) -> Completions: ...

    async def forget(self, before: datetime, *, most: int) -> int:
        """Delete what was last used before that moment, and of each tenant what is more than `most`
        responses, conversations or completions, the oldest first. How many went. Nothing that is being made.
        """
        ...


class OpenTranscripts(Protocol):
    def __call__(self, place: Path | str, /) -> AbstractAsyncContextManager[Transcripts]:
        """In a file, or at the address of a PostgreSQL database whose catalog is there."""
        ...
