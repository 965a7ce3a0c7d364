"""Where ledgers of the contract live: a new file, or a database that is emptied afterwards."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from tests.fixtures.postgres import catalog_database

from bedplate.state.postgres_schema import migrate

TABLES = ("limit", "counter", "reservation", "call")


@contextmanager
def place_of(name: str, folder: Path) -> Generator[Path | str]:
    """Where an empty ledger of that adapter may live."""
    if name != "postgres":
        yield folder / "ledger.db"
        return
    with catalog_database() as address:
        migrate(address)
        try:
            yield address
        finally:
            empty(address)


def empty(address: str) -> None:
    """Forget what a ledger in that database knows, if there is one."""
    with psycopg.connect(address, autocommit=True) as db:
        found = db.execute("SELECT to_regclass('bedplate.ledger_call')").fetchone()
        if found and found[0]:
            for table in TABLES:
                db.execute(f"DELETE FROM bedplate.ledger_{table}".encode())
            db.execute(b"UPDATE bedplate.ledger_generation SET number = number + 1")
