import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.command_line import HASHING, Call, Ran

from bedplate.cli.main import run


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """Runs a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in HASHING.items():
        monkeypatch.setenv(name, value)
    handlers = logging.getLogger().handlers[:]

    def go(*arguments: str) -> Ran:
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return Ran(int(code), out, err)

    yield go
    logging.getLogger().handlers[:] = handlers
