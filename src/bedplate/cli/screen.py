# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""What people and programs get to see: results on stdout, everything else on stderr."""

import json
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPED_WIDTH = 120

# Control characters, and the marks that reorder text: a document may hold them, a terminal obeys.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Text of unknown origin, safe for a terminal."""
    return _UNSAFE.sub("\ufffd", text)


def one_line(text: str) -> str:
    return plain(" ".join(text.split()))


def counted(number: int, noun: str) -> str:
    """A number with what it counts: "1 document", "2,000 documents"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def value_text(value: object) -> str:
    """A metadata value in JSON's words; text is not quoted, and a list has no brackets."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(value_text(each) for each in cast("list[object]", value))
    return json.dumps(value, ensure_ascii=False, default=str)


def use_utf8() -> None:
    """Write UTF-8 whatever the locale; what UTF-8 cannot hold is escaped as JSON escapes it."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def write_json(value: Mapping[str, Any]) -> None:
    """One object on one line of stdout, at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def write_error(code: str, message: str, *, as_json: bool) -> None:
    """One line a problem on stderr; for programs also the object they expect on stdout."""
    for line in message.splitlines() or [""]:
        sys.stderr.write(f"error: {plain(line)}\n")
    sys.stderr.flush()
    if as_json:
        write_json({"error": {"code": code, "message": message}})


def console(*, stderr: bool = False) -> "Console":
    """Colours and the terminal's width on a terminal; plain and wide when piped."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            """Rich ends the process with 1; here the command's end decides."""
            raise BrokenPipeError

    found = Piped(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found.width = PIPED_WIDTH
    return found


def table(*columns: str, title: str | None = None) -> "Table":
    """A table of text; the last column takes the room that is left."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for name in columns[:-1]:
        made.add_column(name, overflow="fold")
    made.add_column(columns[-1], overflow="fold", ratio=1)
    return made


def print_indented(target: "Console", text: "Text", indent: int) -> None:
    """Text wrapped behind an indent on a terminal, on one line when piped; nothing after its end."""
    from rich.text import Text

    width = target.width - indent
    for line in text.wrap(target, width) if target.is_terminal else (text,):
        line.rstrip()
        target.print(Text(" " * indent).append_text(line), soft_wrap=True)


class Typewriter:
    """Streamed text, broken between words at the terminal's width; as it is when piped."""

    def __init__(self, target: "Console", *, indent: str = "") -> None:
        self._file = target.file
        self._width = target.width - len(indent) if target.is_terminal or indent else 0
        self._indent = indent
        self._column = 0
        self._word = ""
        self._space = ""
        self._started = False

    def write(self, text: str) -> None:
        for character in plain(text):
            if character == "\n":
                self._put_word()
                self._break()
            elif character == " ":
                self._put_word()
                self._space = " " if self._column else ""
            else:
                self._word += character
        self._file.flush()

    def finish(self) -> None:
        self._put_word()
        self._break()
        self._file.flush()

    def _put_word(self) -> None:
        if not self._word:
            return
        needed = self._column + len(self._space) + len(self._word)
        if self._width and self._column and needed > self._width:
            self._break()
        if not self._column:
            self._file.write(self._indent)
        self._file.write(self._space + self._word)
        self._column += len(self._space) + len(self._word)
        self._word = self._space = ""

    def _break(self) -> None:
        self._file.write("\n")
        self._column, self._space = 0, ""
