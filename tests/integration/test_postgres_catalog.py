"""What only the PostgreSQL catalog promises: other writers, a killed server, exact comparisons."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.entries import DIMENSIONS, entry
from tests.fixtures.postgres import (
    PostgresServer,
    catalog_database,
    empty_database,
    free_port,
    run_postgres,
    why_not,
)

from bedplate.domain.filters import And, Comparison, Filter, Not, Or, kind_of, normalise_date
from bedplate.domain.ids import ChunkId, DocumentId, TenantId
from bedplate.domain.retrieval import Scope, Sort
from bedplate.errors import (
    BedplateError,
    ConfigError,
    Conflict,
    InvalidInput,
    StorageError,
    Unavailable,
)
from bedplate.state import CATALOGS
from bedplate.state.protocol import Catalog, Entry
from bedplate.stores.memory import passes
from bedplate.terms import TermVector

SCOPE = Scope(TenantId("t1"), "notes")


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Catalog]:
    async with CATALOGS.load("postgres")(address) as catalog:
        yield catalog


@pytest.fixture
def address() -> Iterator[str]:
    with catalog_database() as made:
        yield made


@pytest.fixture
async def catalog(address: str) -> AsyncIterator[Catalog]:
    async with opened(address) as catalog:
        await create(catalog)
        yield catalog


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    if reason := why_not():
        pytest.skip(f"needs PostgreSQL: {reason}")
    with run_postgres() as server:
        yield server


async def create(catalog: Catalog, scope: Scope = SCOPE) -> None:
    await catalog.collections.create(scope, embedder="e", dimensions=DIMENSIONS)


async def listed(catalog: Catalog) -> list[str]:
    return [d.id async for d in catalog.documents.list(SCOPE, after=None, limit=10_000)]


async def test_everything_is_there_after_a_reopen(address: str) -> None:
    for _ in range(2):
        async with opened(address) as catalog:
            await create(catalog)
            await catalog.documents.replace(SCOPE, [entry("a", "x")])
            assert await listed(catalog) == ["a"]


async def test_many_may_open_a_new_database_at_once() -> None:
    with empty_database() as address:

        async def once() -> None:
            async with opened(address) as catalog:
                await create(catalog)

        await asyncio.gather(*[once() for _ in range(4)])
        async with opened(address) as catalog:
            assert len(await catalog.collections.list(SCOPE.tenant)) == 1


async def test_a_schema_from_the_future_is_refused() -> None:
    with empty_database() as address:
        async with opened(address):
            pass
        with psycopg.connect(address) as connection:
            connection.execute("INSERT INTO bedplate.schema_version VALUES (999)")
        with pytest.raises(StorageError, match="schema 999.*upgrade"):
            async with opened(address):
                pass


async def test_our_tables_are_apart_from_those_of_the_same_names(address: str) -> None:
    with empty_database() as address:
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE document (id int)")
        async with opened(address) as catalog:
            await create(catalog)
            await catalog.documents.replace(SCOPE, [entry("a", "x")])
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT count(*) FROM public.document").fetchone() == (0,)


async def test_pgvector_may_be_in_any_schema() -> None:
    with empty_database() as address:
        with psycopg.connect(address) as connection:
            connection.execute('CREATE SCHEMA "Odd one"; CREATE EXTENSION vector SCHEMA "Odd one"')
        async with opened(address) as catalog:
            await create(catalog)
            await catalog.documents.replace(SCOPE, [entry("a", "x")])
            assert await listed(catalog) == ["a"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("nonsense", ConfigError, "no address of a PostgreSQL database"),
        ("postgresql://u:pw-1@127.0.0.1:{free}/x", Unavailable, "'x' at 127.0.0.1:.* reached"),
        ("postgresql://postgres:pw-1@127.0.0.1:{port}/gone", ConfigError, "does not exist"),
    ],
)
async def test_a_wrong_address_is_told_without_its_password(
    address: str, given: str, error: type[BedplateError], message: str
) -> None:
    port = address.rpartition(":")[2].partition("/")[0]
    with pytest.raises(error, match=message) as caught:
        async with opened(given.format(free=free_port(), port=port)):
            pass
    assert "pw-1" not in str(caught.value)


async def test_a_user_without_rights_is_told_what_to_ask_for(address: str) -> None:
    with empty_database() as there:
        with psycopg.connect(there, autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS plain")
            connection.execute("CREATE ROLE plain LOGIN")
        try:
            with pytest.raises(ConfigError, match="CREATE EXTENSION vector"):
                async with opened(there.replace("postgres@", "plain@")):
                    pass
            with psycopg.connect(there, autocommit=True) as connection:
                connection.execute("CREATE EXTENSION vector")
                connection.execute("CREATE SCHEMA bedplate AUTHORIZATION plain")
            async with opened(there.replace("postgres@", "plain@")) as catalog:
                assert await catalog.collections.list(SCOPE.tenant) == ()
        finally:
            with psycopg.connect(there, autocommit=True) as connection:
                connection.execute("DROP OWNED BY plain")
                connection.execute("DROP ROLE plain")


async def test_nul_is_replaced_in_text_and_refused_in_names(catalog: Catalog) -> None:
    kept = entry("a", "one\0two", metadata={"k\0": "v\0", "n": 1})
    await catalog.documents.replace(SCOPE, [kept])
    (hit,) = await catalog.documents.hits(SCOPE, {ChunkId("a#0"): 1.0})
    assert hit.text == "one\ufffdtwo"
    assert hit.metadata == {"k\0": "v\0", "n": 1}
    assert (await catalog.collections.get(SCOPE)).fields.keys() == {"k\ufffd", "n"}
    test = Comparison("k\0", "eq", "v\0", "string")
    assert await catalog.index.scan(SCOPE, filter=test, sort=None, limit=9) == ("a#0",)
    with pytest.raises(InvalidInput, match="NUL"):
        await catalog.documents.replace(SCOPE, [entry("b\0", "x")])
    assert await catalog.documents.hits(SCOPE, {ChunkId("b\0#0"): 1.0, ChunkId("a#x"): 1.0}) == ()


async def test_half_a_surrogate_pair_is_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidInput, match="surrogate"):
        await catalog.documents.replace(SCOPE, [entry("a", "x\ud800")])
    assert await listed(catalog) == []


async def test_vectors_of_another_length_are_refused(catalog: Catalog) -> None:
    with pytest.raises(Conflict, match="'a' have 3 dimensions.*16"):
        await catalog.documents.replace(
            SCOPE, [entry("a", "x", vectors=[np.ones(3, dtype=np.float32)])]
        )


async def test_text_is_ordered_by_code_point(catalog: Catalog) -> None:
    names = ["b", "B", "a", "ä", "Z", "é", "雨", "\U0001f600", "-", "a b", "ab"]
    await catalog.documents.replace(SCOPE, [entry(n, "x", metadata={"k": n}) for n in names])
    assert await listed(catalog) == sorted(names)
    found = await catalog.index.scan(SCOPE, filter=None, sort=Sort("k"), limit=99)
    assert [chunk[:-2] for chunk in found] == sorted(names)
    above = await catalog.index.scan(
        SCOPE, filter=Comparison("k", "gt", "a b", "string"), sort=None, limit=99
    )
    assert [chunk[:-2] for chunk in above] == sorted(n for n in names if n > "a b")


async def test_values_and_names_may_be_long_and_ids_not(catalog: Catalog) -> None:
    start = "".join(chr(0x4E00 + n % 5_000) for n in range(20_000))
    name = start[:9_000]
    rows = [entry(f"d{n}", "x", metadata={name: f"{start}{n}"}) for n in range(3)]
    await catalog.documents.replace(SCOPE, rows)
    assert (await catalog.collections.get(SCOPE)).fields == {name: frozenset({"string"})}
    for operator, wanted in {"eq": "1", "ne": "02", "gt": "2", "gte": "12", "lt": "0"}.items():
        test = Comparison(name, operator, f"{start}1", "string")  # type: ignore[arg-type]
        found = await catalog.index.scan(SCOPE, filter=test, sort=None, limit=9)
        assert found == tuple(f"d{n}#0" for n in wanted), operator
    with pytest.raises(InvalidInput, match="too long"):
        await catalog.documents.replace(SCOPE, [entry(start, "x")])


ODD = ["'", '"; DROP TABLE document; --', "%s", "%(x)s", "{0}", "\\", "$1", "a\nb", "é", "?", "*"]


@pytest.mark.parametrize("text", ODD)
async def test_no_string_breaks_out(address: str, text: str) -> None:
    scope = Scope(TenantId(text), text)
    async with opened(address) as catalog:
        await create(catalog, scope)
        kept = entry(text, text, metadata={text: text, "list": [text, "x"]})
        await catalog.documents.replace(scope, [kept, entry("other", "x", metadata={text: "no"})])
        test: Filter = And(
            [Comparison(text, "eq", text, "string"), Comparison("list", "in", (text,), "string")]
        )
        found = await catalog.index.scan(scope, filter=test, sort=Sort(text), limit=9)
        assert found == (f"{text}#0",)
        assert (await catalog.documents.get(scope, DocumentId(text))).title == f"Title of {text}"
        assert (await catalog.documents.hits(scope, {found[0]: 1.0}))[0].text == text
        await catalog.collections.drop(scope)


numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.sampled_from([0, -0.0, 1, 1.0, 0.1, 2**53, 2**53 + 1, 2.0**53, 5e-324, 1e308, 2**62 + 1]),
)
words = st.sampled_from(
    ["", "a", "A", "ä", "a" * 300, "a" * 300 + "b", "2026-01-02", "2026-01-03T04:05Z"]
)
scalars = st.one_of(st.booleans(), numbers, words)
metadata = st.dictionaries(
    st.sampled_from(["p", "q"]), st.one_of(st.none(), scalars, st.lists(scalars, max_size=3))
)


@st.composite
def comparisons(draw: st.DrawFn) -> Filter:
    value: Any = draw(scalars)
    kind = kind_of(value)
    operator = draw(st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "exists"]))
    value = (normalise_date(value) or value) if isinstance(value, str) else value
    if operator == "exists":
        value = draw(st.booleans())
    elif operator in ("in", "nin"):
        value = (value,)
    return Comparison(draw(st.sampled_from(["p", "q"])), operator, value, kind)  # type: ignore[arg-type]


filters = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(And), st.lists(inner, max_size=3).map(Or), inner.map(Not)
    ),
    max_leaves=4,
)


@given(st.lists(metadata, min_size=1, max_size=5), st.lists(filters, min_size=1, max_size=6))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_filters_pass_what_plain_code_passes(
    address: str, documents: list[dict[str, Any]], asked: list[Filter]
) -> None:
    """Integers of 64 bits, floats, booleans, dates and text, each against its own kind."""

    async def compare() -> None:
        async with opened(address) as catalog:
            await create(catalog)
            rows = [entry(f"d{n}", "x", metadata=data) for n, data in enumerate(documents)]
            await catalog.documents.replace(SCOPE, rows)
            for each in asked:
                found = await catalog.index.scan(SCOPE, filter=each, sort=None, limit=9)
                wanted = tuple(
                    f"d{n}#0"
                    for n, data in enumerate(documents)
                    if passes(DocumentId(f"d{n}"), data, each)
                )
                assert found == wanted, each
            await catalog.collections.drop(SCOPE)

    asyncio.run(compare())


@given(st.lists(metadata, min_size=1, max_size=6))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_both_catalogs_sort_alike(
    address: str, tmp_path: Path, documents: list[dict[str, Any]]
) -> None:
    async def order(catalog: Catalog) -> list[tuple[str, ...]]:
        await create(catalog)
        rows = [entry(f"d{n}", "x", metadata=data) for n, data in enumerate(documents)]
        await catalog.documents.replace(SCOPE, rows)
        found = [
            await catalog.index.scan(SCOPE, filter=None, sort=Sort("p", down), limit=9)
            for down in (False, True)
        ]
        fields = (await catalog.collections.get(SCOPE)).fields
        await catalog.collections.drop(SCOPE)
        return [*found, tuple(sorted(map(str, fields)))]

    async def compare() -> None:
        async with (
            opened(address) as ours,
            CATALOGS.load("sqlite")(tmp_path / "catalog.db") as other,
        ):
            assert await order(ours) == await order(other)

    asyncio.run(compare())


WRITER = """
import asyncio, sys
from tests.contract.entries import entry
from tests.integration.test_postgres_catalog import SCOPE, create, opened

