from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest
from tests.fixtures.serving import until

from bedplate.access.issue import new_key
from bedplate.access.keyring import Keyring, open_keyring
from bedplate.access.protocol import AccessKeys
from bedplate.access.secret import digest_of, new_secret
from bedplate.access.sqlite import open_sqlite_keys
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.errors import StorageError, Unavailable

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[AccessKeys]:
    async with open_sqlite_keys(tmp_path / "keys.db") as opened:
        yield opened


async def make(keys: AccessKeys) -> str:
    secret = new_secret()
    await keys.add(new_key("app", DEFAULT_TENANT, ["read"]), digest_of(secret))
    return secret


async def used(keys: AccessKeys) -> list[datetime | None]:
    return [each.used_at for each in await keys.list(DEFAULT_TENANT)]


async def test_a_keyring_that_cannot_look_lets_nobody_in(keys: AccessKeys) -> None:
    time = 0.0
    ring = Keyring(keys, stale_seconds=10, clock=lambda: time)
    with pytest.raises(Unavailable):
        _ = ring.is_open
    await ring.refresh()
    time = 10.0
    assert ring.find(new_secret()) is None
    time = 10.5
    with pytest.raises(Unavailable):
        ring.find(new_secret())
    with pytest.raises(Unavailable):
        _ = ring.is_open


async def test_a_key_that_expires_meanwhile_opens_nothing(keys: AccessKeys) -> None:
    time, secret = NOW, new_secret()
    ring = Keyring(keys, now=lambda: time)
    key = new_key("app", DEFAULT_TENANT, ["read"], lifetime=timedelta(hours=1), now=NOW)
    await keys.add(key, digest_of(secret))
    await ring.refresh()
    assert ring.find(secret) == key
    time += timedelta(hours=1)
    assert ring.find(secret) is None


async def test_uses_that_could_not_be_written_are_written_later(
    keys: AccessKeys, tmp_path: Path
) -> None:
    ring, secret = Keyring(keys), await make(keys)
    await ring.refresh()
    assert ring.find(secret) is not None
    (tmp_path / "keys.db").rename(tmp_path / "away.db")
    with pytest.raises(StorageError):
        await ring.note()
    (tmp_path / "away.db").rename(tmp_path / "keys.db")
    assert await used(keys) == [None]
    await ring.note()
    assert await used(keys) != [None]


async def test_a_database_that_lost_its_keys_lets_nobody_in(
    keys: AccessKeys, tmp_path: Path
) -> None:
    ring, secret = Keyring(keys), await make(keys)
    await ring.refresh()
    with closing(apsw.Connection(str(tmp_path / "keys.db"))) as db:
        db.execute("DELETE FROM access_key; UPDATE access_version SET version = 0").fetchall()
    await ring.refresh()
    assert ring.find(secret) is None
    assert not ring.is_open


async def test_an_error_of_the_block_is_not_wrapped(keys: AccessKeys) -> None:
    with pytest.raises(KeyError):
        async with open_keyring(keys):
            raise KeyError


async def test_a_keyring_outlives_a_database_that_is_away(
    keys: AccessKeys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = await make(keys)
    async with open_keyring(keys, poll_seconds=0.01, note_seconds=0) as ring:
        (tmp_path / "keys.db").rename(tmp_path / "away.db")
        await until(lambda: "access keys not read" in caplog.text)
        (tmp_path / "away.db").rename(tmp_path / "keys.db")
        await keys.revoke(DEFAULT_TENANT, (await keys.list(DEFAULT_TENANT))[0].id, NOW)
        await until(lambda: ring.find(secret) is None)
