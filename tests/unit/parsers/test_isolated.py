import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from bedplate.domain.documents import Blob
from bedplate.errors import ConfigError, TooLarge, Unreadable
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits

# Nesting like this takes the HTML parser far longer than any test waits.
SLOW = Blob(b"<html>" + b"<div>" * 400_000, "slow.html")
GOOD = Blob(b"fine words", "good.txt")


def workers() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "bedplate.parsers.worker" in p.cmdline()]


async def test_a_process_is_started_when_needed_and_kept() -> None:
    async with open_parser(ParseLimits()) as parser:
        assert workers() == []
        first = await parser.parse(GOOD)
        (process,) = workers()
        assert (await parser.parse(GOOD)) == first
        assert workers() == [process]
        assert first.documents[0].text == "fine words"
    assert workers() == []


async def test_slots_bound_the_processes() -> None:
    async with open_parser(ParseLimits(), slots=2) as parser, asyncio.TaskGroup() as group:
        tasks = [group.create_task(parser.parse(GOOD)) for _ in range(8)]
    assert [task.result().documents[0].text for task in tasks] == ["fine words"] * 8
    with pytest.raises(ConfigError):
        async with open_parser(ParseLimits(), slots=0):
            pass


async def test_refusals_keep_their_reason_and_the_process() -> None:
    async with open_parser(ParseLimits(characters=100)) as parser:
        await parser.parse(GOOD)
        (process,) = workers()
        with pytest.raises(Unreadable, match=r"'a\.txt' is empty") as caught:
            await parser.parse(Blob(b" ", "a.txt"))
        assert caught.value.reason == "empty"
        with pytest.raises(TooLarge, match="more than 100 characters"):
            await parser.parse(Blob(b"x" * 101, "a.txt"))
        assert workers() == [process]


async def test_too_many_bytes_never_reach_a_process() -> None:
    async with open_parser(ParseLimits(bytes=5)) as parser:
        with pytest.raises(TooLarge, match="has 10 bytes; the limit is 5"):
            await parser.parse(GOOD)
        assert workers() == []


async def test_a_hang_ends_at_the_deadline_and_the_next_blob_is_read() -> None:
    async with open_parser(ParseLimits(seconds=3.0), slots=1) as parser:
        with pytest.raises(Unreadable, match="took longer than 3 s") as caught:
            await parser.parse(SLOW)
        assert caught.value.reason == "timeout"
        assert workers() == []
        assert (await parser.parse(GOOD)).documents


async def test_a_dying_process_is_reported_and_replaced() -> None:
    async with open_parser(ParseLimits(), slots=1) as parser:
        await parser.parse(GOOD)
        (process,) = workers()

        os.kill(process.pid, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(0.2, process.kill)
        with pytest.raises(Unreadable, match=r"'a\.txt' crashed its parser") as caught:
            await parser.parse(Blob(b"lost", "a.txt"))
        assert caught.value.reason == "crashed"
        assert (await parser.parse(GOOD)).documents
        assert process not in workers()


async def test_cancelling_the_caller_ends_the_process() -> None:
    async with open_parser(ParseLimits(), slots=1) as parser:
        await parser.parse(GOOD)
        (process,) = workers()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await parser.parse(SLOW)
        assert not process.is_running()
        assert (await parser.parse(GOOD)).documents


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces RLIMIT_AS")
async def test_memory_is_bounded() -> None:
    limits = ParseLimits(memory=300_000_000, bytes=10**9, characters=10**9)
    async with open_parser(limits, slots=1) as parser:
        with pytest.raises((TooLarge, Unreadable)) as caught:
            await parser.parse(Blob(b"word \n\n" * 20_000_000, "big.txt"))
        assert isinstance(caught.value, TooLarge) or caught.value.reason == "crashed"
        assert (await parser.parse(GOOD)).documents


async def test_a_name_that_is_no_unicode_is_refused() -> None:
    async with open_parser(ParseLimits()) as parser:
        with pytest.raises(Unreadable, match="rename the file") as caught:
            await parser.parse(Blob(b"x", os.fsdecode(b"bad\xff.txt")))
        assert caught.value.reason == "bad_name"


async def test_modules_in_the_working_folder_are_not_imported(tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('hijacked')")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        async with open_parser(ParseLimits()) as parser:
            assert (await parser.parse(GOOD)).documents
    finally:
        os.chdir(before)


async def test_the_environment_is_not_handed_on() -> None:
    async with open_parser(ParseLimits()) as parser:
        await parser.parse(GOOD)
        (process,) = workers()
        allowed = {"PYTHONPATH", "PYTHONUTF8", "LC_CTYPE", "ORT_DISABLE_TELEMETRY"}
        assert process.environ().keys() <= allowed


async def test_a_process_is_kept_however_large_the_server_is() -> None:
    """Linux counts the peak of the process that forked among a new process's own."""
    limits = ParseLimits(memory=1 << 30)
    large = bytearray(b"x" * (limits.memory // 2))
    async with open_parser(limits) as parser:
        await parser.parse(GOOD)
        (process,) = workers()
        await parser.parse(GOOD)
        assert workers() == [process]
    assert len(large) == limits.memory // 2
