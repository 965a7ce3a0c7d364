"""CPU of other servers that relay chat completions, beside the floor and ours in the same run.

Each runs with its own defaults against the upstream of `bench_relay`, in one worker where that is its
choice, from an environment of its own; nothing of it is installed here. CPU is that of its processes,
children too, in seconds for 1,000 requests, the best of the rounds.

    python -m tests.bench.relay_rivals \\
        --rival litellm=ENV/bin/litellm --rival ogx=ENV/bin/ogx \\
        --rival hayhooks=ENV/bin/hayhooks --rival tensorzero=ENV/bin/python \\
        --rival "portkey=node DIR/node_modules/@portkey-ai/gateway/build/start-server.js"

LiteLLM: pip install "litellm[proxy]". OGX: pip install ogx; Python 3.12. Hayhooks: pip install hayhooks.
TensorZero: pip install tensorzero; its gateway runs inside of a Python process, without a database.
Portkey: npm install @portkey-ai/gateway.
"""

import argparse
import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from tests.bench.bench_relay import ASKED, CONNECTIONS, Client, Heard, Server, servers

START_SECONDS = 90
SLOW, FAST = 200, 2000
"""Requests a round: of what costs milliseconds, and of what costs so little that it must be warm."""


@dataclass(frozen=True, slots=True)
class Rival:
    """How one is started: its command and files, and how it is asked.

    `does` is what it does for a request, beside passing it on. `kinds` are those that it can answer.
    """

    command: Callable[[list[str], Path, int], list[str]]
    files: Callable[[str], Mapping[str, str]]
    does: str
    path: str = "/v1/chat/completions"
    model: str = "fast"
    headers: Callable[[str], Mapping[str, str]] = lambda upstream: {}
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    requests: int = SLOW
    kinds: frozenset[str] = frozenset({"json", "stream"})


LITELLM = """
model_list:
  - model_name: fast
    litellm_params: {{model: openai/fast, api_base: "{upstream}/fast", api_key: none}}
litellm_settings:
  telemetry: false
"""
OGX = """
version: 2
distro_name: bench
apis: [inference]
providers:
  inference:
  - provider_id: fast
    provider_type: remote::openai
    config: {{api_key: none, base_url: "{upstream}/fast", allowed_models: [m]}}
storage:
  backends:
    kv_default: {{type: kv_sqlite, db_path: kv.db}}
    sql_default: {{type: sql_sqlite, db_path: sql.db}}
  stores:
    metadata: {{namespace: registry, backend: kv_default}}
    inference: {{table_name: inference_store, backend: sql_default, max_write_queue_size: 10000,
                num_writers: 4, enabled: true}}
    conversations: {{table_name: openai_conversations, backend: sql_default}}
    prompts: {{table_name: prompts, backend: sql_default}}
    connectors: {{table_name: connectors, backend: sql_default}}
registered_resources:
  models:
  - {{model_id: m, provider_id: fast, provider_model_id: m, model_type: llm, metadata: {{}}}}
"""
HAYHOOKS = """
from haystack import Pipeline
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from hayhooks import BasePipelineWrapper, async_streaming_generator


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        model = OpenAIChatGenerator(
            api_key=Secret.from_token("none"), model="m", api_base_url="{upstream}/fast"
        )
        self.pipeline = Pipeline()
        self.pipeline.add_component("llm", model)

    async def run_chat_completion_async(self, model, messages, body):
        said = [ChatMessage.from_openai_dict_format(each) for each in messages]
        run = {{"llm": {{"messages": said}}}}
        if body.get("stream"):
            return async_streaming_generator(pipeline=self.pipeline, pipeline_run_args=run)
        result = await self.pipeline.run_async(run)
        return result["llm"]["replies"][0].text
"""
TENSORZERO = """
[gateway]
bind_address = "127.0.0.1:{port}"
[gateway.observability]
enabled = false
[models.fast]
routing = ["up"]
[models.fast.providers.up]
type = "openai"
model_name = "m"
api_base = "{upstream}/fast/"
api_key_location = "none"
"""
TENSORZERO_PROGRAM = """
import sys, types, warnings, threading
warnings.simplefilter("ignore")
import tensorzero
client = types.SimpleNamespace(base_url=None)
tensorzero.patch_openai_client(client, config_file="tensorzero.toml", async_setup=False)
print(client.base_url, flush=True)
threading.Event().wait()
"""

