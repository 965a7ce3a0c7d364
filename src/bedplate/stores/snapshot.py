"""Graphs on disk: derived files that spare a rebuild at start and may be deleted at any time."""

import logging
import shutil
from collections.abc import Collection
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from bedplate.domain.ids import ChunkId, new_id
from bedplate.errors import StorageError
from bedplate.stores.postings import Postings, Segment
from bedplate.stores.vectors import Vectors
from bedplate.stores.view import View

FORMAT = 1
GRAPH = "graph.faiss"
ROWS = "rows.npz"

logger = logging.getLogger(__name__)


class Snapshots:
    """One folder a collection, in it one a snapshot. The catalog names the one that counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, collection: int, view: View) -> str:
        """Write a view that `View.rebuilt` made; the new snapshot's name."""
        name = new_id()
        home = self._folder / str(collection) / name
        try:
            home.mkdir(parents=True)
            view.vectors.save(home / GRAPH)
            _save_rows(home / ROWS, view)
        except (OSError, RuntimeError) as error:
            shutil.rmtree(home, ignore_errors=True)
            raise StorageError(
                f"The index could not be saved in {home}: {error}. Searches go on without it."
            ) from error
        return name

    def load(self, collection: int, name: str | None) -> View | None:
        """The snapshot of that name, or None where it cannot be read."""
        if name is None:
            return None
        home = self._folder / str(collection) / name
        try:
            return _load(home)
        except (OSError, RuntimeError, ValueError, KeyError, BadZipFile) as error:
            # A derived file: the catalog has all that is in it.
            logger.warning("index snapshot unreadable", extra={"path": home, "error": error})
            return None

    def delete(self, collection: int, name: str) -> None:
        """Delete that snapshot, and older ones that were never adopted."""
        home = self._folder / str(collection)
        for found in home.iterdir() if home.is_dir() else ():
            if found.name <= name:
                shutil.rmtree(found, ignore_errors=True)

    def discard(self, collection: int, name: str) -> None:
        """Delete that snapshot, which was not adopted, and no other."""
        shutil.rmtree(self._folder / str(collection) / name, ignore_errors=True)

    def keep_only(self, collections: Collection[int]) -> None:
        """Delete the snapshots of every other collection."""
        for home in self._folder.iterdir() if self._folder.is_dir() else ():
            if home.name.isdigit() and int(home.name) not in collections:
                shutil.rmtree(home, ignore_errors=True)


def _save_rows(path: Path, view: View) -> None:
    segment = view.postings.segments[0]
    np.savez(
        path,
        facts=np.asarray([FORMAT, view.generation, view.removed], dtype=np.int64),
        chunks=view.chunks,
        documents=view.documents,
        names=np.frombuffer("\0".join(view.names).encode(), dtype=np.uint8),
        lengths=view.postings.lengths,
        ids=segment.ids,
        starts=segment.starts,
        rows=segment.rows,
        counts=segment.counts,
    )


def _load(folder: Path) -> View:
    vectors = Vectors.load(folder / GRAPH)
    with (folder / ROWS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        version, generation, removed = arrays["facts"].tolist()
        chunks = arrays["chunks"]
        if version != FORMAT or len(chunks) != vectors.size:
            raise ValueError(f"format {version} with {len(chunks)} rows, {vectors.size} vectors")
        names = arrays["names"].tobytes().decode().split("\0")
        if len(names) != len(chunks):
            # An id with a NUL in it: each name after it would stand for another row.
            raise ValueError(f"{len(names)} names for {len(chunks)} rows")
        segment = Segment(arrays["ids"], arrays["starts"], arrays["rows"], arrays["counts"])
        return View(
            generation,
            removed,
            chunks,
            arrays["documents"],
            [ChunkId(name) for name in names],
            np.ones(len(chunks), dtype=bool),
            vectors,
            Postings((segment,), arrays["lengths"]),
        )
