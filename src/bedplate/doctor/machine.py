"""What a machine and its folder must have: each check looks at one thing and changes nothing."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import psutil

from bedplate.config import Config
from bedplate.doctor.findings import Finding

GIBIBYTE = 1024**3
LOW_DISK_BYTES = 1 * GIBIBYTE
NO_DISK_BYTES = 100 * 1024**2
PARSER_SLOTS = 2
FEW_FILES = 1024


def check_python() -> Finding:
    detail = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info >= (3, 14):
        return Finding("python", "warn", detail, "Bedplate is tested on Python 3.11 to 3.13.")
    return Finding("python", "ok", detail)


def check_sqlite() -> Finding:
    options = set(apsw.compile_options)
    detail = f"SQLite {apsw.sqlite_lib_version()}"
    if "THREADSAFE=0" in options:
        return Finding(
            "sqlite", "fail", f"{detail} without threads", "Reinstall apsw from a wheel."
        )
    return Finding("sqlite", "ok", detail)


def check_folder(folder: Path) -> Finding:
    at = folder.absolute()
    there = next(parent for parent in (at, *at.parents) if parent.exists())
    if not there.is_dir():
        return Finding("data", "fail", f"{there} is not a folder.", "Name another with data.dir.")
    if not os.access(there, os.W_OK | os.X_OK):
        remedy = "Give this user the right to write there, or name another folder with data.dir."
        return Finding("data", "fail", f"{there} cannot be written.", remedy)
    free = shutil.disk_usage(there).free
    state = "" if there == at else ", made at the first ingest"
    detail = f"{at}{state}; {free / GIBIBYTE:,.1f} GiB free"
    if free < LOW_DISK_BYTES:
        return Finding(
            "data",
            "fail" if free < NO_DISK_BYTES else "warn",
            detail,
            "Free some disk space, or move the data folder to a larger disk.",
        )
    return Finding("data", "ok", detail)


def check_limits(config: Config) -> Iterator[Finding]:
    memory = psutil.virtual_memory().total
    wanted = PARSER_SLOTS * config.ingest.parse_memory_bytes
    cores = os.cpu_count() or 1
    detail = f"{cores} cores, {memory / GIBIBYTE:,.1f} GiB of memory"
    if wanted > memory:
        yield Finding(
            "memory",
            "warn",
            f"{detail}; {PARSER_SLOTS} parsers may take {wanted / GIBIBYTE:,.1f} GiB.",
            "Lower ingest.parse_memory_bytes.",
        )
    else:
        yield Finding("memory", "ok", detail)
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has none

        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        low = files != resource.RLIM_INFINITY and files < max(
            FEW_FILES, 2 * config.server.max_requests
        )
        yield Finding(
            "open files",
            "warn" if low else "ok",
            f"At most {files:,} files and connections may be open."
            if files != resource.RLIM_INFINITY
            else "There is no limit on open files.",
            "Raise it with `ulimit -n 4096`, or lower server.max_requests." if low else "",
        )
