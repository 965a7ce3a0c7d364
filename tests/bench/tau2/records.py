"""A task's database: JSON documents by kind and id, in one SQLite file for each run."""

import json
import shutil
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Records:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def get(self, kind: str, id: str) -> Document:
        row = self._db.execute(
            "SELECT body FROM record WHERE kind = ? AND id = ?", (kind, id)
        ).fetchone()
        if row is None:
            raise LookupError(f"there is no {kind} {id!r}")
        return json.loads(row[0])

    def all(self, kind: str) -> list[Document]:
        rows = self._db.execute("SELECT body FROM record WHERE kind = ? ORDER BY id", (kind,))
        return [json.loads(body) for (body,) in rows]

    def ids(self, kind: str) -> list[str]:
        rows = self._db.execute("SELECT id FROM record WHERE kind = ? ORDER BY id", (kind,))
        return [id for (id,) in rows]

    def put(self, kind: str, id: str, document: Document) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?)",
            (kind, id, json.dumps(document, sort_keys=True)),
        )


def make(path: Path, data: Mapping[str, Mapping[str, Document]]) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE record (kind, id, body, PRIMARY KEY (kind, id))")
        records = Records(db)
        for kind, documents in data.items():
            for id, document in documents.items():
                records.put(kind, id, document)


@contextmanager
def opened(folder: str, run: str) -> Generator[Records]:
    """The database of a run, which begins as a copy of the shop's; one transaction."""
    path = Path(folder) / f"{run}.db"
    if not path.exists():
        shutil.copyfile(Path(folder) / "shop.db", path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield Records(db)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def contents(folder: str, run: str) -> list[tuple[str, str, str]]:
    """The shop's own where the run opened none."""
    path = Path(folder) / f"{run}.db"
    with closing(sqlite3.connect(path if path.exists() else path.with_name("shop.db"))) as db:
        return db.execute("SELECT kind, id, body FROM record ORDER BY kind, id").fetchall()