RIVALS: Mapping[str, Rival] = {
    "litellm": Rival(
        lambda program, folder, port: [
            *program, "--config", "litellm.yaml", "--host", "127.0.0.1", "--port", str(port),
            "--num_workers", "1",
        ],
        lambda upstream: {"litellm.yaml": LITELLM.format(upstream=upstream)},
        "routes, counts cost, calls its hooks; no key, no budget, no guard, no database",
    ),
    "ogx": Rival(
        lambda program, folder, port: [
            *program, "run", "config.yaml", "--port", str(port), "--insecure",
        ],
        lambda upstream: {"config.yaml": OGX.format(upstream=upstream)},
        "inference alone; stores each question and answer in SQLite; no key",
        model="fast/m",
    ),
    "hayhooks": Rival(
        lambda program, folder, port: [
            *program, "run", "--host", "127.0.0.1", "--port", str(port), "--pipelines-dir", "pipelines",
        ],
        lambda upstream: {
            "pipelines/fast/pipeline_wrapper.py": HAYHOOKS.format(upstream=upstream)
        },
        "runs a pipeline of one component, which asks by OpenAI's client; no key",
    ),
    "tensorzero": Rival(
        lambda program, folder, port: [*program, "-c", TENSORZERO_PROGRAM],
        lambda upstream: {"tensorzero.toml": TENSORZERO.format(upstream=upstream, port="0")},
        "the gateway, in Rust, with its record of requests off; no key, no guard",
        path="/openai/v1/chat/completions",
        model="tensorzero::model_name::fast",
        requests=FAST,
    ),
    "portkey": Rival(
        lambda program, folder, port: [*program, f"--port={port}", "--headless"],
        lambda upstream: {},
        "chooses the provider by headers; no key of its own, no record, no guard; as npm has it, it "
        "answers every stream with 500",
        headers=lambda upstream: {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"{upstream}/fast",
            "authorization": "Bearer none",
        },
        env={"TRUSTED_CUSTOM_HOSTS": "127.0.0.1", "NODE_ENV": "production"},
        requests=FAST,
        kinds=frozenset({"json"}),
    ),
}  # fmt: skip


@dataclass(slots=True)
class Running:
    name: str
    address: tuple[str, int]
    pid: int
    rival: Rival
    upstream: str

    def cpu(self) -> float:
        return tree_cpu(self.pid)

    def request(self, *, stream: bool) -> bytes:
        return written(
            self.rival.path, self.rival.model, self.rival.headers(self.upstream), stream=stream
        )


def tree_cpu(pid: int) -> float:
    """Seconds of a process and of those below it, with threads and children that have ended.

    To a hundredth, so rounds must be long.
    """
    spent = 0
    for each in below(pid):
        numbers = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        spent += sum(int(number) for number in numbers[11:15])
    return spent / os.sysconf("SC_CLK_TCK")


def below(pid: int) -> Iterator[int]:
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from below(int(child))


def written(path: str, model: str, headers: Mapping[str, str], *, stream: bool) -> bytes:
    """The request of `bench_relay`, for another path and name."""
    body: dict[str, Any] = {"model": model, "temperature": 0.2, "user": "u"}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    said = [("system", "You answer in plain words."), ("user", ASKED * 8)]
    body["messages"] = [{"role": role, "content": content} for role, content in said]
    sent = json.dumps(body, separators=(",", ":")).encode()
    lines = {"Host": "127.0.0.1", "Content-Type": "application/json", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(sent)}\r\n\r\n".encode() + sent


