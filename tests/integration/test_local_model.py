"""A real model under a real server: SmolLM2-135M by llama_cpp.server, from the extra "local", and by
llama-server where that is on the PATH.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
from tests.fixtures.local_model import ONE_THREAD, SERVERS, WEIGHTS
from tests.fixtures.serving import until

from bedplate.domain.chat import ChatRequest, Finished, Message, TextDelta, Usage
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.models.managed import open_managed_model
from bedplate.models.managed_files import located
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.protocol import ChatModel
from bedplate.sections import ManagedConfig

pytestmark = pytest.mark.timeout(600)

on_each_server = pytest.mark.parametrize("server", SERVERS)

INSTRUCTIONS = "You answer from the facts that you are given, shortly and in plain words. " * 4
FACTS = "The red barn holds hay. The blue barn holds two tractors. The well is eleven metres deep. "


@dataclass(frozen=True)
class House:
    model: ChatModel
    servers: ManagedServers

    @property
    def status(self) -> Any:
        (status,) = self.servers.status(1000)
        return status

    def server(self) -> psutil.Process:
        """The server's own process, which a keeper of Bedplate's holds."""
        return next(p for p in servers_below() if not kept(p))

    async def say(self, *messages: Message, tokens: int = 8) -> list[str]:
        """The answer's pieces, as they came."""
        pieces, _ = await self.ask(*messages, tokens=tokens)
        return pieces

    async def ask(self, *messages: Message, tokens: int = 8) -> tuple[list[str], Usage]:
        request = ChatRequest(messages, temperature=0.0, max_output_tokens=tokens)
        *deltas, last = [event async for event in self.model.stream(request)]
        assert isinstance(last, Finished)
        assert last.usage.output_tokens > 0
        return [delta.text for delta in deltas if isinstance(delta, TextDelta)], last.usage


def servers_below() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def kept(process: psutil.Process) -> bool:
    """Whether it is the keeper."""
    return any("managed_keeper" in part for part in process.cmdline())


@asynccontextmanager
async def house(server: str, **options: Any) -> AsyncGenerator[House]:
    servers = ManagedServers(ManagedConfig())
    given = {
        "model": WEIGHTS,
        "server": server,
        "context_size": 1024,
        "restart_seconds": 0.01,
        **options,
    }
    async with (
        open_hashing_embedder({}) as embedder,
        open_managed_model(given, name="m", servers=servers, embedder=embedder) as model,
    ):
        yield House(model, servers)


def asked(question: str) -> tuple[Message, Message]:
    return Message("system", INSTRUCTIONS), Message("user", f"{FACTS * 4}\n\n{question}")


@on_each_server
async def test_a_real_model_starts_streams_keeps_a_prompts_start_and_comes_back_after_a_kill(
    server: str,
) -> None:
    async with house(server) as home:
        assert home.status.state == "stopped"

        capital = Message("user", "What is the capital of France? Answer in one word.")
        pieces = await home.say(capital)

        assert "Paris" in "".join(pieces)
        assert len(pieces) > 1
        assert (home.status.state, home.status.starts) == ("ready", 1)

        await home.say(*asked("What does the red barn hold?"))
        _, usage = await home.ask(*asked("How deep is the well?"))
        if server == "llama-server":
            read, left = usage.cached_tokens, usage.input_tokens - usage.cached_tokens
        else:
            found = re.findall(r"(\d+) prefix-match hit, remaining (\d+)", log(home))[-1]
            read, left = map(int, found)
        assert read > 10 * left

        home.server().kill()
        await until(lambda: home.status.crashes == 1)
        assert "Paris" in "".join(await home.say(capital))
        assert home.status.starts == 1
    assert not servers_below()


@on_each_server
async def test_a_real_model_is_stopped_when_idle_and_started_by_the_next_request(
    server: str,
) -> None:
    async with house(server, idle_seconds=0.05) as home:
        first = await home.say(Message("user", "Count: one, two,"))
        process = home.server()
        await until(lambda: home.status.state == "stopped")
        assert not process.is_running()

        assert await home.say(Message("user", "Count: one, two,")) == first

        assert home.status.starts == 2


@on_each_server
async def test_tokens_guessed_ahead_change_no_word_of_the_answer(server: str) -> None:
    """Also of a prompt that is longer than a batch of the server's."""
    quoting = (Message("user", f"{FACTS * 6}\n\nRepeat the facts word for word."),)
    free = (Message("user", "Write a short story about a lighthouse keeper and a lost dog."),)
    batch = ["--batch-size" if server == "llama-server" else "--n_batch", "64"]
    modes: dict[str, Any] = {"off": "off", "ngram": "ngram"}
    if server == "llama-server":
        # No smaller model of its family is to be had: it guesses for itself, and is always right.
        modes["draft"] = {"draft": located("test", WEIGHTS)}
    said: dict[str, list[str]] = {}
    for name, speculation in modes.items():
        args = [*ONE_THREAD[server], *batch]
        async with house(server, speculation=speculation, args=args) as home:
            said[name] = ["".join(await home.say(*each, tokens=32)) for each in (quoting, free)]
            if name == "draft":
                assert max(map(float, re.findall(r"acceptance = ([\d.]+)", log(home)))) > 0.9
    assert all(said["off"])
    assert all(each == said["off"] for each in said.values())


def log(home: House) -> str:
    return "\n".join(home.status.log)
