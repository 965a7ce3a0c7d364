"""What it takes to have it: installed size, start to ready, idle memory, first cited answer."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


def installed_bytes() -> int:
    """All files of the distributions in requirements.lock that are installed here."""
    names = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(), re.M)
    total = 0
    for name in names:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:  # for another platform
            continue
        paths = (Path(str(file.locate())) for file in files)
        total += sum(path.stat().st_size for path in paths if path.is_file())
    return total


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve() -> dict[str, float]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "BEDPLATE_DATA__DIR": folder}
        start = time.perf_counter()
        command = [sys.executable, "-m", "bedplate", "serve", "--port", str(port)]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            try:
                while True:
                    try:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as reply:
                            if reply.status == 200:
                                break
                    except (urllib.error.URLError, ConnectionError):
                        if time.perf_counter() - start > 60 or server.poll() is not None:
                            raise
                    time.sleep(0.02)
                ready = time.perf_counter() - start
                time.sleep(3)
                process = psutil.Process(server.pid)
                family = [process, *process.children(recursive=True)]
                idle = sum(one.memory_info().rss for one in family)
            finally:
                server.send_signal(signal.SIGTERM)
    return {"ready_s": round(ready, 2), "idle_rss_mb": round(idle / 2**20, 1)}


def main() -> None:
    runs = [serve() for _ in range(3)]
    runs.sort(key=lambda run: run["ready_s"])
    print(json.dumps({"installed_mb": round(installed_bytes() / 2**20, 1), **runs[1]}))


if __name__ == "__main__":
    main()
