"""Calls that come at once share transactions; what only gives back does not wait for the disk."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.contract.ledgers import DAY, TENANT, reserve, sums, used

from bedplate.errors import StorageError, Unavailable
from bedplate.ledger.protocol import LedgerOptions
from bedplate.ledger.running import running
from bedplate.ledger.sql import SqlLedger
from bedplate.sql import Session
from bedplate.sqlite.database import open_database, select_one
from bedplate.sqlite.sessions import SqliteSession, SqliteSessions, migrate

T = TypeVar("T")
NORMAL, FULL = 1, 2


class Noting(SqliteSessions):
    """Notes how far each transaction waits for the disk; refuses while it is told to."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.noted: list[int] = []
        self.refusing: StorageError | Unavailable | None = None

    async def write(self, work: Callable[[Session], T], /, *, durable: bool = True) -> T:
        if self.refusing is not None:
            raise self.refusing

        def noting(db: object) -> T:
            row = select_one(db, "PRAGMA synchronous")  # type: ignore[arg-type]
            assert row is not None
            self.noted.append(int(row[0]))
            return work(SqliteSession(db))  # type: ignore[arg-type]

        return await self._database.write(noting, durable=durable)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[tuple[SqlLedger, Noting]]:
    place = tmp_path / "ledger.db"
    async with open_database(place) as database:
        await migrate(database, "bedplate.ledger", "migrations")
        sessions = Noting(database)
        async with running(sessions, LedgerOptions(place)) as ledger:
            await ledger.budgets.set(TENANT, {DAY: 10_000_000})
            sessions.noted.clear()
            yield ledger, sessions


async def test_calls_at_once_share_transactions(opened: tuple[SqlLedger, Noting]) -> None:
    ledger, sessions = opened
    await ledger.release(await reserve(ledger, "0.01"))
    sessions.noted.clear()
    held = await asyncio.gather(*(reserve(ledger, "0.01") for _ in range(150)))
    assert sessions.noted == [FULL]
    sessions.noted.clear()
    await asyncio.gather(*(ledger.settle(each, used("0.005")) for each in held))
    assert sessions.noted == [NORMAL]
    assert await sums(ledger) == (750_000, 0)
    await reserve(ledger, "0.01")
    assert sessions.noted == [NORMAL, FULL]


@pytest.mark.parametrize("error", [StorageError("no room"), Unavailable("gone")])
async def test_a_database_that_refuses_is_told_to_all_and_asked_again_by_the_next(
    opened: tuple[SqlLedger, Noting], error: StorageError | Unavailable
) -> None:
    ledger, sessions = opened
    sessions.refusing = error
    found = await asyncio.gather(
        *(reserve(ledger, "0.01") for _ in range(5)), return_exceptions=True
    )
    assert found == [error] * 5
    sessions.refusing = None
    await reserve(ledger, "0.01")
    assert await sums(ledger) == (0, 10_000)
