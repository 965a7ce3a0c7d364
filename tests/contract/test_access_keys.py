"""What every place for access keys does."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bedplate.access import ACCESS_KEYS
from bedplate.access.issue import new_key
from bedplate.access.keyring import Keyring
from bedplate.access.protocol import AccessKeys
from bedplate.access.secret import digest_of, new_secret
from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound, Unavailable

OURS, THEIRS = TenantId("ours"), TenantId("theirs")
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(params=ACCESS_KEYS.names())
async def keys(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[AccessKeys]:
    async with ACCESS_KEYS.load(request.param)(tmp_path / "access.db") as opened:
        yield opened


async def test_a_key_comes_back_as_it_was_added(keys: AccessKeys) -> None:
    key = new_key("app", OURS, ["read", "chat"], lifetime=timedelta(days=90), now=NOW)
    await keys.add(key, b"1")
    assert await keys.list(OURS) == [key]
    assert await keys.digests() == (1, {b"1": key})


async def test_a_tenant_sees_and_revokes_only_its_own_keys(keys: AccessKeys) -> None:
    key = new_key("app", THEIRS, ["read"], now=NOW)
    await keys.add(key, b"1")
    assert await keys.list(OURS) == []
    with pytest.raises(NotFound, match=key.id):
        await keys.revoke(OURS, key.id, NOW)
    assert await keys.digests() == (1, {b"1": key})


async def test_a_revoked_key_stays_listed_and_opens_nothing(keys: AccessKeys) -> None:
    key = new_key("app", OURS, ["read"], now=NOW)
    await keys.add(key, b"1")
    later = NOW + timedelta(hours=1)
    revoked = replace(key, revoked_at=later)
    assert await keys.revoke(OURS, key.id, later) == revoked
    assert await keys.revoke(OURS, key.id, later + timedelta(hours=1)) == revoked
    assert await keys.list(OURS) == [revoked]
    assert await keys.digests() == (2, {})


async def test_use_only_moves_forward(keys: AccessKeys) -> None:
    key = new_key("app", OURS, ["read"], now=NOW)
    await keys.add(key, b"1")
    later = NOW + timedelta(hours=1)
    await keys.note_use({key.id: later, "unknown": later})
    await keys.note_use({key.id: NOW})
    assert [each.used_at for each in await keys.list(OURS)] == [later]
    assert await keys.version() == 1


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
    await ring.refresh()
    assert (await keys.list(OURS))[0].used_at is not None
    await keys.revoke(OURS, key.id, NOW)
    await ring.refresh()
    assert ring.find(secret) is None
    assert not ring.is_open


async def test_an_expired_key_opens_nothing(keys: AccessKeys) -> None:
    ring, secret = Keyring(keys), new_secret()
    await keys.add(
        new_key("app", OURS, ["read"], lifetime=timedelta(days=1), now=NOW - timedelta(days=1000)),
        digest_of(secret),
    )
    await ring.refresh()
    assert ring.find(secret) is None


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
