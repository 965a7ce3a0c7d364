"""Keeps one inference server, and ends it with all that it started once Bedplate is gone.

Started by path, `python -I managed_keeper.py SECONDS COMMAND...`, so that it stays small: it imports
nothing of Bedplate. While its stdin is open the server may run. At its end, which the system brings
about however Bedplate dies, the server is asked to stop, has SECONDS for it, and is killed with its
children, those in sessions of their own included. The exit code is the server's.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

NOT_STARTED = 127
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MOST_ROUNDS = 100
_STEP_SECONDS = 0.02


def main() -> int:
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    # A handler of any kind: without one a signal wakes nobody.
    signal.signal(signal.SIGCHLD, _wake)
    signal.signal(signal.SIGTERM, _end_stdin)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    server = _start(command)
    if server is None:
        return NOT_STARTED
    code = _until_either_ends(server.pid, woken)
    if code is None:
        code = _stop(server.pid, seconds)
    _kill_the_rest()
    return code


def _wake(*_: object) -> None:
    """The signal itself does, by the pipe."""


def _end_stdin(*_: object) -> None:
    with suppress(OSError):
        os.close(0)


def _start(command: Sequence[str]) -> "subprocess.Popen[bytes] | None":
    """To be kept: a Popen that goes buries a process that is over already, and its code with it."""
    keeper = os.getpid()

    def die_with_keeper() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # It may have died before it could be seen to.
        if os.getppid() != keeper:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        return subprocess.Popen(  # noqa: S603 - the command is the configuration's
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_keeper,
        )
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"cannot start {command[0]}: {error}\n")
        return None


def _until_either_ends(pid: int, woken: int) -> int | None:
    """The server's exit code; None when it is the keeper's time that is over."""
    while (code := _reap(pid)) is None:
        try:
            ready, _, _ = select.select([0, woken], [], [])
        except (OSError, ValueError):
            return None
        if woken in ready:
            os.read(woken, 4096)
        if 0 in ready and not os.read(0, 4096):
            return None
    return code


def _stop(pid: int, seconds: float) -> int:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (code := _reap(pid)) is not None:
            return code
        time.sleep(_STEP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return 128 + signal.SIGKILL


def _reap(pid: int) -> int | None:
    """Buries whoever has died; the exit code of `pid` if it is among them."""
    code = None
    with suppress(ChildProcessError):
        while True:
            dead, status = os.waitpid(-1, os.WNOHANG)
            if dead == 0:
                break
            if dead == pid:
                exit_code = os.waitstatus_to_exitcode(status)
                code = exit_code if exit_code >= 0 else 128 - exit_code
    return code


def _kill_the_rest() -> None:
    """In rounds: a process that is being killed may just have started another."""
    for _ in range(_MOST_ROUNDS):
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.kill()
        time.sleep(_STEP_SECONDS)
        _reap(0)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
