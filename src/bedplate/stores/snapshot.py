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
    """One folder a collection; in it one folder a generation, which appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, collection: int, view: View) -> None:
        """Keep a view that `View.rebuilt` made, in place of older ones."""
        home = self._folder / str(collection)
        partial = home / f"partial-{new_id()}"
        try:
            partial.mkdir(parents=True)
            view.vectors.save(partial / GRAPH)
            _save_rows(partial / ROWS, view)
            target = home / f"{view.generation:012d}"
            if not target.exists():
                partial.rename(target)
            for other in home.iterdir():
                if other != target:
                    shutil.rmtree(other, ignore_errors=True)
        except (OSError, RuntimeError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise StorageError(
                f"The index could not be saved in {home}: {error}. Searches go on without it."
            ) from error

    def load(self, collection: int) -> View | None:
        """The newest that can be read."""
        home = self._folder / str(collection)
        names = sorted(path for path in home.glob("[0-9]*")) if home.is_dir() else []
        for path in reversed(names):
            try:
                return _load(path)
            except (OSError, RuntimeError, ValueError, KeyError, BadZipFile) as error:
                # A derived file: the catalog has all that is in it.
                logger.warning("index snapshot unreadable", extra={"path": path, "error": error})
        return None

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
        segment = Segment(arrays["ids"], arrays["starts"], arrays["rows"], arrays["counts"])
        return View(
            generation,
            removed,
            chunks,
            arrays["documents"],
            [ChunkId(name) for name in arrays["names"].tobytes().decode().split("\0")],
            np.ones(len(chunks), dtype=bool),
            vectors,
            Postings((segment,), arrays["lengths"]),
        )
