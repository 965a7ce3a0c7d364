"""Files and their contents."""

from collections.abc import AsyncGenerator, Generator, Iterable
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound, TooLarge
from bedplate.objects.clock import now
from bedplate.objects.paging import page_of, turned
from bedplate.objects.protocol import File, Page, Room
from bedplate.sql import Row, Session, Sessions

PART = 1024 * 1024
COLUMNS = "id, filename, purpose, bytes, created_at, expires_at"
THERE = "(expires_at IS NULL OR expires_at > ?)"


class SqlFiles:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def put(
        self, tenant: TenantId, file: File, content: bytes, *, room: Room | None = None
    ) -> None:
        await self._sessions.write(
            lambda session: insert_file(session, tenant, file, content, room)
        )

    async def get(self, tenant: TenantId, id: str) -> File:
        return await self._sessions.read(lambda session: _get(session, tenant, id))

    async def list(
        self, tenant: TenantId, page: Page, *, purpose: str | None = None
    ) -> tuple[File, ...]:
        conditions, values, order = page_of(page, "id")
        if purpose is not None:
            conditions, values = f"{conditions} AND purpose = ?", [*values, purpose]
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT {COLUMNS} FROM object_file WHERE tenant_id = ? AND {THERE}{conditions}"  # noqa: S608 - constants
                f" ORDER BY {order} LIMIT ?",
                (tenant, now(), *values, page.limit),
            )
        )
        return tuple(_file(row) for row in (reversed(rows) if turned(page) else rows))

    async def content(self, tenant: TenantId, id: str) -> AsyncGenerator[bytes]:
        await self.get(tenant, id)
        number = 0
        while True:
            rows = await self._sessions.read(
                lambda session, at=number: _part(session, tenant, id, at)
            )
            if not rows:
                return
            yield bytes(rows[0][0])
            number += 1

    async def delete(self, tenant: TenantId, id: str) -> bool:
        sql = "DELETE FROM object_file WHERE tenant_id = ? AND id = ?"
        return bool(await self._sessions.write(lambda session: session.execute(sql, (tenant, id))))


def insert_file(
    session: Session, tenant: TenantId, file: File, content: bytes, room: Room | None
) -> None:
    if room is not None:
        session.lock(f"object_file {tenant}")
        check_room(session, tenant, file.bytes, room)
    insert_facts(session, tenant, file)
    insert_parts(session, tenant, file.id, [content])


def insert_facts(session: Session, tenant: TenantId, file: File) -> None:
    session.execute(
        f"INSERT INTO object_file (tenant_id, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (
            tenant,
            file.id,
            file.filename,
            file.purpose,
            file.bytes,
            file.created_at,
            file.expires_at,
        ),
    )


def insert_parts(session: Session, tenant: TenantId, file: str, contents: Iterable[bytes]) -> None:
    """A file's contents, however they are cut."""
    # One by one: each lies in memory until it is written.
    for number, part in enumerate(cut(contents)):
        session.execute(
            "INSERT INTO object_part (tenant_id, file_id, number, content) VALUES (?, ?, ?, ?)",
            (tenant, file, number, part),
        )


def cut(contents: Iterable[bytes]) -> Generator[bytes]:
    """The same in parts of one size, as they are kept."""
    left = b""
    for content in contents:
        left += content
        # Measured from its start, as cutting off the front each time would copy the rest.
        whole = len(left) - len(left) % PART
        for start in range(0, whole, PART):
            yield left[start : start + PART]
        left = left[whole:]
    if left:
        yield left


def check_room(session: Session, tenant: TenantId, bytes: int, room: Room) -> None:
    """TooLarge where another file of that size is too much."""
    sql = "SELECT count(*), coalesce(sum(bytes), 0) FROM object_file WHERE tenant_id = ?"
    count, size = (int(value) for value in session.select(sql, (tenant,))[0])
    if count >= room.files:
        raise TooLarge(
            f"{count:,} files are kept, as many as files.max_files allows: delete some first."
        )
    if size + bytes > room.bytes:
        raise TooLarge(
            f"The files that are kept have {size:,} bytes, and {bytes:,} more are over the "
            f"{room.bytes:,} of files.max_bytes: delete some first."
        )


def _get(session: Session, tenant: TenantId, id: str) -> File:
    rows = session.select(
        f"SELECT {COLUMNS} FROM object_file WHERE tenant_id = ? AND id = ? AND {THERE}",  # noqa: S608 - constants
        (tenant, id, now()),
    )
    if not rows:
        raise NotFound(f"There is no file {id!r}.", param="file_id")
    return _file(rows[0])


def _part(session: Session, tenant: TenantId, id: str, number: int) -> list[Row]:
    sql = "SELECT content FROM object_part WHERE tenant_id = ? AND file_id = ? AND number = ?"
    return session.select(sql, (tenant, id, number))


def _file(row: Row) -> File:
    values: list[Any] = list(row)
    return File(*values)
