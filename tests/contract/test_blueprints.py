"""What every place that keeps versions of assistants promises."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from tests.fixtures.postgres import catalog_database

from bedplate.blueprints import BLUEPRINTS
from bedplate.blueprints.protocol import Blueprints
from bedplate.domain.ids import TenantId
from bedplate.state import CATALOGS

T1, T2 = TenantId("t1"), TenantId("t2")


@asynccontextmanager
async def place_of(name: str, folder: Path) -> AsyncGenerator[Path | str]:
    if name == "sqlite":
        yield folder / "assistants.db"
        return
    with catalog_database() as address:
        async with CATALOGS.load("postgres")(address):
            pass
        yield address
        with psycopg.connect(address, autocommit=True) as db:
            for table in ("blueprint", "blueprint_name"):
                db.execute(f"DELETE FROM bedplate.{table}".encode())


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Path | str]:
    async with place_of(request.param, tmp_path) as place:
        yield place


def open_at(place: Path | str):
    return BLUEPRINTS.load("sqlite" if isinstance(place, Path) else "postgres")(place)


async def holds(kept: Blueprints, name: str = "a", tenant: TenantId = T1) -> int | None:
    found = await kept.get(tenant, name)
    return None if found is None else found.version


async def test_the_newest_version_holds_until_another_is_put_back(place: Path | str) -> None:
    async with open_at(place) as kept:
        assert await kept.get(T1, "a") is None
        first = await kept.add(T1, "a", '{"n":1}', note="begin", by="key")
        await kept.add(T1, "a", '{"n":2}')
        assert (first.version, await holds(kept)) == (1, 2)

        assert await kept.hold(T1, "a", 1)
        assert await holds(kept) == 1
        assert not await kept.hold(T1, "a", 3)
        assert not await kept.hold(T1, "b", 0)
        third = await kept.add(T1, "a", '{"n":3}')
        assert (third.version, await holds(kept)) == (3, 3)
        assert await kept.hold(T1, "a", 0)
        assert await holds(kept) is None

        found = await kept.get(T1, "a", 1)
        assert found == first
        assert found is not None
        assert (found.body, found.note, found.by) == ('{"n":1}', "begin", "key")
        assert [each.version for each in await kept.versions(T1, "a")] == [3, 2, 1]


async def test_versions_are_there_when_it_is_opened_again(place: Path | str) -> None:
    async with open_at(place) as kept:
        made = await kept.add(T1, "a", "{}")
    async with open_at(place) as kept:
        assert await kept.get(T1, "a") == made


async def test_a_name_is_one_tenants(place: Path | str) -> None:
    async with open_at(place) as kept:
        await kept.add(T1, "a", '{"n":1}')
        await kept.add(T2, "a", '{"n":2}')

        mine = await kept.get(T1, "a")
        assert mine is not None
        assert mine.body == '{"n":1}'
        assert await kept.remove(T1, "a")
        assert not await kept.remove(T1, "a")
        assert await kept.names(T1) == ()
        assert await holds(kept, tenant=T2) == 1


async def test_names_come_in_order_with_what_holds(place: Path | str) -> None:
    async with open_at(place) as kept:
        for name in ("b", "a", "b"):
            await kept.add(T1, name, "{}")
        await kept.hold(T1, "b", 1)

        assert [(e.name, e.holds, e.newest) for e in await kept.names(T1)] == [
            ("a", 1, 1),
            ("b", 1, 2),
        ]


async def test_versions_that_are_made_at_once_have_numbers_of_their_own(place: Path | str) -> None:
    async with open_at(place) as kept, open_at(place) as other:
        both = (kept, other)
        made = await asyncio.gather(*(both[n % 2].add(T1, "a", "{}") for n in range(6)))
        assert sorted(each.version for each in made) == [1, 2, 3, 4, 5, 6]
        assert await holds(kept) == 6