async def load(address: tuple[str, int], request: bytes, requests: int) -> Heard:
    heard, left = Heard(), iter(range(requests))

    async def one() -> None:
        loop = asyncio.get_running_loop()
        transport, client = await loop.create_connection(lambda: Client(request, heard), *address)
        for _ in left:
            await client.ask()
        transport.close()

    await asyncio.gather(*(one() for _ in range(min(CONNECTIONS, requests))))
    return heard


async def cost(running: Running, requests: int, *, stream: bool) -> float:
    """CPU seconds for 1,000 requests."""
    request = running.request(stream=stream)
    await load(running.address, request, max(CONNECTIONS, min(requests // 4, FAST // 4)))
    before = running.cpu()
    heard = await load(running.address, request, requests)
    if heard.failed or len(heard.first) != requests:
        told = f"{heard.failed} of {requests} failed, {len(heard.first)} had words"
        raise SystemExit(f"{running.name}: {told}")
    return (running.cpu() - before) / requests * 1000


@contextmanager
def started(name: str, program: str, upstream: str) -> Generator[Running]:
    rival = RIVALS[name]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_files:
        for path, text in rival.files(upstream).items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        log = open_files.enter_context((Path(folder) / "log").open("w+"))
        env = {"PATH": os.environ["PATH"], "HOME": folder, **rival.env}
        command = rival.command(shlex.split(program), Path(folder), port)
        with subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log) as process:
            try:
                address = _ready(name, process, Path(folder) / "log", port)
                yield Running(name, address, process.pid, rival, upstream)
            finally:
                for pid in reversed([*below(process.pid)] if process.poll() is None else []):
                    os.kill(pid, signal.SIGTERM)


def _ready(name: str, process: "subprocess.Popen[bytes]", log: Path, port: int) -> tuple[str, int]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if name == "tensorzero":
            told = [line for line in log.read_text().splitlines() if line.startswith("http://")]
            port = int(told[0].split(":")[2].partition("/")[0]) if told else 0
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.5)
            continue
        return "127.0.0.1", port
    raise SystemExit(f"{name} did not start in {START_SECONDS} s: {log.read_text()[-2000:]}")


def _as_running(name: str, server: Server, path: str, requests: int) -> Running:
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    rival = Rival(
        lambda _asked, _folder, _port: [],
        lambda _: {},
        "",
        path=path,
        headers=lambda _: headers,
        requests=requests,
    )
    return Running(name, server.address, server.process.pid, rival, "")


async def compare(which: list[Running], rounds: int, part: float) -> None:
    for kind in ("json", "stream"):
        costs: dict[str, float] = {}
        for each in (each for each in which if kind in each.rival.kinds):
            some = max(CONNECTIONS, int(each.rival.requests * part))
            taken = [await cost(each, some, stream=kind == "stream") for _ in range(rounds)]
            costs[each.name] = min(taken)
        for name, value in costs.items():
            ratios = {"floors": value / costs["floor"], "ours": value / costs["bedplate"]}
            told = {"kind": kind, "server": name, "s_per_1000": round(value, 4)}
            sys.stdout.write(json.dumps(told | {k: round(v, 2) for k, v in ratios.items()}) + "\n")
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rival", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--part", type=float, default=1.0, help="of the requests of each round")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    asked = dict(each.split("=", 1) for each in chosen.rival)
    unknown = set(asked) - set(RIVALS)
    if unknown:
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(RIVALS)}")
    with servers() as known, ExitStack() as opened:
        upstream = known["direct"].url
        which = [
            _as_running("floor", known["floor"], "/fast/chat/completions", 10 * FAST),
            _as_running("bedplate", known["bedplate"], "/v1/chat/completions", FAST),
        ]
        for name, program in asked.items():
            which.append(opened.enter_context(started(name, program, upstream)))
            sys.stdout.write(json.dumps({"server": name, "does": RIVALS[name].does}) + "\n")
            sys.stdout.flush()
        uvloop.run(compare(which, chosen.rounds, chosen.part))


if __name__ == "__main__":
    main()
