"""`bedplate demo` and `bedplate serve` as a newcomer runs them: real embedder, real server."""

import json
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fixtures.command_line import HASHING, Ran, bedplate

from bedplate.sample import PERSONAL_DATA


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """One run in a home of its own, and that home."""
    home = tmp_path_factory.mktemp("home")
    return bedplate("demo", cwd=home, env={"TMPDIR": str(home), "HOME": str(home)}), home


def test_the_demo_shows_the_whole_journey(demo: tuple[Ran, Path]) -> None:
    ran, _ = demo
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert "\x1b" not in ran.out
    assert "60 days" in ran.out
    assert "[EMAIL]" in ran.out
    assert "Skua folding umbrella" in ran.out
    assert "I don't know: the sources do not say." in ran.out
    assert "curl http://127.0.0.1:8420/v1/chat/completions" in ran.out
    assert "from openai import OpenAI" in ran.out


def test_the_demo_shows_nothing_personal(demo: tuple[Ran, Path]) -> None:
    ran, _ = demo
    assert [secret for secret in PERSONAL_DATA if secret in ran.out] == []


def test_the_demo_leaves_nothing_behind(demo: tuple[Ran, Path]) -> None:
    """Not even what a library writes by itself, such as a telemetry cache."""
    _, home = demo
    assert list(home.rglob("*")) == []


@pytest.mark.slow
def test_a_kept_demo_can_be_played_with_and_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        ran = bedplate("demo", "--keep", "shop", cwd=tmp_path)
        assert ran.code == 0, ran.err
    found = bedplate("search", "-c", "shop", "umbrella", "--json", cwd=tmp_path / "shop")
    assert any("umbrella" in hit["title"] for hit in found.json["hits"])


def test_the_demo_does_not_work_among_other_files(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    ran = bedplate("demo", "--keep", ".", cwd=tmp_path)
    assert ran.code == 2
    assert "holds other things" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_serve_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bedplate", "serve", "--port", "0", "--json"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **HASHING},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        address = urlsplit(json.loads(process.stdout.readline())["url"])
        connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
        connection.request("GET", "/readyz")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout.read() == b""


def test_serve_on_a_port_that_is_taken_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = bedplate("serve", "--port", port, cwd=tmp_path)
    assert ran.code == 2
    assert f"127.0.0.1:{port}" in ran.err
    assert "Traceback" not in ran.err
