"""The library as a whole, as edges and sweeps are given it."""

from dataclasses import dataclass

from bedplate.library.attaching import Attaching
from bedplate.library.batch_calls import Calls
from bedplate.library.batches import Batches
from bedplate.library.files import UploadedFiles
from bedplate.library.part_uploads import PartUploads
from bedplate.library.upkeep import Upkeep
from bedplate.library.vector_stores import VectorStores
from bedplate.objects.protocol import Objects


@dataclass(frozen=True, slots=True)
class Library:
    """`objects` is for reading; what changes them is done by the others. `calls` waits to be told
    who answers requests of batches.
    """

    objects: Objects
    files: UploadedFiles
    uploads: PartUploads
    stores: VectorStores
    attaching: Attaching
    batches: Batches
    calls: Calls
    upkeep: Upkeep

    async def run(self) -> None:
        """Look after it, until that is cancelled."""
        await self.upkeep.run()
