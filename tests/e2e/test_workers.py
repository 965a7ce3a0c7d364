"""Several processes on one socket: limits hold over all, and one that dies costs nothing more."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from openai import AsyncOpenAI
from tests.fixtures.process import BEDPLATE, ServerProcess, start_process

TOML = """
[embedder]
use = "hashing"
[server]
workers = 2
max_requests = 6
drain_seconds = 20
[models.default]
use = "scripted"
usage = { input_tokens = 5, output_tokens = 3 }
replies = ["Hello there, friend."]
[models.slow]
use = "scripted"
chunk_characters = 2
delay_seconds = 0.2
replies = ["Hello there, friend."]
"""
HELLO = {
    "model": "default",
    "messages": [{"role": "user", "content": "Hi"}],
    "max_completion_tokens": 3,
}
TOKENS = 8
"""Of each answer."""

LOOK_SECONDS = 2.0
"""After which each worker has looked for new keys."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("workers")
    server = start_process(folder, TOML, folder / "server.log")
    server.wait_until_ready()
    yield server
    server.kill()


def workers(server: ServerProcess) -> set[int]:
    """The processes that answer, and not those which they started."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return {
        int(pid)
        for pid in children.read_text().split()
        if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()
    }


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def post(server: ServerProcess, body: object = HELLO, **headers: str) -> httpx2.Response:
    """Over a connection of its own, which any worker may accept."""
    async with httpx2.AsyncClient(timeout=60) as client:
        return await client.post(f"{server.v1}/chat/completions", json=body, headers=headers)


async def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(server: ServerProcess):
    before = workers(server)
    assert len(before) == 2

    os.kill(min(before), signal.SIGKILL)

    answers = [(await post(server)).status_code for _ in range(10)]
    assert answers == [200] * 10
    async with asyncio.timeout(60):
        while len(after := workers(server)) < 2:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.1)
    assert max(before) in after
    assert min(before) not in after
    assert "signal 9" in server.log.read_text()


async def test_metrics_of_any_worker_are_those_of_all(server: ServerProcess):
    route = 'method="POST",route="/v1/chat/completions"'
    counted = f'bedplate_requests_total{{{route},status="404"}} '

    async def shown() -> float:
        async with httpx2.AsyncClient(timeout=60) as client:
            text = (await client.get(f"{server.url}/metrics")).text
        line = next((line for line in text.splitlines() if line.startswith(counted)), " 0")
        return float(line.rpartition(" ")[2])

    for _ in range(10):
        await post(server, {**HELLO, "model": "nobody"})
    seen: set[float] = set()
    # Over connections of their own, so that each worker is asked in time.
    for _ in range(20):
        seen = {await shown() for _ in range(4)}
        if seen == {10}:
            break
        await asyncio.sleep(0.5)
    assert seen == {10}


async def test_a_key_its_budget_and_its_end_hold_in_all_workers(server: ServerProcess):
    async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
        boss = (await client.post("/api/keys", json={"name": "b", "scopes": ["admin"]})).json()
        client.headers["Authorization"] = f"Bearer {boss['key']}"
        made = (await client.post("/api/keys", json={"name": "app"})).json()
        limited = await client.patch(f"/api/budgets/key/{made['id']}", json={"tokens_total": 100})
        assert limited.status_code == 200, limited.text

        async def codes() -> list[int]:
            key = {"Authorization": f"Bearer {made['key']}"}
            return [(await post(server, **key)).status_code for _ in range(16)]

        await asyncio.sleep(LOOK_SECONDS)
        answered = await codes()
        # Each worker for itself would let twice as many pass.
        assert set(answered) == {200, 429}
        assert 6 <= answered.count(200) <= 100 // TOKENS

        await client.delete(f"/api/keys/{made['id']}")
        await asyncio.sleep(LOOK_SECONDS)
        assert await codes() == [401] * 16


async def test_a_stop_lets_streams_finish_and_leaves_no_process(server: ServerProcess):
    made = await asyncio.to_thread(
        subprocess.run,
        [*BEDPLATE, "keys", "create", "streamer", "--json"],
        cwd=server.folder,
        capture_output=True,
        check=True,
    )
    secret = json.loads(made.stdout)["key"]
    await asyncio.sleep(LOOK_SECONDS)
    pids = workers(server)
    async with AsyncOpenAI(base_url=server.v1, api_key=secret, max_retries=0) as client:
        streams = [
            await client.chat.completions.create(
                model="slow", messages=[{"role": "user", "content": "Hi"}], stream=True
            )
            for _ in range(4)
        ]
        server.terminate()
        texts = [
            "".join([part.choices[0].delta.content or "" async for part in stream])
            for stream in streams
        ]

    assert texts == ["Hello there, friend."] * 4
    assert await asyncio.to_thread(server.wait) == 0
    assert not [pid for pid in pids if is_alive(pid)]


async def test_workers_whose_keeper_is_killed_end_and_leave_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setenv("TMPDIR", str(kept))
    server = start_process(tmp_path, TOML, tmp_path / "server.log")
    try:
        await asyncio.to_thread(server.wait_until_ready)
        pids = workers(server)
        assert list(kept.glob("bedplate-metrics-*"))
    finally:
        server.kill()
    async with asyncio.timeout(30):
        while any(is_alive(pid) for pid in pids):  # noqa: ASYNC110 - processes tell nobody
            await asyncio.sleep(0.1)

    assert not list(kept.glob("bedplate-metrics-*"))
