"""The filter of system calls, run as the kernel runs it, for both architectures.

The numbers are those of Linux's own headers: asm/unistd_64.h of x86-64, and asm-generic/unistd.h, which
ARM64 uses. That an ARM64 kernel takes the filter is tested only on such a machine, by test_confined.
"""

import errno
import os
import struct

import pytest

from bedplate.parsers.confined import _CALLS, _program

MACHINES = ("x86_64", "aarch64")
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, REFUSE, UNKNOWN = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x00050000 | errno.ENOSYS
PID = 4242
CLONE_THREAD, O_TMPFILE = 0x10000, 0o20000000

REFUSED = {
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "tkill": (200, 130),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_getfd": (438, 438),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rmdir": (84, None),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "truncate": (76, 45),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "creat": (85, None),
}
PROCESSES = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
}
HIDDEN = {
    "openat2": (437, 437),
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
}
ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "brk": (12, 214),
    "futex": (202, 98),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "fstat": (5, 80),
    "getdents64": (217, 61),
    "lseek": (8, 62),
    "rt_sigaction": (13, 134),
    "rt_sigreturn": (15, 139),
    "getpid": (39, 172),
    "madvise": (28, 233),
    "sched_yield": (24, 124),
    "clock_gettime": (228, 113),
    "getrandom": (318, 278),
}
OPEN = {"open": ((2, 1), None), "openat": ((257, 2), (56, 2))}
"""The number, and which argument holds the flags."""
CLONE, TGKILL, PRLIMIT = (56, 220), (234, 131), (302, 261)


def judged(
    machine: str, number: int, *arguments: int, processes: int = 0, architecture: int | None = None
) -> int:
    """What classic BPF makes of a call: struct seccomp_data is number, architecture, pointer, arguments."""
    program = b"".join(_program(_CALLS[machine], processes=processes, pid=PID))
    there = ARCHITECTURES[machine] if architecture is None else architecture
    filled = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<IIQ6Q", number, there, 0, *filled)
    steps = list(struct.iter_unpack("=HBBI", program))
    held, at = 0, 0
    while True:
        code, yes, no, value = steps[at]
        match code:
            case 0x20:
                (held,) = struct.unpack_from("<I", data, value)
                jump = 0
            case 0x15:
                jump = yes if held == value else no
            case 0x35:
                jump = yes if held >= value else no
            case 0x45:
                jump = yes if held & value else no
            case 0x06:
                return value
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")
        # Only forwards, so it ends.
        at += 1 + jump


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_are_refused_and_let_through_by_their_number(machine: str) -> None:
    place = MACHINES.index(machine)
    for table, alone, with_processes in (
        (REFUSED, REFUSE, REFUSE),
        (PROCESSES, REFUSE, ALLOW),
        (HIDDEN, UNKNOWN, UNKNOWN),
        (ALLOWED, ALLOW, ALLOW),
    ):
        for name, numbers in table.items():
            if (number := numbers[place]) is not None:
                assert judged(machine, number) == alone, name
                assert judged(machine, number, processes=4) == with_processes, name


@pytest.mark.parametrize("machine", MACHINES)
def test_files_are_opened_and_neither_made_nor_emptied(machine: str) -> None:
    for name, places in OPEN.items():
        if (found := places[MACHINES.index(machine)]) is None:
            continue
        number, argument = found
        before = [0] * argument
        assert judged(machine, number, *before, os.O_RDONLY | 0o2000000) == ALLOW, name
        for flags in (os.O_CREAT, os.O_TRUNC | os.O_WRONLY, O_TMPFILE | os.O_RDWR):
            assert judged(machine, number, *before, flags) == REFUSE, name
            assert judged(machine, number, *before, flags, processes=4) == REFUSE, name


@pytest.mark.parametrize("machine", MACHINES)
def test_threads_are_started_and_only_own_ones_signalled(machine: str) -> None:
    place = MACHINES.index(machine)
    assert judged(machine, CLONE[place], CLONE_THREAD | 0x100) == ALLOW
    assert judged(machine, CLONE[place], 17) == REFUSE
    assert judged(machine, CLONE[place], 17, processes=4) == ALLOW
    assert judged(machine, TGKILL[place], PID, PID, 6) == ALLOW
    assert judged(machine, TGKILL[place], PID - 1, PID - 1, 6) == REFUSE
    assert judged(machine, PRLIMIT[place], 0, 7) == ALLOW
    assert judged(machine, PRLIMIT[place], PID - 1, 7) == REFUSE


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_kind_are_unknown(machine: str) -> None:
    """Of 32 bits, with their own numbers; of x32, which are x86-64's and a bit."""
    assert judged(machine, 0, architecture=0x40000003) == UNKNOWN
    assert judged(machine, 0, architecture=0x40000028) == UNKNOWN
    assert judged(machine, 0x40000000) == UNKNOWN
