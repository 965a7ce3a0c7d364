"""`speculation = "auto"` against real server processes, which are faster or slower with it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.managed_server import bodies, guessing_server, starts, write_model
from tests.fixtures.serving import until

from bedplate.domain.chat import ChatRequest, Finished, Message, TextDelta, Usage
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import ConfigError
from bedplate.models.managed import open_managed_model
from bedplate.models.managed_finding import FILE, Findings
from bedplate.models.managed_memory import Device
from bedplate.models.managed_options import Draft, ManagedOptions
from bedplate.models.managed_server import ServerStatus
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.managed_speculation import LOOKED_BACK, Speculation
from bedplate.models.protocol import ChatModel
from bedplate.sections import ManagedConfig

WORDS = "one two three four five six seven eight nine"


async def plenty(_: Device) -> int | None:
    return 10**12


class House:
    def __init__(self, model: ChatModel, servers: ManagedServers, file: Path) -> None:
        self.model = model
        self.file = file
        self._servers = servers

    @property
    def status(self) -> ServerStatus:
        return self._servers.status(100)[0]

    async def ask(self, text: str = WORDS, **fields: Any) -> str:
        request = ChatRequest((Message("user", text),), **fields)
        *deltas, last = [event async for event in self.model.stream(request)]
        assert isinstance(last, Finished)
        return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)).strip()


@asynccontextmanager
async def house(folder: Path, **options: Any) -> AsyncGenerator[House]:
    given = {
        "model": str(write_model(folder)),
        "memory_bytes": 100,
        "speculation": "auto",
        "speculation_prompts": 2,
        "speculation_quiet_seconds": 0.05,
        **options,
    }
    servers = ManagedServers(ManagedConfig(), plenty, Findings(folder))
    async with AsyncExitStack() as stack:
        embedder = await stack.enter_async_context(open_hashing_embedder({}))
        model = await stack.enter_async_context(
            open_managed_model(given, name="m", servers=servers, embedder=embedder)
        )
        yield House(model, servers, Path(given["model"]))


async def test_what_pays_is_found_kept_left_out_when_many_ask_and_remembered(tmp_path: Path):
    program = str(guessing_server(tmp_path, plain=0.03, guessing=0.001))
    async with house(tmp_path, program=program) as home:
        assert (home.status.speculation.setting, home.status.speculation.mode) == ("auto", "off")
        await home.ask()
        await home.ask(f"again {WORDS}", temperature=0.9)
        await until(lambda: home.status.speculation.mode == "ngram" and not trying(home))

        found = home.status.speculation.finding
        assert found is not None
        (tried,) = found.tried
        assert (found.kept, found.prompts, tried.mode, tried.same) == ("ngram", 2, "ngram", 2)
        assert 0.5 < tried.gain < 1
        await until(lambda: home.status.state == "ready")
        assert len(starts(home.file)) == 5
        assert await home.ask() == WORDS
        assert len(starts(home.file)) == 5
        before = len(bodies(home.file))
        await asyncio.gather(*(home.ask(f"{n} {'more ' * 30}") for n in range(4)))
        sent = [body.get("speculative.n_max") for body in bodies(home.file)[before:]]
        assert sorted(sent, key=str) == [0, 0, None, None]
    in_trial = [body for body in bodies(home.file) if body.get("temperature") == 0.0]
    assert [body["max_tokens"] for body in in_trial] == [64] * 6

    async with house(tmp_path, program=program) as home:
        assert home.status.speculation.mode == "ngram"
    async with house(tmp_path, program=program, context_size=77) as home:
        assert home.status.speculation.mode == "off"


def trying(home: House) -> bool:
    return home.status.speculation.trying


async def test_what_does_not_pay_is_off_and_a_request_ends_a_trial(tmp_path: Path):
    program = str(guessing_server(tmp_path, plain=0.001, guessing=0.03))
    async with house(tmp_path, program=program) as home:
        await home.ask()
        await home.ask()
        await until(lambda: trying(home) and home.status.speculation.mode == "ngram")

        assert await home.ask("what I really want") == "what I really want"

        assert not trying(home)
        assert home.status.speculation.finding is None
        await until(lambda: home.status.speculation.finding is not None)
        found = home.status.speculation.finding
        assert found is not None
        assert (found.kept, home.status.speculation.mode) == ("off", "off")
        assert found.tried[0].gain < 0


def test_a_server_that_cannot_leave_it_out_of_one_request_runs_without_while_many_ask():
    options = ManagedOptions(
        model="org/model", server="vllm", speculation=Draft(draft=Path("small"), auto=True)
    )
    speculation = Speculation("m", options, Findings())
    assert [str(mode) for mode in speculation.candidates[:1]] == ["ngram"]
    speculation.running = "ngram"
    request = ChatRequest((Message("user", "hi"),))
    for _ in range(LOOKED_BACK):
        assert speculation.sent(request, 9) == request
    assert speculation.status().loaded
    assert speculation.mode == "off"
    assert speculation.due
    for _ in range(LOOKED_BACK):
        speculation.sent(request, 1)
    assert not speculation.status().loaded


def test_prompts_are_bounded_and_short_answers_are_no_prompts():
    options = ManagedOptions(model="m.gguf", speculation="auto", speculation_prompts=3)
    speculation = Speculation("m", options, Findings())
    for length in (10, 10, 200_000):
        speculation.answered(ChatRequest((Message("user", "x" * length),)), Usage(5, 20))
    speculation.answered(ChatRequest((Message("user", "x"),)), Usage(5, 7))
    assert (speculation.status().prompts, speculation.due) == (2, False)
    for _ in range(9):
        speculation.answered(ChatRequest((Message("user", "x"),)), Usage(5, 8))
    assert (speculation.status().prompts, speculation.due) == (3, True)


def test_without_auto_nothing_is_kept_of_what_is_asked():
    speculation = Speculation("m", ManagedOptions(model="m.gguf"), Findings())
    for _ in range(99):
        speculation.answered(ChatRequest((Message("user", "x"),)), Usage(5, 50))
    assert (speculation.status().prompts, speculation.due) == (0, False)


async def test_a_server_without_draft_models_is_refused_one_for_auto_too(tmp_path: Path):
    draft = write_model(tmp_path, "draft")
    with pytest.raises(ConfigError, match="no draft models"):
        async with house(
            tmp_path,
            server="llama-cpp-python",
            program="python3",
            speculation={"draft": str(draft), "auto": True},
        ):
            pass


def test_a_record_of_findings_that_cannot_be_read_is_as_none(tmp_path: Path):
    (tmp_path / FILE).write_text("{half a")
    assert Findings(tmp_path).read() == {}
