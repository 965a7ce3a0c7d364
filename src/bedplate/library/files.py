"""Files that clients upload, kept within limits."""

from bedplate.domain.ids import TenantId
from bedplate.errors import InvalidInput, Unreadable
from bedplate.library.ids import new_object_id
from bedplate.library.moments import now
from bedplate.objects.protocol import File, Objects, Room

MAX_NAME = 512
BATCH = "batch"


class UploadedFiles:
    """Takes files in, within their limits."""

    def __init__(self, objects: Objects, *, room: Room, batch_seconds: int) -> None:
        """Files for batches are kept for `batch_seconds` where their sender says nothing."""
        self._objects = objects
        self._room = room
        self._batch_seconds = batch_seconds

    async def create(
        self,
        tenant: TenantId,
        filename: str,
        content: bytes,
        *,
        purpose: str,
        seconds: int | None = None,
    ) -> File:
        """Keep a file, for so many `seconds`; durable on return.

        Raises:
            InvalidInput: a name that nobody could be shown.
            Unreadable: it is empty.
            TooLarge: there is no room for it.
        """
        name = file_name(filename, "file")
        if not content:
            raise Unreadable(f"{name!r} is empty.", reason="empty")
        seconds = self.kept_for(purpose, seconds)
        made = now()
        file = File(
            new_object_id("file-"),
            name,
            purpose,
            len(content),
            made,
            None if seconds is None else made + seconds,
        )
        await self._objects.files.put(tenant, file, content, room=self._room)
        return file

    def kept_for(self, purpose: str, seconds: int | None) -> int | None:
        """How long a file is kept whose sender says so, or nothing; None for always."""
        return self._batch_seconds if seconds is None and purpose == BATCH else seconds

    async def read(self, tenant: TenantId, id: str) -> bytes:
        """All of it; NotFound without it."""
        return b"".join([part async for part in self._objects.files.content(tenant, id)])


def file_name(given: str, param: str) -> str:
    """Without folders; InvalidInput for a name that nobody could be shown."""
    name = given.replace("\\", "/").rpartition("/")[2].strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidInput(
            f"{param}: the name {given[:MAX_NAME]!r} must have 1 to {MAX_NAME} printable characters.",
            param=param,
        )
    return name
