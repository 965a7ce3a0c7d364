"""A parser process: reads one blob after another from stdin, under limits it cannot lift.

Started by `isolated.py` as `python -m bedplate.parsers.worker LIMITS`, LIMITS being JSON. It gets
no environment, no network and no files to write (`confined.py` says what holds where); when it
hangs or dies, only the blob in hand is lost. An
error that no reader foresaw ends the process; the server reports it as a crash.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

import msgspec
import psutil

from bedplate.domain.documents import Blob, Document, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.confined import confine
from bedplate.parsers.detect import read_blob
from bedplate.parsers.picture import show_picture
from bedplate.parsers.protocol import ParseLimits, ReadBlob
from bedplate.parsers.tesseract import start_tesseract
from bedplate.parsers.wire import (
    BATCH_CHARACTERS,
    BATCH_DOCUMENTS,
    HEADER,
    Batch,
    Done,
    Ready,
    Refused,
    Reply,
    Request,
    Shown,
    framed,
)

if sys.platform != "win32":
    import resource

_SPARE_SECONDS = 5

ShowPicture = Callable[[Blob, ParseLimits], bytes]


def main(read: ReadBlob = read_blob) -> None:
    """Serve until stdin ends. Tests give a `read` of their own, which misbehaves."""
    limits = msgspec.json.decode(sys.argv[1], type=ParseLimits)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = _take_over_stdout()
    _restrict(limits)
    if limits.tesseract:
        # Now or never: once confined, this process starts nothing.
        limits = replace(limits, tesseract_pipes=start_tesseract(limits))
    confine(processes=limits.processes)
    serve(sys.stdin.buffer, replies, limits, read)


def _take_over_stdout() -> BinaryIO:
    """The pipe to the server; what a library prints to stdout goes to stderr instead."""
    pipe = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(pipe, "wb")


def _restrict(limits: ParseLimits) -> None:
    """Bound memory, forbid writing to files, leave no core dump with a customer's text in it.

    macOS takes RLIMIT_AS and does not enforce it; there the deadline alone bounds a parser.
    """
    if sys.platform == "win32":
        return
    bounds = [(resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    if sys.platform != "darwin":
        bounds.append((resource.RLIMIT_AS, limits.memory))
    for kind, bound in bounds:
        resource.setrlimit(kind, (bound, bound))


def _allow_time(limits: ParseLimits) -> None:
    """CPU seconds for one more blob: ends a process whose server is no longer there to end it."""
    if sys.platform == "win32":
        return
    spent = resource.getrusage(resource.RUSAGE_SELF)
    bound = int(spent.ru_utime + spent.ru_stime + limits.seconds) + _SPARE_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (bound, resource.RLIM_INFINITY))


def serve(
    requests: BinaryIO,
    replies: BinaryIO,
    limits: ParseLimits,
    read: ReadBlob = read_blob,
    show: ShowPicture = show_picture,
) -> None:
    """Answer requests until stdin ends."""
    replies.write(framed(Ready()))
    replies.flush()
    while header := requests.read(HEADER.size):
        _allow_time(limits)
        request = msgspec.msgpack.decode(requests.read(HEADER.unpack(header)[0]), type=Request)
        content = requests.read(request.size)
        blob = Blob(content, request.source, request.media_type)
        for reply in _answer(blob, limits, show if request.picture else read):
            replies.write(framed(reply))
        replies.flush()


def _answer(
    blob: Blob, limits: ParseLimits, read: Callable[[Blob, ParseLimits], Parsed | bytes]
) -> Iterator[Reply]:
    try:
        found = read(blob, limits)
    except Unreadable as error:
        yield Refused("unreadable", str(error), error.reason)
    except TooLarge as error:
        yield Refused("too_large", str(error))
    except MemoryError:
        yield Refused(
            "too_large",
            f"{blob.source!r} needs more than {limits.memory:,} bytes of memory to parse.",
        )
    except RecursionError:
        yield Refused("unreadable", f"{blob.source!r} is nested too deeply.", "malformed")
    else:
        if isinstance(found, bytes):
            yield Shown(found, _has_grown(limits))
            return
        yield from _batches(found)
        yield Done(found.failures, found.warnings, _has_grown(limits))


def _batches(parsed: Parsed) -> Iterator[Batch]:
    batch: list[Document] = []
    characters = 0
    for document in parsed.documents:
        batch.append(document)
        characters += sum(len(block.text) for block in document.blocks)
        if len(batch) >= BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield Batch(tuple(batch))
            batch, characters = [], 0
    if batch:
        yield Batch(tuple(batch))


def _has_grown(limits: ParseLimits) -> bool:
    # Not getrusage's peak: Linux hands that on from the server, whose size is not this process's.
    return psutil.Process().memory_info().rss > limits.memory // 2


if __name__ == "__main__":
    main()
