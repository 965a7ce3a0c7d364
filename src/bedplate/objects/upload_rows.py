"""Files that come in parts, and their parts until the file is whole."""

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.errors import Busy, Conflict, InvalidInput, NotFound, TooLarge
from bedplate.objects.clock import now
from bedplate.objects.file_rows import check_room, cut, insert_facts, insert_parts
from bedplate.objects.protocol import File, Room, Upload, UploadPart, UploadStatus
from bedplate.sql import Session, Sessions

COLUMNS = "id, filename, purpose, bytes, created_at, expires_at, status, seconds, file_id"
PARTS = "id, upload_id, bytes, created_at"
DAY = 86_400
RETRY_SECONDS = 60.0


class SqlUploads:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, tenant: TenantId, upload: Upload, *, most: int, room: Room) -> None:
        await self._sessions.write(lambda session: _add(session, tenant, upload, most, room))

    async def get(self, tenant: TenantId, id: str) -> Upload:
        return await self._sessions.read(lambda session: _get(session, tenant, id))

    async def add_part(self, tenant: TenantId, part: UploadPart, content: bytes) -> None:
        await self._sessions.write(lambda session: _add_part(session, tenant, part, content))

    async def complete(
        self,
        tenant: TenantId,
        id: str,
        parts: Sequence[str],
        file: File,
        *,
        room: Room,
        md5: str | None = None,
    ) -> None:
        await self._sessions.write(
            lambda session: _complete(session, tenant, id, parts, file, room, md5)
        )

    async def cancel(self, tenant: TenantId, id: str) -> None:
        def work(session: Session) -> None:
            _pending(session, tenant, id)
            _end(session, tenant, id, "cancelled")

        await self._sessions.write(work)

    async def sweep(self, now: int) -> None:
        def work(session: Session) -> None:
            late = session.select(
                "SELECT tenant_id, id FROM object_upload"
                " WHERE expires_at <= ? AND status = 'pending'",
                (now,),
            )
            for tenant, id in late:
                _end(session, TenantId(tenant), id, "expired")
            session.execute("DELETE FROM object_upload WHERE expires_at <= ?", (now - DAY,))

        await self._sessions.write(work)


def _add(session: Session, tenant: TenantId, upload: Upload, most: int, room: Room) -> None:
    session.lock(f"object_file {tenant}")
    sql = (
        "SELECT count(*), coalesce(sum(bytes), 0) FROM object_upload"
        " WHERE tenant_id = ? AND status = 'pending' AND expires_at > ?"
    )
    count, size = (int(value) for value in session.select(sql, (tenant, now()))[0])
    if count >= most:
        raise Busy(
            f"{count:,} uploads are pending, as many as files.max_uploads allows: complete or cancel "
            "some first.",
            retry_after=RETRY_SECONDS,
        )
    # As if those that are pending were whole already.
    check_room(session, tenant, upload.bytes + size, room)
    session.execute(
        f"INSERT INTO object_upload (tenant_id, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (tenant, upload.id, upload.filename, upload.purpose, upload.bytes, upload.created_at,
         upload.expires_at, upload.status, upload.seconds, upload.file),
    )  # fmt: skip


def _get(session: Session, tenant: TenantId, id: str) -> Upload:
    rows = session.select(
        f"SELECT {COLUMNS} FROM object_upload WHERE tenant_id = ? AND id = ?",  # noqa: S608 - constants
        (tenant, id),
    )
    if not rows:
        raise NotFound(f"There is no upload {id!r}.", param="upload_id")
    values: list[Any] = list(rows[0])
    upload = Upload(*values)
    late = upload.status == "pending" and upload.expires_at <= now()
    return replace(upload, status="expired") if late else upload


def _pending(session: Session, tenant: TenantId, id: str) -> Upload:
    session.lock(f"object_upload {tenant} {id}")
    upload = _get(session, tenant, id)
    if upload.status != "pending":
        raise Conflict(f"The upload {id!r} is {upload.status}; only a pending one goes on.")
    return upload


def _add_part(session: Session, tenant: TenantId, part: UploadPart, content: bytes) -> None:
    upload = _pending(session, tenant, part.upload)
    sql = "SELECT coalesce(sum(bytes), 0) FROM object_upload_part WHERE tenant_id = ? AND upload_id = ?"
    size = int(session.select(sql, (tenant, part.upload))[0][0])
    if size + part.bytes > upload.bytes:
        raise TooLarge(
            f"The upload {upload.id!r} is to have {upload.bytes:,} bytes; {size:,} are here, and "
            f"{part.bytes:,} more are too many."
        )
    session.execute(
        f"INSERT INTO object_upload_part (tenant_id, {PARTS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - constants
        (tenant, part.id, part.upload, part.bytes, part.created_at),
    )
    for number, piece in enumerate(cut([content])):
        session.execute(
            "INSERT INTO object_upload_piece (tenant_id, part_id, number, content)"
            " VALUES (?, ?, ?, ?)",
            (tenant, part.id, number, piece),
        )


def _complete(
    session: Session,
    tenant: TenantId,
    id: str,
    parts: Sequence[str],
    file: File,
    room: Room,
    md5: str | None,
) -> None:
    session.lock(f"object_file {tenant}")
    upload = _pending(session, tenant, id)
    size = sum(_bytes(session, tenant, id, part) for part in parts)
    if size != upload.bytes:
        raise InvalidInput(
            f"part_ids: these parts have {size:,} bytes, but the upload {id!r} was announced with "
            f"{upload.bytes:,}.",
            param="part_ids",
        )
    check_room(session, tenant, file.bytes, room)
    insert_facts(session, tenant, file)
    digest = hashlib.md5(usedforsecurity=False)
    insert_parts(session, tenant, file.id, _pieces(session, tenant, parts, digest))
    if md5 is not None and digest.hexdigest() != md5.lower():
        raise InvalidInput(
            f"md5: the parts have {digest.hexdigest()}, not {md5!r:.100}.", param="md5"
        )
    _end(session, tenant, id, "completed", file.id)


def _bytes(session: Session, tenant: TenantId, upload: str, part: str) -> int:
    sql = "SELECT bytes FROM object_upload_part WHERE tenant_id = ? AND upload_id = ? AND id = ?"
    rows = session.select(sql, (tenant, upload, part))
    if not rows:
        raise NotFound(f"The upload {upload!r} has no part {part!r:.100}.", param="part_ids")
    return int(rows[0][0])


def _pieces(
    session: Session, tenant: TenantId, parts: Sequence[str], digest: Any
) -> Generator[bytes]:
    """One lies in memory at a time."""
    sql = (
        "SELECT content FROM object_upload_piece WHERE tenant_id = ? AND part_id = ? AND number = ?"
    )
    for part in parts:
        number = 0
        while rows := session.select(sql, (tenant, part, number)):
            piece = bytes(rows[0][0])
            digest.update(piece)
            yield piece
            number += 1


def _end(
    session: Session, tenant: TenantId, id: str, status: UploadStatus, file: str | None = None
) -> None:
    session.execute(
        "UPDATE object_upload SET status = ?, file_id = ? WHERE tenant_id = ? AND id = ?",
        (status, file, tenant, id),
    )
    session.execute(
        "DELETE FROM object_upload_part WHERE tenant_id = ? AND upload_id = ?", (tenant, id)
    )
