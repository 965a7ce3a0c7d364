"""kill -9 of `bedplate serve` in the middle of runs: each goes on, and nothing is done twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fixtures.postgres import empty_database
from tests.fixtures.process import ServerProcess
from tests.fixtures.run_chaos import chaos, toml

pytestmark = pytest.mark.slow


def test_runs_survive_their_server_and_do_nothing_twice(
    start_server: Callable[[str], ServerProcess], tmp_path: Path
) -> None:
    database = tmp_path / "effects.db"
    settings = toml(database, at_once=3)
    outcome = chaos(lambda: start_server(settings), database, runs=12, kills=4, seed=7)
    assert (outcome.lost, outcome.missing, outcome.doubled) == ({}, 0, 0)
    assert outcome.kills == 4


def test_runs_survive_either_of_two_nodes_on_postgresql(
    start_server: Callable[[str], ServerProcess], tmp_path: Path
) -> None:
    database = tmp_path / "effects.db"
    with empty_database() as dsn:
        data = f'database = "{dsn}"\n[jobs]\ndead_seconds = 6\n[store]\nuse = "pgvector"'
        settings = toml(database, at_once=2, data=data)
        outcome = chaos(
            lambda: start_server(settings), database, runs=12, kills=3, seed=3, nodes=2, longest=1
        )
    assert (outcome.lost, outcome.missing, outcome.doubled) == ({}, 0, 0)
    assert outcome.kills >= 1
