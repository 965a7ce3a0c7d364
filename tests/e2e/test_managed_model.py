"""A managed model under a real `bedplate serve`: asked over HTTP, and gone with it."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
from tests.fixtures.managed_server import server_command, starts, write_model
from tests.fixtures.process import ServerProcess

SECONDS = 30


def toml(model: Path) -> str:
    return f"""
[embedder]
use = "hashing"

[models.default]
use = "managed"
model = {json.dumps(str(model))}
command = {json.dumps(server_command(child=1))}
memory_bytes = 1000
gpu = false
"""


def ask(server: ServerProcess, question: str) -> str:
    body = {"model": "default", "messages": [{"role": "user", "content": question}]}
    request = Request(
        f"{server.v1}/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=SECONDS) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def test_the_model_answers_and_its_processes_end_with_a_bedplate_that_is_killed(
    start_server: Callable[[str], ServerProcess], tmp_path: Path
) -> None:
    model = write_model(tmp_path)
    server = start_server(toml(model))

    assert ask(server, "one two").strip() == "one two"

    with urlopen(f"{server.url}/api/models/managed?lines=2", timeout=SECONDS) as response:
        (state,) = json.load(response)["models"]
    assert (state["model"], state["state"], state["requests"]) == ("default", "ready", 0)
    assert len(state["log"]) == 2
    assert state["speculation"] == {
        "setting": "off",
        "mode": "off",
        "loaded": False,
        "prompts": 0,
        "trying": False,
        "finding": None,
    }
    (start,) = starts(model)
    processes = [psutil.Process(pid) for pid in start.values()]
    assert len(processes) == 2
    server.kill()
    assert psutil.wait_procs(processes, timeout=SECONDS)[1] == []
