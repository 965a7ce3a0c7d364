"""The cache of vectors: what it saves, what it keeps apart, and what it lets go."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import numpy as np
import pytest

from bedplate.embedders.cache import PERIOD_SECONDS, ROW_BYTES, open_embedder_cache
from bedplate.embedders.hashing import HashingEmbedder, HashingOptions
from bedplate.embedders.onnx import open_onnx_embedder
from bedplate.embedders.protocol import Embedder, Matrix, TokenEmbedder
from bedplate.errors import StorageError

DIMENSIONS = 64
ROW = 2 * DIMENSIONS + ROW_BYTES
PLENTY = 1_000_000


class Recording:
    """An embedder that writes down what it is asked."""

    def __init__(self, dimensions: int = DIMENSIONS, *, name: str = "recording") -> None:
        self._inner = HashingEmbedder(HashingOptions(dimensions=dimensions))
        self.fingerprint = name
        self.dimensions = dimensions
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> Matrix:
        self.asked.append(list(texts))
        return await self._inner.embed(texts)


class Clock:
    def __init__(self) -> None:
        self.seconds = 1e9

    def __call__(self) -> float:
        return self.seconds

    def later(self) -> None:
        self.seconds += PERIOD_SECONDS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "embeddings.db"


@asynccontextmanager
async def cached(
    file: Path, inner: Embedder | None = None, max_bytes: int = PLENTY, clock: Clock | None = None
) -> AsyncIterator[Embedder]:
    async with open_embedder_cache(
        inner or Recording(), file, max_bytes=max_bytes, now=clock or Clock()
    ) as embedder:
        yield embedder


def rows(file: Path) -> int:
    with apsw.Connection(str(file)) as db:
        return int(db.execute("SELECT count(*) FROM vector").fetchall()[0][0])


def size(file: Path) -> int:
    return file.stat().st_size


async def test_a_text_is_embedded_once_and_gives_the_same_row_each_time(file: Path) -> None:
    inner = Recording()
    async with cached(file, inner) as embedder:
        first = await embedder.embed(["rain", "cake", "rain"])
        again = await embedder.embed(["cake", "umbrella", "rain"])
    assert inner.asked == [["rain", "cake"], ["umbrella"]]
    np.testing.assert_array_equal(first[[1, 0, 2]], again[[0, 2, 2]])


async def test_rows_are_the_inner_ones_to_within_float16(file: Path) -> None:
    texts = [f"text number {n} of rain" for n in range(700)]
    inner = Recording()
    async with cached(file, inner) as embedder:
        wanted = await inner.embed(texts)
        await embedder.embed(texts)
        found = await embedder.embed(texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)


async def test_what_was_kept_survives_a_restart(file: Path) -> None:
    async with cached(file) as embedder:
        await embedder.embed(["rain", "half \ud800 pair"])
    inner = Recording()
    async with cached(file, inner) as embedder:
        assert (await embedder.embed(["half \ud800 pair", "rain"])).shape == (2, DIMENSIONS)
        assert (await embedder.embed([])).shape == (0, DIMENSIONS)
    assert inner.asked == []


async def test_another_fingerprint_or_length_is_another_vector(file: Path) -> None:
    async with cached(file) as embedder:
        await embedder.embed(["rain"])
    for other in (Recording(name="other"), Recording(128)):
        async with cached(file, other) as embedder:
            assert (await embedder.embed(["rain"])).shape == (1, other.dimensions)
        assert other.asked == [["rain"]]


async def test_no_text_is_in_the_file(file: Path) -> None:
    async with cached(file) as embedder:
        await embedder.embed(["a very secret sentence"])
    for part in file.parent.iterdir():
        assert b"secret" not in part.read_bytes()


async def test_it_stays_within_its_bytes(file: Path) -> None:
    async with cached(file, max_bytes=2_000 * ROW) as embedder:
        for start in range(0, 6_000, 100):
            await embedder.embed([f"text {n}" for n in range(start, start + 100)])
            assert rows(file) <= 2_000
    assert rows(file) >= 1_000
    assert size(file) < 1.5 * 2_000 * ROW


async def test_what_was_used_longest_ago_goes_first(file: Path) -> None:
    inner, clock = Recording(), Clock()
    async with cached(file, inner, 1_500 * ROW, clock) as embedder:
        await embedder.embed(["kept"])
        clock.later()
        await embedder.embed([f"old {n}" for n in range(600)])
        clock.later()
        await embedder.embed(["kept"])
        clock.later()
        await embedder.embed([f"new {n}" for n in range(1_000)])
        inner.asked.clear()
        await embedder.embed(["kept", "new 0", "old 0"])
    assert inner.asked == [["old 0"]]


async def test_use_is_noted_at_the_end_where_nothing_else_was_written(file: Path) -> None:
    clock = Clock()
    async with cached(file, clock=clock) as embedder:
        await embedder.embed(["rain"])
    clock.later()
    async with cached(file, clock=clock) as embedder:
        await embedder.embed(["rain"])
    with apsw.Connection(str(file)) as db:
        used = db.execute("SELECT used FROM vector").fetchall()
    assert used == [(int(clock.seconds // PERIOD_SECONDS),)]


async def test_one_file_serves_several_at_once(file: Path) -> None:
    texts = [[f"text {n}" for n in range(start, start + 40)] for start in range(0, 100, 10)]
    async with cached(file) as first, cached(file) as second:
        async with asyncio.TaskGroup() as tasks:
            for some in texts:
                for embedder in (first, second):
                    tasks.create_task(embedder.embed(some))
        np.testing.assert_array_equal(await first.embed(texts[0]), await second.embed(texts[0]))
    assert rows(file) == 130
    with apsw.Connection(str(file)) as db:
        assert db.execute("SELECT bytes FROM total").fetchall() == [(130 * ROW,)]


async def test_a_limit_below_one_vector_still_answers(file: Path) -> None:
    async with cached(file, max_bytes=1) as embedder:
        assert (await embedder.embed(["a", "b"])).shape == (2, DIMENSIONS)
    assert rows(file) == 0


async def test_a_file_of_another_version_is_refused(file: Path) -> None:
    with apsw.Connection(str(file)) as db:
        db.execute("PRAGMA user_version = 9")
    with pytest.raises(StorageError, match=r"version 9.*delete the file"):
        async with cached(file):
            pass


async def test_token_vectors_come_through_where_the_inner_embedder_has_them(file: Path) -> None:
    async with open_onnx_embedder({}) as inner, cached(file, inner) as embedder:
        assert isinstance(embedder, TokenEmbedder)
        [found] = await embedder.embed_tokens(["a red umbrella"])
        assert found.tokens == ("a", "red", "umbrella")
        assert float((await embedder.embed(["a"]))[0] @ (await inner.embed(["a"]))[0]) > 0.999
        assert (embedder.fingerprint, embedder.dimensions) == (inner.fingerprint, 384)
    async with cached(file) as embedder:
        assert not isinstance(embedder, TokenEmbedder)
