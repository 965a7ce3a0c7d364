"""`push`: documents that clients send by key, kept in the catalog until they are indexed.

A listing goes by the sequence of what was sent, so that a sync finds what is new by itself. Where a
client stated the whole listing, the next sync lists all of it, and judges what is absent as it does
with other sources.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel, ConfigDict

from bedplate.domain.documents import Blob
from bedplate.domain.ids import TenantId
from bedplate.domain.pushes import PushedRow
from bedplate.sources.protocol import Fetched, Gap, Gone, Item, Options, Source
from bedplate.state.protocol import PushedRows

PAGE = 2_000


class PushOptions(BaseModel):
    """There are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PushSource:
    def __init__(self, pushed: PushedRows, tenant: TenantId, name: str, *, whole: bool) -> None:
        self._pushed = pushed
        self._tenant = tenant
        self._name = name
        self._whole = whole

    @property
    def incremental(self) -> bool:
        return not self._whole

    async def list(self, since: str | None) -> AsyncIterator[Item | Gap | Gone]:
        """See Source."""
        begin = int(since or 0)
        while True:
            page = await self._pushed.list(self._tenant, self._name, since=begin, limit=PAGE)
            for row in page:
                yield _told(row)
            if len(page) < PAGE:
                return
            begin = page[-1].sequence + 1

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched:
        """See Source."""
        push = await self._pushed.read(self._tenant, self._name, item.key, max_bytes=max_bytes)
        blob = Blob(push.content, f"{self._name}/{item.key}", push.media_type)
        return Fetched(blob, push.metadata)


def _told(row: PushedRow) -> Item | Gone:
    cursor = str(row.sequence)
    return Gone(row.key, cursor) if row.gone else Item(row.key, row.version, row.size, cursor)


@asynccontextmanager
async def open_push(
    options: Options, *, name: str, pushed: PushedRows, tenant: TenantId
) -> AsyncGenerator[Source]:
    """The documents of the source called `name`. What is indexed when it is closed is settled.

    A listing that was called whole is judged once the block came to its end.
    """
    PushOptions.model_validate(dict(options))
    standing = await pushed.standing(tenant, name)
    whole = standing.stated > standing.judged
    yield PushSource(pushed, tenant, name, whole=whole)
    if standing.sequence:
        await pushed.settle(tenant, name, judged=standing.stated if whole else None)
