"""How much memory is free for a model, in bytes."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Literal

import psutil

from bedplate.errors import Unavailable

Device = Literal["ram", "gpu"]

MEBIBYTE = 1024 * 1024
NVIDIA_SMI = "nvidia-smi"
CGROUP = Path("/sys/fs/cgroup")

_QUERY = ("--query-gpu=memory.free", "--format=csv,noheader,nounits")
_SECONDS = 10.0


async def free_bytes(device: Device) -> int | None:
    """None where nothing here can tell: a GPU without nvidia-smi."""
    return free_ram() if device == "ram" else await free_gpu()


def free_ram(cgroup: Path = CGROUP) -> int:
    """What the system could give, within the limit of the container that this runs in."""
    available = psutil.virtual_memory().available
    return min(available, _left_in(cgroup, available))


async def free_gpu(program: str = NVIDIA_SMI) -> int | None:
    """Of all NVIDIA GPUs together, as their driver's tool says it.

    Raises:
        Unavailable: the tool is there and does not answer.
    """
    found = shutil.which(program)
    if found is None:
        return None
    process = await asyncio.create_subprocess_exec(
        found, *_QUERY, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(_SECONDS):
            said, _ = await process.communicate()
    except TimeoutError as error:
        raise Unavailable(f"{found} did not answer within {_SECONDS:g} s.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return sum(int(line) for line in said.decode().split()) * MEBIBYTE
    except ValueError as error:
        raise Unavailable(f"{found} did not tell the free GPU memory.") from error


def _left_in(cgroup: Path, otherwise: int) -> int:
    """Under a control group's limit (Linux cgroup v2); its file cache counts as free."""
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        facts = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return max(0, limit - used + int(facts.get("inactive_file", 0)))
    except (OSError, ValueError):
        # No such file, or "max": no limit.
        return otherwise
