"""The keeper alone: a server that has its keeper's life, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from bedplate.models.managed_process import KEEPER

PATIENCE = 20.0
# Ignores SIGTERM, and starts a process that does too, in a session of its own.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Kept:
    def __init__(self, *command: str, seconds: float = 0.1) -> None:
        self.keeper = subprocess.Popen(
            [sys.executable, "-I", str(KEEPER), str(seconds), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.pids: list[int] = []

    def started(self) -> "Kept":
        assert self.keeper.stdout is not None
        self.pids = [int(pid) for pid in self.keeper.stdout.readline().split()]
        assert all(alive(pid) for pid in self.pids)
        return self

    def let_go(self) -> int:
        """As the system does when Bedplate dies; the keeper's exit code."""
        assert self.keeper.stdin is not None
        self.keeper.stdin.close()
        return self.keeper.wait(PATIENCE)


Keep = Callable[..., Kept]


@pytest.fixture
def keep() -> Iterator[Keep]:
    made: list[Kept] = []

    def start(*command: str, **options: float) -> Kept:
        made.append(Kept(*command, **options))
        return made[-1]

    yield start
    for kept in made:
        for pid in kept.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        kept.keeper.kill()
        kept.keeper.wait()
        for pipe in (kept.keeper.stdin, kept.keeper.stdout):
            if pipe is not None:
                pipe.close()


def test_the_exit_code_is_the_servers(keep: Keep) -> None:
    assert keep(sys.executable, "-c", "raise SystemExit(7)").keeper.wait(PATIENCE) == 7
    killed = keep(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.keeper.wait(PATIENCE) == 128 + 9


def test_a_server_that_ends_at_once_is_not_waited_for(keep: Keep) -> None:
    kept = [keep("/bin/sh", "-c", f"exit {code}") for code in range(1, 9)]
    assert [each.keeper.wait(PATIENCE) for each in kept] == list(range(1, 9))


def test_a_program_that_does_not_start_has_a_code_of_its_own(keep: Keep, tmp_path: Path) -> None:
    kept = keep(str(tmp_path / "nothing"))
    assert kept.keeper.wait(PATIENCE) == 127
    assert kept.keeper.stdout is not None
    assert "cannot start" in kept.keeper.stdout.read()


def test_a_server_may_stop_by_itself(keep: Keep) -> None:
    polite = "import os, signal, time; signal.signal(15, lambda *_: os._exit(5)); " + (
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    kept = keep(sys.executable, "-c", polite, seconds=PATIENCE).started()
    assert kept.let_go() == 5


def test_one_that_does_not_is_killed_with_all_that_it_started(keep: Keep) -> None:
    kept = keep(sys.executable, "-c", STUBBORN).started()
    kept.let_go()
    assert not any(alive(pid) for pid in kept.pids)


def test_a_keeper_that_is_told_to_end_ends_its_server(keep: Keep) -> None:
    kept = keep(sys.executable, "-c", STUBBORN).started()
    kept.keeper.terminate()
    kept.keeper.wait(PATIENCE)
    assert not any(alive(pid) for pid in kept.pids)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_server_does_not_outlive_a_keeper_that_is_killed(keep: Keep) -> None:
    kept = keep(sys.executable, "-c", STUBBORN).started()
    kept.keeper.kill()
    until(lambda: not alive(kept.pids[0]))
