"""Pictures read by a Tesseract that is installed, from inside a parser process that starts nothing."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image
from tests.unit.parsers.test_read_image import drawn, saved, scan

from bedplate.domain.documents import Blob
from bedplate.errors import Unreadable
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits

PROGRAM = shutil.which("tesseract") or ""

installed = pytest.mark.skipif(not PROGRAM, reason="the program tesseract is not installed")


def limits(program: str = PROGRAM) -> ParseLimits:
    return ParseLimits(tesseract=program)


def imitation(folder: Path, script: str) -> str:
    """A program of that name; it answers any call by `script`."""
    program = folder / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def running() -> Callable[[], list[psutil.Process]]:
    """Processes that the test started and that are still there; other tests have servers too."""
    before = set(psutil.Process().children())

    def started() -> list[psutil.Process]:
        return [each for each in psutil.Process().children() if each not in before]

    return started


@installed
async def test_the_words_in_pictures_and_scans_are_read_and_nothing_is_left_running(
    running: Callable[[], list[psutil.Process]],
) -> None:
    picture = saved(drawn("Keep the umbrella", "dry and folded."), "PNG")
    async with open_parser(limits(), slots=1) as parser:
        parsed = await parser.parse(Blob(picture, "a.png"))
        assert [b.text for b in parsed.documents[0].blocks] == ["Keep the umbrella dry and folded."]
        parsed = await parser.parse(Blob(scan(["Keep it dry", "", "Fold it well"]), "a.pdf"))
        assert [(b.page, b.text) for b in parsed.documents[0].blocks] == [
            (1, "Keep it dry"),
            (3, "Fold it well"),
        ]
    assert running() == []


@installed
async def test_a_picture_without_words_says_so() -> None:
    async with open_parser(limits(), slots=1) as parser:
        with pytest.raises(Unreadable, match="shows no words") as caught:
            await parser.parse(Blob(saved(Image.new("L", (40, 30), "white"), "PNG"), "a.png"))
    assert caught.value.reason == "no_text"


@pytest.mark.skipif(sys.platform == "win32", reason="the imitation is a shell script")
async def test_what_the_program_complains_of_is_said(tmp_path: Path) -> None:
    program = imitation(tmp_path, "echo 'no data for eng' >&2; exit 1")
    async with open_parser(limits(program), slots=1) as parser:
        with pytest.raises(Unreadable, match="does not read: no data for eng") as caught:
            await parser.parse(Blob(saved(drawn("x"), "PNG"), "a.png"))
    assert caught.value.reason == "unsupported"


@pytest.mark.skipif(sys.platform == "win32", reason="the imitation is a shell script")
async def test_a_program_that_hangs_ends_with_the_deadline(
    tmp_path: Path, running: Callable[[], list[psutil.Process]]
) -> None:
    program = imitation(tmp_path, "exec sleep 60")
    short = ParseLimits(tesseract=program, seconds=2)
    async with open_parser(short, slots=1) as parser:
        with pytest.raises(Unreadable) as caught:
            await parser.parse(Blob(saved(drawn("x"), "PNG"), "a.png"))
        assert caught.value.reason == "timeout"
        assert (await parser.parse(Blob(b"words", "a.txt"))).documents[0].text == "words"
    assert running() == []


@pytest.mark.skipif(sys.platform != "linux", reason="writing is refused by the filter on Linux")
async def test_the_program_can_write_no_file(tmp_path: Path) -> None:
    victim = tmp_path / "made"
    program = imitation(tmp_path, f"echo x > '{victim}'; echo denied >&2; exit 1")
    async with open_parser(limits(program), slots=1) as parser:
        with pytest.raises(Unreadable, match="denied"):
            await parser.parse(Blob(saved(drawn("x"), "PNG"), "a.png"))
    assert not victim.exists()
