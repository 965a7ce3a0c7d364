"""What the assistant may do with the database of clients."""

import sqlite3
from contextlib import closing
from typing import Literal

from bedplate.tools.protocol import ToolContext


def create_client(
    name: str,
    registration: str,
    plan: Literal["Solo", "Team", "Company"],
    email: str,
    database: str,
    context: ToolContext,
) -> dict[str, str]:
    """Put a client on record: its name, registration number, plan and e-mail address."""
    with closing(_opened(database)) as db, db:
        try:
            db.execute(
                "INSERT INTO clients VALUES (?, ?, ?, ?, ?)",
                (context.key, name, registration, plan, email),
            )
        except sqlite3.IntegrityError as error:
            raise ValueError(f"{name} is on record already") from error
    return {"client": name}


def find_client(key: str, database: str) -> dict[str, str]:
    """Look up a client by the key it was put on record with."""
    with closing(_opened(database)) as db:
        row = db.execute("SELECT name FROM clients WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise LookupError(f"there is no client {key!r}")
    return {"client": row[0]}


def _opened(database: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?mode=rw", uri=True)
