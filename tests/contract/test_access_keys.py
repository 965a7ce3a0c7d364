"""The contract of every place for access keys (access/protocol.py), and what a keyring makes of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import psycopg
import pytest
from tests.fixtures.postgres import catalog_database

from bedplate.access import ACCESS_KEYS
from bedplate.access.issue import new_key
from bedplate.access.keyring import Keyring, open_keyring
from bedplate.access.protocol import AccessKeys
from bedplate.access.secret import digest_of, new_secret
from bedplate.domain.ids import TenantId
from bedplate.errors import Conflict, NotFound, StorageError
from bedplate.state import CATALOGS

OURS, THEIRS = TenantId("ours"), TenantId("theirs")
NOW = datetime(2026, 5, 1, 12, 30, 15, 123_457, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgres"])
async def place(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[str, Path | str]]:
    if request.param == "sqlite":
        yield "sqlite", tmp_path / "keys.db"
        return
    with catalog_database() as address:
        async with CATALOGS.load("postgres")(address):
            pass
        try:
            yield "postgres", address
        finally:
            with psycopg.connect(address, autocommit=True) as db:
                for table in ("key", "version", "schema"):
                    db.execute(f"DROP TABLE IF EXISTS bedplate.access_{table}".encode())


@pytest.fixture
async def keys(place: tuple[str, Path | str]) -> AsyncIterator[AccessKeys]:
    name, there = place
    async with ACCESS_KEYS.load(name)(there) as opened:
        yield opened


async def test_a_key_comes_back_as_it_was_added(keys: AccessKeys) -> None:
    assert await keys.look(None, NOW) == (0, {})
    key = new_key("app", OURS, ["read", "ask"], lifetime=timedelta(days=90), now=NOW)
    await keys.add(key, b"1")
    assert await keys.list(OURS) == [key]
    assert await keys.look(0, NOW) == (1, {b"1": key})
    assert await keys.look(1, NOW) is None


async def test_a_tenant_sees_and_changes_only_its_own_keys(keys: AccessKeys) -> None:
    key = new_key("app", THEIRS, ["read"], now=NOW)
    await keys.add(key, b"1")
    assert await keys.list(OURS) == []
    with pytest.raises(NotFound, match=key.id):
        await keys.revoke(OURS, key.id, NOW)
    with pytest.raises(NotFound, match=key.id):
        await keys.rotate(OURS, key.id, b"2", moment=NOW, overlap=HOUR)
    assert await keys.look(None, NOW) == (1, {b"1": key})


async def test_keys_are_listed_in_pages_in_the_order_they_were_made(keys: AccessKeys) -> None:
    made = [new_key(f"app {at}", OURS, ["read"], now=NOW) for at in range(3)]
    for at, key in enumerate(made):
        await keys.add(key, bytes([at]))
    in_order = sorted(made, key=lambda each: each.id)
    assert await keys.list(OURS, limit=2) == in_order[:2]
    assert await keys.list(OURS, after=in_order[1].id, limit=2) == in_order[2:]


async def test_a_revoked_key_stays_listed_and_opens_nothing(keys: AccessKeys) -> None:
    key = new_key("app", OURS, ["read"], now=NOW)
    await keys.add(key, b"1")
    revoked = replace(key, revoked_at=NOW + HOUR)
    assert await keys.revoke(OURS, key.id, NOW + HOUR) == revoked
    assert await keys.revoke(OURS, key.id, NOW + 2 * HOUR) == revoked
    assert await keys.list(OURS) == [revoked]
    assert await keys.look(1, NOW + HOUR) == (2, {})
    with pytest.raises(Conflict, match="revoked"):
        await keys.rotate(OURS, key.id, b"2", moment=NOW + HOUR, overlap=HOUR)


async def test_a_rotated_key_is_the_same_with_another_secret(keys: AccessKeys) -> None:
    key = new_key("app", OURS, ["read"], lifetime=timedelta(days=30), now=NOW)
    await keys.add(key, b"1")
    later = NOW + timedelta(days=10)
    rotated = replace(key, rotated_at=later, expires_at=later + timedelta(days=30))
    assert await keys.rotate(OURS, key.id, b"2", moment=later, overlap=HOUR) == rotated
    former = replace(rotated, expires_at=later + HOUR)
    assert await keys.look(1, later) == (2, {b"1": former, b"2": rotated})
    again = await keys.rotate(OURS, key.id, b"3", moment=later, overlap=timedelta(0))
    found = await keys.look(2, later)
    assert found is not None
    assert found[1].keys() == {b"2", b"3"}
    assert not found[1][b"2"].holds_at(later)
    assert again.lifetime == timedelta(days=30)


async def test_an_expired_key_is_neither_held_nor_rotated(keys: AccessKeys) -> None:
    key = new_key("app", OURS, ["read"], lifetime=HOUR, now=NOW)
    await keys.add(key, b"1")
    assert await keys.look(None, NOW + HOUR) == (1, {})
    with pytest.raises(Conflict, match="expired"):
        await keys.rotate(OURS, key.id, b"2", moment=NOW + HOUR, overlap=HOUR)


async def test_use_only_moves_forward(keys: AccessKeys) -> None:
    key = new_key("app", OURS, ["read"], now=NOW)
    await keys.add(key, b"1")
    await keys.note_use({key.id: NOW + HOUR, "unknown": NOW})
    await keys.note_use({key.id: NOW})
    assert [each.used_at for each in await keys.list(OURS)] == [NOW + HOUR]
    assert await keys.look(1, NOW) is None


async def test_keys_made_at_once_are_all_counted(keys: AccessKeys) -> None:
    made = [new_key("app", OURS, ["read"], now=NOW) for _ in range(20)]
    await asyncio.gather(*(keys.add(key, key.id.encode()) for key in made))
    found = await keys.look(None, NOW)
    assert found is not None
    assert (found[0], len(found[1])) == (20, 20)


async def test_tables_of_a_newer_version_are_refused(place: tuple[str, Path | str]) -> None:
    name, there = place
    async with ACCESS_KEYS.load(name)(there):
        pass
    if name == "sqlite":
        db = apsw.Connection(str(there))
        db.pragma("user_version", 99)
        db.close()
    else:
        with psycopg.connect(str(there), autocommit=True) as connection:
            connection.execute("INSERT INTO bedplate.access_schema VALUES (99)")
    with pytest.raises(StorageError, match="newer"):
        async with ACCESS_KEYS.load(name)(there):
            pass


async def test_a_keyring_follows_what_was_made_and_revoked(keys: AccessKeys) -> None:
    ring, secret = Keyring(keys), new_secret()
    await ring.refresh()
    assert ring.is_open
    key = new_key("app", OURS, ["read"])
    await keys.add(key, digest_of(secret))
    await ring.refresh()
    assert not ring.is_open
    assert ring.find(secret) == key
    assert ring.find(new_secret()) is None
    another = new_secret()
    await keys.rotate(
        OURS, key.id, digest_of(another), moment=datetime.now(UTC), overlap=timedelta(0)
    )
    await ring.refresh()
    assert ring.find(secret) is None
    assert ring.find(another) is not None
    await keys.revoke(OURS, key.id, datetime.now(UTC))
    await ring.refresh()
    assert ring.find(another) is None
    assert not ring.is_open


async def test_the_last_uses_are_written_when_a_keyring_closes(keys: AccessKeys) -> None:
    key, secret = new_key("app", OURS, ["read"]), new_secret()
    await keys.add(key, digest_of(secret))
    async with open_keyring(keys) as ring:
        assert ring.find(secret) == key
        assert (await keys.list(OURS))[0].used_at is None
    assert (await keys.list(OURS))[0].used_at is not None
