import io
import json

import pytest
from rich.console import Console

from bedplate.cli.screen import Typewriter, counted, one_line, plain, write_error, write_json


def on_terminal(width: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=True, width=width), file


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x08\x08", "a\rb", "\u202etxt.exe", "\x7f"],
)
def test_a_document_cannot_steer_the_terminal(hostile: str) -> None:
    shown = plain(hostile)
    assert not set(shown) & set("\x1b\x9b\x07\x08\r\x7f\u202e")


def test_ordinary_text_is_left_as_it_is() -> None:
    text = "Grüße,\n\t日本語 – 👋 [1] naïve"
    assert plain(text) == text


def test_one_line_has_no_line_ends() -> None:
    assert one_line(" a\n\n b\tc ") == "a b c"


def test_json_is_one_line_of_utf8_and_keeps_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"b": "é\n", "a": [1]})
    out = capsys.readouterr().out
    assert out == '{"b": "é\\n", "a": [1]}\n'


def test_every_problem_of_an_error_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    write_error("config_error", "one\ntwo", as_json=True)
    out, err = capsys.readouterr()
    assert err == "error: one\nerror: two\n"
    assert json.loads(out) == {"error": {"code": "config_error", "message": "one\ntwo"}}


def test_without_json_an_error_leaves_stdout_empty(capsys: pytest.CaptureFixture[str]) -> None:
    write_error("x", "gone", as_json=False)
    assert capsys.readouterr() == ("", "error: gone\n")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_streamed_text_breaks_between_words_whatever_its_pieces(size: int) -> None:
    console, file = on_terminal(12)
    writer = Typewriter(console)
    text = "one two three four\n\nfive"
    for start in range(0, len(text), size):
        writer.write(text[start : start + size])
    writer.finish()
    assert file.getvalue() == "one two\nthree four\n\nfive\n"


def test_a_word_longer_than_the_line_is_kept_whole() -> None:
    console, file = on_terminal(5)
    writer = Typewriter(console, indent="  ")
    writer.write("extraordinarily so")
    writer.finish()
    assert file.getvalue() == "  extraordinarily\n  so\n"


def test_piped_text_is_not_broken_at_all() -> None:
    file = io.StringIO()
    writer = Typewriter(Console(file=file, width=10))
    writer.write("a long line that goes on and on")
    writer.finish()
    assert file.getvalue() == "a long line that goes on and on\n"


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 documents"), (1, "1 document"), (2_000, "2,000 documents")]
)
def test_a_number_stands_with_what_it_counts(number: int, shown: str) -> None:
    assert counted(number, "document") == shown
