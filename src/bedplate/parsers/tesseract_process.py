"""Runs Tesseract for a parser process, which itself may start nothing.

Started by `worker.py`, before it sees a file, as `python -m bedplate.parsers.tesseract_process
PROGRAM SECONDS`. It takes pictures from stdin and nothing else, so that a file which takes over
its parser gains no program to start. The parser's bounds on memory, writing and the network hold
here and for the program; each picture has SECONDS of processor time.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from bedplate.parsers.confined import confine
from bedplate.parsers.wire import HEADER

if sys.platform != "win32":
    import resource

MOST_BYTES = 64 * 1024 * 1024
"""Of one picture."""

READ, FAILED = b"\0", b"\1"
"""What an answer starts with; the table of words or Tesseract's own words follow."""

_MOST_LANGUAGES = 4
_LONGEST_COMPLAINT = 500


def main() -> None:
    program, seconds = sys.argv[1], float(sys.argv[2])
    confine(processes=1)
    serve(sys.stdin.buffer, sys.stdout.buffer, program, seconds)


def serve(pictures: BinaryIO, answers: BinaryIO, program: str, seconds: float) -> None:
    """Answer until the pictures end."""
    languages: str | None = None
    while header := pictures.read(HEADER.size):
        (size,) = HEADER.unpack(header)
        if size > MOST_BYTES:
            return
        picture = pictures.read(size)
        _allow_time(seconds)
        if languages is None:
            languages = _languages(program)
        answer = _answer([program, "-", "-", "-l", languages, "tsv"], picture)
        answers.write(HEADER.pack(len(answer)) + answer)
        answers.flush()


def _answer(command: Sequence[str], picture: bytes) -> bytes:
    code, output, complaint = _run(command, picture)
    return FAILED + complaint[-_LONGEST_COMPLAINT:] if code else READ + output


def _run(command: Sequence[str], given: bytes = b"") -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr.

    The pipe in is written to by the system's own calls, for a confined process may open nothing
    for writing. There is no timeout: it may kill nothing either; the server ends both of them.
    """
    taken, put = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - the server found the program itself
            command, stdin=taken, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_ENVIRONMENT
        )
    finally:
        os.close(taken)
    with process:
        # A program that ends without reading says why in its exit code.
        with suppress(BrokenPipeError):
            write_all(put, given)
        os.close(put)
        output, complaint = process.communicate()
    return process.returncode, output, complaint


def write_all(pipe: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(pipe, view) :]


_ENVIRONMENT = {"OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"}


def _languages(program: str) -> str:
    """Those that are installed, English first; "osd" is no language."""
    _, output, _ = _run([program, "--list-langs"])
    lines = output.decode("utf-8", "replace").splitlines()
    names = sorted({line.strip() for line in lines if line.strip() and " " not in line.strip()})
    found = sorted((name for name in names if name != "osd"), key=lambda name: name != "eng")
    return "+".join(found[:_MOST_LANGUAGES]) or "eng"


def _allow_time(seconds: float) -> None:
    """What is started inherits the bound, less nothing that this process has spent."""
    if sys.platform == "win32":
        return
    spent = resource.getrusage(resource.RUSAGE_SELF)
    bound = int(spent.ru_utime + spent.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (bound, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
