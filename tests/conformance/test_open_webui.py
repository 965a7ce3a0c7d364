"""What Open WebUI asks for, and Open WebUI itself where it is installed: it brings gigabytes.

`golden/open-webui.json` names its version and has its requests as they came.
"""

import json
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.fixtures.process import ServerProcess

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".venv-open-webui" / "bin" / "open-webui"
SETTINGS = ROOT / "examples" / "open-webui" / "open-webui.env"
RECORDED = json.loads((Path(__file__).parent / "golden" / "open-webui.json").read_text())
REQUESTS = {each["name"]: each for each in RECORDED["requests"]}
START_SECONDS = 120


def replay(server: ServerProcess, name: str) -> httpx2.Response:
    asked = REQUESTS[name]
    body = None if asked["body"] is None else json.dumps(asked["body"])
    response = httpx2.request(
        asked["method"], server.url + asked["path"], content=body, headers=asked["headers"]
    )
    assert response.status_code == 200, response.text
    return response


def words(events: str) -> str:
    """The text of a stream of chunks, which must end as its client waits for."""
    *chunks, done = [line.removeprefix("data: ") for line in events.split("\n\n") if line]
    assert done == "[DONE]"
    choices = [choice for chunk in chunks for choice in json.loads(chunk)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def test_it_finds_the_models_and_assistants(server: ServerProcess) -> None:
    models = replay(server, "models").json()
    assert models["object"] == "list"
    assert {"default", "quote", "shop"} <= {model["id"] for model in models["data"]}


@pytest.mark.parametrize(
    "name", [name for name in REQUESTS if name == "chat" or name.startswith("chat ")]
)
def test_it_chats_in_a_stream(server: ServerProcess, name: str) -> None:
    response = replay(server, name)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert words(response.text) == "Hello there, friend."
    wanted = "stream_options" in REQUESTS[name]["body"]
    usages = [line for line in response.text.split("\n\n") if '"total_tokens"' in line]
    assert len(usages) == wanted


def test_it_has_small_tasks_done(server: ServerProcess) -> None:
    [title] = replay(server, "title").json()["choices"]
    assert title["message"]["content"] == "Hello there, friend."
    [emoji] = replay(server, "emoji").json()["choices"]
    # It allows four tokens.
    assert (emoji["finish_reason"], emoji["message"]["content"]) == ("length", "Hello there, fri")


def test_it_has_its_documents_embedded(server: ServerProcess) -> None:
    [vector] = replay(server, "embeddings").json()["data"]
    assert len(vector["embedding"]) == 256
    assert all(isinstance(number, float) for number in vector["embedding"])


def test_it_finds_and_calls_tools(server: ServerProcess) -> None:
    assert "2026-07-28" in replay(server, "server/discover").json()["result"]["supportedVersions"]
    tools = replay(server, "tools/list").json()["result"]["tools"]
    assert {"search", "ask"} <= {tool["name"] for tool in tools}
    found = replay(server, "tools/call").json()["result"]
    assert found["structuredContent"]["hits"][0]["text"] == "Refunds take 30 days."


@contextmanager
def open_webui(server: ServerProcess, folder: Path) -> Iterator[httpx2.Client]:
    """The program with the example's settings, which point at our server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines = SETTINGS.read_text().replace("http://127.0.0.1:8420", server.url).splitlines()
    settings = dict(shlex.split(each)[0].split("=", 1) for each in lines if each[:1] not in "#")
    ours = {"DATA_DIR": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin",
            "WEBUI_AUTH": "False", "WEBUI_SECRET_KEY": "none", "OFFLINE_MODE": "true",
            "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "true"}  # fmt: skip
    command = [str(PROGRAM), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=folder, env={**settings, **ours}, stdout=log, stderr=log
        ) as process,
    ):
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                until = time.monotonic() + START_SECONDS
                while not _healthy(client):
                    assert process.poll() is None, (folder / "log").read_text()[-3000:]
                    assert time.monotonic() < until, (folder / "log").read_text()[-3000:]
                    time.sleep(1)
                signed = client.post("/api/v1/auths/signin", json={"email": "", "password": ""})
                client.headers["Authorization"] = f"Bearer {signed.json()['token']}"
                yield client
        finally:
            process.terminate()


def _healthy(client: httpx2.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.conformance
@pytest.mark.timeout(400)
def test_open_webui_itself_chats_embeds_and_finds_tools(
    server: ServerProcess, tmp_path: Path
) -> None:
    if not PROGRAM.exists():
        pytest.skip("Open WebUI is not installed: pip install open-webui in .venv-open-webui")
    with open_webui(server, tmp_path) as client:
        models = client.get("/api/models").json()["data"]
        assert {"default", "quote", "shop"} <= {model["id"] for model in models}
        chat: dict[str, Any] = {
            "model": "default",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
        }
        said = client.post("/api/chat/completions", json=chat).text
        assert words(said) == "Hello there, friend."
        named = client.post("/api/v1/tasks/title/completions", json=chat).json()
        assert named["choices"][0]["message"]["content"] == "Hello there, friend."

        policy = {"file": ("policy.txt", b"Parcels leave on Mondays.")}
        file = client.post("/api/v1/files/", files=policy).json()["id"]
        status = f"/api/v1/files/{file}/process/status"
        until = time.monotonic() + START_SECONDS
        while (state := client.get(status).json()["status"]) in {"pending", "processing"}:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert state == "completed"

        [ours] = client.get("/api/v1/configs/tool_servers").json()["TOOL_SERVER_CONNECTIONS"]
        tools = client.post("/api/v1/configs/tool_servers/verify", json=ours).json()
        assert {"search", "ask"} <= {tool["name"] for tool in tools["specs"]}