async def main():
    address, name, batches = sys.argv[1], sys.argv[2], int(sys.argv[3])
    async with opened(address) as catalog:
        await create(catalog)
        for n in range(batches):
            rows = [entry(f"{name}-{n}-{m}", "shared words", f"{name} own") for m in range(3)]
            await catalog.documents.replace(SCOPE, [*rows, entry("both", f"{name} {n}")])
            print(n, flush=True)

asyncio.run(main())
"""


async def start_writer(address: str, name: str, batches: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, address, name, str(batches),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip


async def test_two_processes_write_one_collection_and_every_count_is_right(
    address: str, catalog: Catalog
) -> None:
    writers = [await start_writer(address, name, 15) for name in ("p", "q")]
    for writer in writers:
        _, problems = await writer.communicate()
        assert writer.returncode == 0, problems.decode()
    collection = await catalog.collections.get(SCOPE)
    assert (collection.documents, collection.chunks) == (91, 181)
    assert len(await listed(catalog)) == 91
    terms = TermVector.of("words both")
    found = await catalog.index.statistics(SCOPE, terms)
    counts = dict(zip(terms.ids.tolist(), found.frequencies.tolist(), strict=True))
    assert counts[TermVector.of("words").ids[0]] == 90
    assert found.chunks == 181


async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(
    own_server: PostgresServer,
) -> None:
    address = own_server.database()
    async with opened(address) as catalog:
        await create(catalog)
        writer = await start_writer(address, "p", 10_000)
        assert writer.stdout is not None
        acknowledged = -1
        while acknowledged < 20:
            acknowledged = int(await writer.stdout.readline())
        own_server.kill()
        rest = (await writer.stdout.read()).split()
        _, problems = await writer.communicate()
        assert b"Unavailable" in problems or b"StorageError" in problems, problems.decode()
        acknowledged = int(rest[-1]) if rest else acknowledged
        with pytest.raises((Unavailable, StorageError)):
            await listed(catalog)
        own_server.start()
        names = set(await listed(catalog))
        assert {f"p-{n}-{m}" for n in range(acknowledged + 1) for m in range(3)} <= names
        collection = await catalog.collections.get(SCOPE)
        assert collection.documents == len(names)
        # The same handle writes again, and what was in doubt may be written once more.
        again: list[Entry] = [entry(f"p-{acknowledged + 1}-0", "again")]
        await catalog.documents.replace(SCOPE, again)
        assert again[0].document.id in await listed(catalog)


def prepend(file: Path, line: str) -> None:
    file.write_text(line + file.read_text(encoding="utf-8"), encoding="utf-8")


async def test_a_password_that_is_wrong_is_a_matter_of_configuration(
    own_server: PostgresServer,
) -> None:
    with psycopg.connect(own_server.address("postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
        (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        prepend(Path(file), "host all locked all scram-sha-256\n")
        connection.execute("SELECT pg_reload_conf()")
    there = own_server.address("postgres").replace("postgres@", "locked:wrong-pw@")
    with pytest.raises(ConfigError, match="does not let us in") as caught:
        async with opened(there):
            pass
    assert "wrong-pw" not in str(caught.value)
