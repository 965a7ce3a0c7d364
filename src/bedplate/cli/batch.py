"""Batches: a line of JSON in, a line of JSON out, in the same order."""

import asyncio
import json
import os
import sys
import threading
from asyncio import Queue, Task
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bedplate.cli.exits import Exit, exit_of, exit_of_batch
from bedplate.cli.progress import Form, State, telling
from bedplate.cli.screen import write_json
from bedplate.errors import BedplateError, InvalidInput

WORKERS = 4
MAX_LINE_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Item:
    """A line that was understood. Without an `id` of its own it goes by its number."""

    id: str | int | float
    text: str
    filter: str | dict[str, object] | None
    join: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    line: dict[str, Any]
    exit: Exit
    size: int


Work = Callable[[Item], Awaitable[dict[str, Any]]]


async def run_batch(
    file: str, work: Work, progress: Form | None = None, *, key: str = "text"
) -> Exit:
    """Answer every line of `file` ("-" is stdin); the exit code of it all. `key` holds the text.

    A line that cannot be read or answered gives `{"id"?, "line", "error"}` in its place. Answers
    leave as soon as those before them did, so that a program can talk line by line; to somebody
    who watches them leave no bar is shown.
    """
    done, failed, first = 0, 0, Exit.DONE
    size, total = 0, _size(file)
    form = "off" if progress != "json" and sys.stdout.isatty() else progress
    waiting: Queue[Task[Outcome] | None] = Queue(WORKERS)
    places = asyncio.Semaphore(WORKERS)

    async def answer(number: int, raw: bytes) -> Outcome:
        try:
            return await _answer(number, raw, work, key)
        finally:
            places.release()

    async def read(tasks: asyncio.TaskGroup) -> None:
        number = 0
        async for raw in _lines(file):
            number += 1
            if raw.strip():
                await places.acquire()
                await waiting.put(tasks.create_task(answer(number, raw)))
        await waiting.put(None)

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read(tasks))
            with telling("answer", form) as tell:
                while (task := await waiting.get()) is not None:
                    outcome = await task
                    write_json(outcome.line)
                    if outcome.exit is Exit.DONE:
                        done += 1
                    else:
                        failed += 1
                        first = first or outcome.exit
                    size += outcome.size
                    facts = {"failures": failed, "bytes": size, "total_bytes": total}
                    lines = done + failed
                    tell(State(lines, None, "lines", lines, "lines", size, total, facts=facts))
    except ExceptionGroup as group:
        raise _first(group) from None
    return exit_of_batch(done, failed, first)


def _first(error: BaseException) -> BaseException:
    if isinstance(error, BaseExceptionGroup):
        return _first(cast(BaseExceptionGroup[BaseException], error).exceptions[0])
    return error


async def _answer(number: int, raw: bytes, work: Work, key: str) -> Outcome:
    known: dict[str, Any] = {}
    try:
        fields = _decode(raw)
        if isinstance(fields.get("id"), str | int | float):
            known["id"] = fields["id"]
        answer = await work(_item(number, fields, key))
    except BedplateError as error:
        problem = {"code": error.code, "message": error.message}
        return Outcome({**known, "line": number, "error": problem}, exit_of(error), len(raw))
    return Outcome(answer, Exit.DONE, len(raw))


def _decode(raw: bytes) -> dict[str, object]:
    if len(raw) > MAX_LINE_BYTES:
        raise InvalidInput(
            f"This line has {len(raw):,} bytes; at most {MAX_LINE_BYTES:,} are read."
        )
    try:
        value: object = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"This line is not valid UTF-8 at byte {error.start + 1}.") from error
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at column {error.colno}"
        raise InvalidInput(f"This line is not valid JSON: {problem}.") from error
    except RecursionError as error:
        raise InvalidInput("This line is nested too deep.") from error
    if not isinstance(value, dict):
        raise InvalidInput('This line is not a JSON object like {"id": ..., "text": ...}.')
    return cast(dict[str, object], value)


def _item(number: int, fields: dict[str, object], key: str) -> Item:
    id, text = fields.get("id"), fields.get(key)
    filter, join = fields.get("filter"), fields.get("join")
    if isinstance(id, bool) or not isinstance(id, str | int | float | None):
        raise InvalidInput('"id" must be text or a number.', param="id")
    if not isinstance(text, str | None):
        raise InvalidInput(f'"{key}" must be text.', param=key)
    if text is None and filter is None and join is None:
        raise InvalidInput(f'"{key}" is missing.', param=key)
    if not isinstance(filter, str | dict | None):
        raise InvalidInput('"filter" must be an expression or an object.', param="filter")
    if not isinstance(join, dict | None):
        raise InvalidInput('"join" must be an object, {TABLE: CONDITION}.', param="join")
    return Item(
        number if id is None else id,
        text or "",
        cast("str | dict[str, object] | None", filter),
        cast("dict[str, object] | None", join),
    )


def _size(file: str) -> int | None:
    """Bytes, where that is known before they come."""
    path = Path(file)
    return path.stat().st_size if file != STDIN and path.is_file() else None


async def _lines(file: str) -> AsyncIterator[bytes]:
    if file != STDIN:
        for line in _file_lines(file):
            yield line
        return
    held = bytearray()
    async for data in _stdin():
        held += data
        *whole, rest = held.split(b"\n")
        for line in whole:
            yield bytes(line)
        held = bytearray(rest)
    if held:
        yield bytes(held)


def _file_lines(file: str) -> Iterator[bytes]:
    try:
        with Path(file).open("rb") as opened:
            yield from opened
    except OSError as error:
        raise InvalidInput(f"{file!r} cannot be read: {error.strerror}.") from error


async def _stdin() -> AsyncIterator[bytes]:
    """What comes in, as it comes.

    A thread of its own that is never waited for: a read that blocks would hold up Ctrl-C. It reads
    the descriptor, as a buffered reader's lock would be held when the interpreter ends.
    """
    queue: Queue[bytes] = Queue(4)
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def pump() -> None:
        # RuntimeError: the loop is closed, nobody listens any more.
        with suppress(RuntimeError):
            data = b"more"
            while data:
                data = os.read(descriptor, READ_BYTES)
                asyncio.run_coroutine_threadsafe(queue.put(data), loop).result()

    threading.Thread(target=pump, name="stdin", daemon=True).start()
    while data := await queue.get():
        yield data
