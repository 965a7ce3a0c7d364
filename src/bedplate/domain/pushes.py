"""Documents that clients push to a source, and what is known of each."""

from dataclasses import dataclass, field
from typing import Literal

from bedplate.domain.documents import Metadata, MetadataValue
from bedplate.domain.ids import TenantId

PushState = Literal["waiting", "indexed", "failed", "dead", "wanted", "absent", "removed"]
"""`wanted`: its content is kept no more, and has to be sent again. `absent`: a listing lacked it, which
is not believed yet, or about to be. `removed`: its deletion waits.
"""


@dataclass(frozen=True, slots=True)
class Push:
    """A document as it was sent. `version` is equal as long as all else is."""

    key: str
    version: str
    content: bytes
    media_type: str | None = None
    metadata: Metadata = field(default_factory=dict[str, MetadataValue])


@dataclass(frozen=True, slots=True)
class Receipt:
    """`sequence` counts what a source was told; `changed` is False where that was known already."""

    key: str
    sequence: int
    changed: bool


@dataclass(frozen=True, slots=True)
class Stated:
    """What a listing that clients called whole came to.

    `absent` documents are not in it. `unknown` keys of it have no content here, `unknown_count` in
    all; these documents have to be sent.
    """

    sequence: int
    listed: int
    absent: int
    unknown_count: int
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pushed:
    """A pushed document as it stands. `size` is in bytes of its content."""

    key: str
    sequence: int
    version: str
    size: int
    state: PushState
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PushedRow:
    """One row of a listing, in order of `sequence`; `gone` is a deletion."""

    key: str
    sequence: int
    version: str
    size: int
    gone: bool


@dataclass(frozen=True, slots=True)
class PushLimits:
    """Of one source its documents, and those that wait to be indexed; of all sources the bytes that
    wait.
    """

    documents: int
    waiting: int
    waiting_bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """`stated` is the sequence of the last listing that was called whole, `judged` of the last one
    that a sync has come to a judgement on.
    """

    sequence: int = 0
    stated: int = 0
    judged: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """A source that was told what no sync has seen to, with its last sync that came to an end."""

    tenant: TenantId
    source: str
    sequence: int
    last: str | None
    last_failed: bool
