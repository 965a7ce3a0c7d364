"""Files that come in parts, for clients that cannot send them at once."""

from collections.abc import Sequence

from bedplate.domain.ids import TenantId
from bedplate.errors import InvalidInput, TooLarge, Unreadable
from bedplate.library.files import UploadedFiles, file_name
from bedplate.library.ids import new_object_id
from bedplate.library.moments import now
from bedplate.objects.protocol import File, Objects, Room, Upload, UploadPart

LIFE_SECONDS = 3_600
"""After so long a pending upload is given up, as with OpenAI."""

MOST_BYTES = 8 * 1024**3
MOST_PART_BYTES = 64 * 1024**2
MOST_PARTS = 10_000


class PartUploads:
    """Takes parts in, within limits, and makes files of them."""

    def __init__(self, objects: Objects, files: UploadedFiles, *, room: Room, most: int) -> None:
        """`most` may be pending of each tenant."""
        self._objects = objects
        self._files = files
        self._room = room
        self._most = most

    async def create(
        self, tenant: TenantId, filename: str, *, bytes: int, purpose: str, seconds: int | None
    ) -> Upload:
        """Begin; `seconds` is how long the file is to be kept.

        Raises:
            InvalidInput: a name that nobody could be shown.
            TooLarge: there is no room for it.
            Busy: too many are pending.
        """
        if bytes > MOST_BYTES:
            raise TooLarge(f"bytes: an upload has at most {MOST_BYTES:,}, got {bytes:,}.")
        made = now()
        upload = Upload(
            new_object_id("upload_"),
            file_name(filename, "filename"),
            purpose,
            bytes,
            made,
            made + LIFE_SECONDS,
            seconds=self._files.kept_for(purpose, seconds),
        )
        await self._objects.uploads.add(tenant, upload, most=self._most, room=self._room)
        return upload

    async def add(self, tenant: TenantId, id: str, content: bytes) -> UploadPart:
        """Errors as those of `Uploads.add_part`; Unreadable for a part without content."""
        if not content:
            raise Unreadable("data: the part is empty.", reason="empty")
        if len(content) > MOST_PART_BYTES:
            raise TooLarge(
                f"data: a part has at most {MOST_PART_BYTES:,} bytes, got {len(content):,}."
            )
        part = UploadPart(new_object_id("part_"), id, len(content), now())
        await self._objects.uploads.add_part(tenant, part, content)
        return part

    async def complete(
        self, tenant: TenantId, id: str, parts: Sequence[str], *, md5: str | None = None
    ) -> tuple[Upload, File]:
        """Errors as those of `Uploads.complete`."""
        if len(set(parts)) != len(parts) or not 1 <= len(parts) <= MOST_PARTS:
            raise InvalidInput(
                f"part_ids: must be 1 to {MOST_PARTS:,} ids, each once.", param="part_ids"
            )
        upload = await self._objects.uploads.get(tenant, id)
        made = now()
        expires = None if upload.seconds is None else made + upload.seconds
        file = File(
            new_object_id("file-"), upload.filename, upload.purpose, upload.bytes, made, expires
        )
        await self._objects.uploads.complete(tenant, id, parts, file, room=self._room, md5=md5)
        return await self._objects.uploads.get(tenant, id), file

    async def cancel(self, tenant: TenantId, id: str) -> Upload:
        """Its parts are given up; Conflict where it is not pending."""
        await self._objects.uploads.cancel(tenant, id)
        return await self._objects.uploads.get(tenant, id)
