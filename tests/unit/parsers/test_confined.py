"""Readers that misbehave: none takes down more than the file in hand."""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bedplate.domain.documents import Blob
from bedplate.errors import BedplateError, TooLarge, Unreadable
from bedplate.parsers.confined import OPEN_FILES
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits

MODULE = "tests.fixtures.misbehaving_worker"
LIMITS = ParseLimits(seconds=5, memory=1 << 30, documents=1000)

filtered = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"},
    reason="system calls are filtered on Linux on x86-64 and ARM64",
)


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Path]:
    victim = tmp_path / "victim.txt"
    victim.write_text("untouched")
    yield tmp_path
    assert list(tmp_path.iterdir()) == [victim]
    assert victim.read_text() == "untouched"


async def tried(deed: str, folder: Path, limits: ParseLimits = LIMITS) -> str | BedplateError:
    """What came of it. The next blob is read in any case, and no process or file is left."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        async with open_parser(limits, slots=1, module=MODULE) as parser:
            try:
                outcome = (await parser.parse(Blob(deed.encode(), "a"))).documents[0].text
            except BedplateError as error:
                outcome = error
            after = await parser.parse(Blob(b"after", "b"))
            assert after.documents[0].text == "read after"
    finally:
        os.chdir(before)
    running = [p for p in psutil.Process().children(recursive=True) if MODULE in p.cmdline()]
    assert running == []
    return outcome


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("hang", "timeout"),
        ("crash", "crashed"),
        ("leave", "crashed"),
        ("babble", "crashed"),
        ("flood", "crashed"),
        ("connect", "crashed"),
        ("look up", "crashed"),
        ("start", "crashed"),
        ("write", "crashed"),
    ],
)
async def test_what_a_reader_must_not_do_costs_its_file_alone(
    deed: str, reason: str, workplace: Path
) -> None:
    outcome = await tried(deed, workplace)
    assert isinstance(outcome, Unreadable)
    assert outcome.reason == reason


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces RLIMIT_AS")
async def test_memory_ends_at_its_bound(workplace: Path) -> None:
    # More time than it takes: what is asked is which bound it meets.
    limits = replace(LIMITS, seconds=60)
    assert isinstance(await tried("swallow", workplace, limits), TooLarge)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on open files")
async def test_open_files_end_at_their_bound(workplace: Path) -> None:
    outcome = await tried("hoard", workplace)
    assert isinstance(outcome, str)
    count, _, error = outcome.partition(" ")
    assert int(count) < OPEN_FILES
    assert error == "Too many open files"


@filtered
@pytest.mark.parametrize(
    "deed",
    ["native socket", "native unix socket", "native fork", "native create", "native truncate",
     "native unlink", "native mkdir", "native kill", "native tgkill", "native prlimit"],
)  # fmt: skip
async def test_native_code_is_held_as_well(deed: str, workplace: Path) -> None:
    assert await tried(deed, workplace) == "Permission denied"


@pytest.mark.skipif(sys.platform == "win32", reason="the fixture starts `true`")
async def test_processes_can_be_allowed(workplace: Path) -> None:
    limits = ParseLimits(seconds=20, documents=1000, processes=4)
    assert await tried("start", workplace, limits) == "true"
