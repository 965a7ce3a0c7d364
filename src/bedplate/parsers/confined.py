"""What a parser process gives up before it sees a file: the network, writing, processes.

Three fences, each of which may be missing:

- a filter of system calls (seccomp) on Linux on x86-64 and ARM64, unless the kernel was built
  without; it holds for native code too;
- a network namespace of its own (user_namespaces(7)), where the system lets users make one;
- an audit hook (PEP 578) everywhere, which holds for Python code and not for native code.
"""

import ctypes
import errno
import os
import platform
import re
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

if sys.platform != "win32":
    import resource

OPEN_FILES = 256
_THREADS = 256

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2
# linux/filter.h, linux/seccomp.h: an instruction is code, two jumps, and a value.
_INSTRUCTION = struct.Struct("=HBBI")
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_FOREIGN_CALLS = 0x40000000
_CLONE_THREAD = 0x10000
_MAKES_FILES = os.O_CREAT | os.O_TRUNC | 0o20000000  # the last is Linux's O_TMPFILE

_STARTS_PROCESSES = frozenset(
    ["subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn",
     "os.spawn", "os.startfile", "pty.spawn"]
)  # fmt: skip
_CHANGES_FILES = frozenset(
    ["os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate",
     "os.chmod", "os.chown", "shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp"]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Calls:
    """Numbers of system calls: refused always, refused without processes, and looked into.

    `tgkill` may reach this process alone, `prlimit` only who calls it.
    """

    architecture: int
    refused: tuple[int, ...]
    processes: tuple[int, ...]
    clone: int
    open: tuple[tuple[int, int], ...]
    tgkill: int
    prlimit: int


# In order: socket; ptrace, process_vm_readv and _writev, kill, tkill, pidfd_send_signal,
# rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_getfd;
# unlink(at), rmdir, rename(at, at2), truncate, mkdir(at), link(at), symlink(at), chmod and chown in
# all forms, mknod(at), set- and removexattr; then creat, where it is.
_CALLS = {
    "x86_64": _Calls(
        architecture=0xC000003E,
        refused=(
            *(
                41,
                101,
                310,
                311,
                62,
                200,
                424,
                129,
                297,
                438,
                87,
                263,
                84,
                82,
                264,
                316,
                76,
                83,
                258,
                86,
                265,
            ),
            *(88, 266, 90, 91, 268, 452, 92, 93, 94, 260, 133, 259, 188, 189, 190, 197, 198, 199),
            85,
        ),
        processes=(57, 58, 59, 322),
        clone=56,
        open=((2, 1), (257, 2)),
        tgkill=234,
        prlimit=302,
    ),
    "aarch64": _Calls(
        architecture=0xC00000B7,
        refused=(
            *(
                198,
                117,
                270,
                271,
                129,
                130,
                424,
                138,
                240,
                438,
                35,
                38,
                276,
                45,
                34,
                37,
                36,
                52,
                53,
                452,
                54,
                55,
            ),
            *(33, 5, 6, 7, 14, 15, 16),
        ),
        processes=(221, 281),
        clone=220,
        open=((56, 2),),
        tgkill=131,
        prlimit=261,
    ),
}
# openat2 and clone3 take their flags from memory, where no filter can look, and libraries then
# use the older calls. io_uring makes all calls without making any.
_HIDDEN_CALLS = (437, 435, 425)


def confine(*, processes: int) -> frozenset[str]:
    """Put up every fence that there is; the names of those that stand.

    Without `processes` none can be started; with them, a user namespace bounds how many processes
    and threads there are.
    """
    standing = {"audit"}
    sys.addaudithook(_hook(processes=processes))
    if sys.platform == "win32":
        return frozenset(standing)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    if sys.platform != "linux":
        return frozenset(standing)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        standing.add("namespace")
        if processes and _counts_by_namespace():
            bound = processes + _THREADS
            resource.setrlimit(resource.RLIMIT_NPROC, (bound, bound))
    calls = _CALLS.get(platform.machine())
    program = _program(calls, processes=processes, pid=os.getpid()) if calls else iter(())
    if calls and _filter_calls(libc, b"".join(program)):
        standing.add("filter")
    return frozenset(standing)


def _counts_by_namespace() -> bool:
    """Whether RLIMIT_NPROC counts by namespace, not all that the user runs: since Linux 5.14."""
    version = re.match(r"(\d+)\.(\d+)", platform.release())
    return version is not None and (int(version.group(1)), int(version.group(2))) >= (5, 14)


def _hook(*, processes: int) -> Callable[[str, tuple[object, ...]], None]:
    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if (
            event.startswith("socket.")
            or event in _CHANGES_FILES
            or (not processes and event in _STARTS_PROCESSES)
            or (event == "open" and _makes_file(arguments))
        ):
            raise PermissionError(errno.EACCES, f"A parser process may not do this: {event}")

    return hook


def _makes_file(arguments: tuple[object, ...]) -> bool:
    flags = arguments[2] if len(arguments) > 2 else 0
    return isinstance(flags, int) and bool(flags & (os.O_CREAT | os.O_TRUNC))


def _filter_calls(libc: ctypes.CDLL, program: bytes) -> bool:
    count = len(program) // _INSTRUCTION.size
    body = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a short, padding to a pointer's size, a pointer.
    head = ctypes.create_string_buffer(struct.pack("@HP", count, ctypes.addressof(body)))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, head, 0, 0) == 0


def _program(calls: _Calls, *, processes: int, pid: int) -> Iterator[bytes]:
    """Instructions for the kernel: what is refused says EACCES, what cannot be judged ENOSYS."""
    refuse = _packed(_RETURN, _ERROR | errno.EACCES)
    unknown = _packed(_RETURN, _ERROR | errno.ENOSYS)
    load_number = _packed(_LOAD, _NUMBER)
    yield _packed(_LOAD, _ARCHITECTURE)
    yield _packed(_EQUAL, calls.architecture, yes=1)
    yield unknown
    yield load_number
    yield _packed(_AT_LEAST, _FOREIGN_CALLS, no=1)
    yield unknown
    for number in _HIDDEN_CALLS:
        yield _packed(_EQUAL, number, no=1)
        yield unknown
    for number in (*calls.refused, *(() if processes else calls.processes)):
        yield _packed(_EQUAL, number, no=1)
        yield refuse
    # Processes that it starts have other numbers.
    for number, only in ((calls.prlimit, 0), *(() if processes else ((calls.tgkill, pid),))):
        yield _packed(_EQUAL, number, no=4)
        yield _packed(_LOAD, _ARGUMENTS)
        yield _packed(_EQUAL, only, yes=1)
        yield refuse
        yield load_number
    for number, place in calls.open:
        yield _packed(_EQUAL, number, no=4)
        yield _packed(_LOAD, _ARGUMENTS + 8 * place)
        yield _packed(_ANY_BIT, _MAKES_FILES, no=1)
        yield refuse
        yield load_number
    if not processes:
        yield _packed(_EQUAL, calls.clone, no=3)
        yield _packed(_LOAD, _ARGUMENTS)
        yield _packed(_ANY_BIT, _CLONE_THREAD, yes=1)
        yield refuse
    yield _packed(_RETURN, _ALLOW)


def _packed(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, yes, no, value)
