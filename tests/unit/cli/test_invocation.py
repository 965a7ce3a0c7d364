import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer

from bedplate.cli.invocation import Invocation, command
from bedplate.errors import BedplateError, InvalidInput, UpstreamTimeout


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers


def ended(error: BaseException, *arguments: str) -> int:
    """The exit code of a command that raises `error`."""
    app = typer.Typer()

    @command(app, "boom")
    def boom(invocation: Invocation) -> None:
        raise error

    code: int = app(args=list(arguments), standalone_mode=False)
    return code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("no"), 2),
        (UpstreamTimeout("late", provider="p"), 5),
        (typer.Exit(4), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_a_command_ends_with_the_code_of_what_it_raised(error: BaseException, code: int) -> None:
    assert ended(error) == code


def test_an_unexpected_error_is_one_line_that_says_how_to_learn_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(RuntimeError("the cat")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: unexpected RuntimeError: the cat. --log-level debug shows where.\n"


def test_at_debug_level_the_traceback_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(RuntimeError("the cat"), "--log-level", "debug") == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1] == "error: unexpected RuntimeError: the cat."


@pytest.mark.parametrize("error", [RuntimeError("x"), BedplateError("x")])
def test_with_json_every_error_is_an_object_too(
    capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    ended(error, "--json")
    assert '"code": "internal_error"' in capsys.readouterr().out


def test_options_after_the_command_win_over_those_before_it() -> None:
    before = Invocation(json=True, log_level="error")
    assert Invocation(log_level="debug").over(before) == Invocation(json=True, log_level="debug")


def test_an_interrupt_that_does_not_wake_the_loop_is_seen_all_the_same() -> None:
    """It comes in another thread, as one does that comes just before the loop falls asleep."""
    code = """
import asyncio, signal, threading, time
from bedplate.cli.invocation import run_async

def interrupt():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

async def wait():
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        await asyncio.Event().wait()
    finally:
        print("closed")

try:
    run_async(wait())
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["closed", "interrupted"]
