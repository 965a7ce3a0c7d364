"""The programs of examples/, each run as a user runs it, against the one server.

They have an environment of their own (`make kits`); without it each is skipped, and says so.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fixtures.process import ServerProcess

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PYTHON = ROOT / ".venv-kits" / "bin" / "python"
TSX = EXAMPLES / "node_modules" / ".bin" / "tsx"
HELLO, RAIN = "Hello there, friend.", "Take an umbrella."

# A client is loaded anew for each, which takes a busy machine long.
pytestmark = pytest.mark.timeout(400)

PYTHON_KITS = {
    "langchain": [f"chat: {HELLO}", f"stream: {HELLO}", f"responses: {HELLO}",
                  f"responses stream: {HELLO}", "tool: [('weather', {'city': 'Oslo'})]",
                  f"answer: {RAIN}", "tool: [('weather', {'city': 'Oslo'})]", f"answer: {RAIN}",
                  "embeddings: 256"],
    "llamaindex": [f"chat: {HELLO}", f"stream: {HELLO}", "tool: [('weather', {'city': 'Oslo'})]",
                   "embeddings: 256"],
    "haystack": [f"chat: {HELLO}", f"stream: {HELLO}", "tool: [('weather', {'city': 'Oslo'})]",
                 f"answer: {RAIN}", "embeddings: 256"],
    "cohere": ["rerank: Refunds take 30 days.", "rerank v2: [1, 0]"],
    "pydantic-ai": 2 * [f"chat: {HELLO}", f"stream: {HELLO}", f"answer: {RAIN}",
                        f"answer stream: {RAIN}"],
}  # fmt: skip
TYPESCRIPT_KITS = {
    "openai-typescript": [f"chat: {HELLO}", f"stream: {HELLO}", f"responses: {HELLO}",
                          f"responses stream: {HELLO}", f"answer: {RAIN}",
                          "embeddings: 2 of 256"],
    "vercel-ai-sdk": [f"chat: {HELLO}", f"stream: {HELLO}", f"answer: {RAIN}", "embeddings: 256"],
}  # fmt: skip


def run(server: ServerProcess, *command: str) -> list[str]:
    """What a program says, line by line."""
    ours = {"OPENAI_BASE_URL": server.v1, "OPENAI_API_KEY": "none", "MODEL": "default"}
    done = subprocess.run(
        command,
        env={**os.environ, **ours},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=EXAMPLES,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [line for line in done.stdout.splitlines() if line.strip()]


def test_openais_client(server: ServerProcess) -> None:
    assert run(server, sys.executable, "openai-python/main.py") == [
        f"chat: {HELLO}",
        f"stream: {HELLO}",
        'tool: weather {"city": "Oslo"}',
        "embeddings: 2 of 256",
    ]


def test_curl(server: ServerProcess) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    said = run(server, "sh", "curl/main.sh")
    assert sum(HELLO in line for line in said) == 2
    assert "data: [DONE]" in said


@pytest.mark.conformance
@pytest.mark.parametrize("kit", PYTHON_KITS)
def test_python_kits(server: ServerProcess, kit: str) -> None:
    if not PYTHON.exists():
        pytest.skip(f"{kit} is not installed: `make kits` makes .venv-kits")
    assert run(server, str(PYTHON), "-W", "ignore", f"{kit}/main.py") == PYTHON_KITS[kit]


@pytest.mark.conformance
@pytest.mark.parametrize("kit", ["langchain", "llamaindex", "haystack"])
def test_our_search_is_their_retriever(server: ServerProcess, kit: str) -> None:
    if not PYTHON.exists():
        pytest.skip(f"{kit} is not installed: `make kits` makes .venv-kits")
    asked = [f"{kit}/retriever.py", "policies", "How long do refunds take?"]
    assert run(server, str(PYTHON), "-W", "ignore", *asked) == ["refunds.md: Refunds take 30 days."]


@pytest.mark.conformance
@pytest.mark.parametrize("kit", ["langchain", "llamaindex", "haystack"])
def test_our_mcp_server_is_their_tools(server: ServerProcess, kit: str) -> None:
    if not PYTHON.exists():
        pytest.skip(f"{kit} is not installed: `make kits` makes .venv-kits")
    asked = [f"{kit}/tools.py", "policies", "How long do refunds take?"]
    listed, found = run(server, str(PYTHON), "-W", "ignore", *asked)
    assert {"search", "ask"} <= set(listed.removeprefix("tools: ").split(", "))
    assert found == "search: Refunds take 30 days."


@pytest.mark.conformance
@pytest.mark.parametrize("kit", TYPESCRIPT_KITS)
def test_typescript_kits(server: ServerProcess, kit: str) -> None:
    if not TSX.exists():
        pytest.skip(f"{kit} is not installed: `npm install` in examples")
    assert run(server, str(TSX), f"{kit}/main.ts") == TYPESCRIPT_KITS[kit]


def test_every_kit_is_explained_and_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    kits = [each for each in EXAMPLES.iterdir() if each.is_dir() and each.name != "node_modules"]
    assert len(kits) == 12
    for kit in kits:
        assert f"| `{kit.name}` |" in listed
        assert (kit / "README.md").is_file()
