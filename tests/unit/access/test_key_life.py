"""Which secrets open something, after any sequence of what can happen to keys."""

import asyncio
import itertools
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.access.issue import new_key
from bedplate.access.sqlite import open_sqlite_keys
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.errors import Conflict

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)

hours = st.integers(1, 48).map(lambda count: timedelta(hours=count))
which = st.integers(0, 2)
happenings = st.one_of(
    st.tuples(st.just("make"), st.none() | hours),
    st.tuples(st.just("rotate"), which, st.just(timedelta(0)) | hours),
    st.tuples(st.just("revoke"), which),
    st.tuples(st.just("wait"), hours),
)


@dataclass
class Expected:
    """A key as it should be: each secret with the moment up to which it holds."""

    id: str
    lifetime: timedelta | None
    secrets: dict[bytes, datetime] = field(default_factory=dict[bytes, datetime])

    def renew(self, digest: bytes, now: datetime, overlap: timedelta) -> None:
        ends = FOREVER if self.lifetime is None else now + self.lifetime
        held = list(self.secrets.items())[-1:]
        self.secrets = {former: min(now + overlap, until) for former, until in held}
        self.secrets[digest] = ends

    def held(self, now: datetime) -> set[bytes]:
        return {digest for digest, until in self.secrets.items() if now < until}


@given(st.lists(happenings, max_size=12))
@settings(max_examples=20)
def test_a_secret_holds_exactly_as_long_as_it_should(happened: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder) / "keys.db", happened))


async def live(path: Path, happened: list[tuple]) -> None:
    now, made, digests = BEGIN, list[Expected](), map(str.encode, map(str, itertools.count()))
    async with open_sqlite_keys(path) as keys:
        for what, *given_ in happened:
            key = made[given_[0] % len(made)] if what in ("rotate", "revoke") and made else None
            match what:
                case "wait":
                    now += given_[0]
                case "make":
                    new = new_key("k", DEFAULT_TENANT, ["read"], lifetime=given_[0], now=now)
                    digest = next(digests)
                    await keys.add(new, digest)
                    made.append(Expected(new.id, given_[0]))
                    made[-1].renew(digest, now, timedelta(0))
                case "revoke" if key:
                    await keys.revoke(DEFAULT_TENANT, key.id, now)
                    key.secrets = {}
                case "rotate" if key:
                    digest, overlap = next(digests), given_[1]
                    call = keys.rotate(DEFAULT_TENANT, key.id, digest, moment=now, overlap=overlap)
                    if list(key.secrets)[-1:] and now < list(key.secrets.values())[-1]:
                        await call
                        key.renew(digest, now, overlap)
                    else:
                        with pytest.raises(Conflict):
                            await call
                case _:
                    continue
            found = await keys.look(None, now)
            assert found is not None
            held = {digest for digest, each in found[1].items() if each.holds_at(now)}
            assert held == set[bytes]().union(*(each.held(now) for each in made))
