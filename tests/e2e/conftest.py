from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.fixtures.process import ServerProcess, start_process


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[[str], ServerProcess]]:
    """Start `bedplate serve` with this toml and wait until it is ready; killed with the test.

    It runs in the test's own folder, so a later start with the same toml finds the data of an
    earlier one. The port is the system's choice.
    """
    started: list[ServerProcess] = []

    def start(toml: str) -> ServerProcess:
        server = start_process(tmp_path, toml, tmp_path / f"server-{len(started)}.log")
        started.append(server)
        server.wait_until_ready()
        return server

    yield start
    for server in started:
        server.kill()
