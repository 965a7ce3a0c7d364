"""Managed models against a real server process (tests/fixtures/managed_server.py)."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.fixtures.managed_server import server_command, starts, write_model
from tests.fixtures.serving import until

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished, Message, TextDelta
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import BedplateError, Busy, Unavailable, UpstreamError, UpstreamTimeout
from bedplate.models.managed import open_managed_model
from bedplate.models.managed_memory import Device
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.protocol import ChatModel
from bedplate.sections import ManagedConfig


def ask(text: str = "hello there", **fields: Any) -> ChatRequest:
    return ChatRequest((Message("user", text),), **fields)


async def collect(model: ChatModel, request: ChatRequest) -> list[ChatEvent]:
    return [event async for event in model.stream(request)]


async def answer(model: ChatModel, text: str = "hello there", **fields: Any) -> str:
    events = await collect(model, ask(text, **fields))
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events if isinstance(event, TextDelta)).strip()


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class House:
    """Managed models that share memory; each model takes 100 bytes unless it is told otherwise."""

    def __init__(self, folder: Path, stack: AsyncExitStack, servers: ManagedServers) -> None:
        self.folder = folder
        self.servers = servers
        self._stack = stack

    async def model(
        self, name: str = "tiny", told: dict[str, object] | None = None, **options: Any
    ) -> ChatModel:
        given = {
            "model": str(write_model(self.folder, name)),
            "command": server_command(**(told or {})),
            "memory_bytes": 100,
            "gpu": False,
            "restart_seconds": 0.01,
            **options,
        }
        embedder = await self._stack.enter_async_context(open_hashing_embedder({}))
        return await self._stack.enter_async_context(
            open_managed_model(given, name=name, servers=self.servers, embedder=embedder)
        )

    def starts(self, name: str = "tiny") -> list[dict[str, int]]:
        return starts(self.folder / name / f"{name}.gguf")

    def state(self, name: str = "tiny") -> str:
        return next(s.state for s in self.servers.status(0) if s.name == name)

    def log(self, name: str = "tiny") -> list[str]:
        return next(list(s.log) for s in self.servers.status(1000) if s.name == name)


@asynccontextmanager
async def house(
    folder: Path, limit: int = 1000, free: Callable[[Device], Awaitable[int | None]] | None = None
) -> AsyncGenerator[House]:
    async def plenty(device: Device) -> int | None:
        return 10**12

    servers = ManagedServers(ManagedConfig(memory_bytes=limit), free or plenty)
    async with AsyncExitStack() as stack:
        yield House(folder, stack, servers)


async def test_the_first_request_starts_the_server_and_the_next_finds_it_warm(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model()
        assert (home.starts(), home.state()) == ([], "stopped")

        assert await answer(model, "one two") == "one two"
        assert await answer(model, "three") == "three"

        assert len(home.starts()) == 1
        assert home.state() == "ready"
        assert model.name == "managed:tiny"
    assert not alive(home.starts()[0]["pid"])


async def test_many_first_requests_start_it_once(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"slow": 0.3})
        words = [f"word{number}" for number in range(20)]

        assert await asyncio.gather(*(answer(model, word) for word in words)) == words

        assert len(home.starts()) == 1


async def test_without_requests_it_is_stopped_and_the_next_starts_it_again(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(idle_seconds=0.05)
        await answer(model)
        await until(lambda: home.state() == "stopped")
        assert not alive(home.starts()[0]["pid"])

        assert await answer(model, "again") == "again"

        assert len(home.starts()) == 2


async def test_a_long_answer_is_not_idle(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"hold": "wait"}, idle_seconds=0.05)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(answer(model, "wait for it"))
            await until(lambda: home.state() == "ready")
            await asyncio.sleep(0.3)
            assert home.state() == "ready"
            (tmp_path / "tiny" / "release").touch()

        assert task.result() == "wait for it"


async def test_a_deadline_ends_the_wait_for_the_start_but_not_the_start(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"slow": 1.0})
        soon = asyncio.get_running_loop().time() + 0.2
        with pytest.raises(UpstreamTimeout, match="deadline"):
            await collect(model, ask(deadline=soon))

        await until(lambda: home.state() == "ready")
        assert await answer(model, "now") == "now"

        assert len(home.starts()) == 1


async def test_a_request_that_is_late_already_starts_nothing(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model()
        with pytest.raises(UpstreamTimeout):
            await collect(model, ask(deadline=asyncio.get_running_loop().time()))

        assert home.state() == "stopped"


async def test_after_a_crash_the_next_request_finds_a_new_server(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"crash": "die"})
        await answer(model)
        with pytest.raises(UpstreamError):
            await collect(model, ask("die"))
        await until(lambda: len(home.starts()) == 2)

        assert await answer(model, "still here") == "still here"

        assert any("crashed with exit code 3" in line for line in home.log())


async def test_starts_that_fail_are_tried_again_as_often_as_is_set(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"broken": 2}, restarts=2)

        assert await answer(model, "third time") == "third time"

        assert len(home.starts()) == 3


async def test_too_many_crashes_are_an_error_with_the_servers_last_words(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"broken": 100}, restarts=2)
        with pytest.raises(UpstreamError, match="crashed 3 times.*out of luck") as caught:
            await collect(model, ask())
        assert caught.value.provider == "managed"
        # Until the window has passed, nothing is started for further requests.
        with pytest.raises(UpstreamError, match="crashed 3 times"):
            await collect(model, ask())

        assert len(home.starts()) == 3


async def test_crashes_are_forgotten_after_their_window(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"broken": 1}, restarts=0, crash_window_seconds=0.3)
        with pytest.raises(UpstreamError, match="crashed 1 times"):
            await collect(model, ask())
        await asyncio.sleep(0.3)

        assert await answer(model, "better") == "better"


async def test_a_server_that_is_never_ready_is_given_up_and_ended(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"mute": 1}, start_seconds=2, restarts=0)
        with pytest.raises(UpstreamError, match=r"not ready in 2 s.*answered 503"):
            await collect(model, ask())

        assert not alive(home.starts()[0]["pid"])


async def test_a_program_that_does_not_exist_says_so(tmp_path: Path):
    async with house(tmp_path) as home:
        command = ["/no/such/server", "{port}", "{model}"]
        model = await home.model(command=command, restarts=0)
        with pytest.raises(UpstreamError, match="cannot start /no/such/server"):
            await collect(model, ask())


async def test_the_least_recently_used_model_leaves_for_another(tmp_path: Path):
    async with house(tmp_path, limit=200) as home:
        first, second, third = [await home.model(name) for name in ("first", "second", "third")]
        await answer(first)
        await answer(second)
        await answer(first)

        assert await answer(third, "me") == "me"

        states = [home.state(name) for name in ("first", "second", "third")]
        assert states == ["ready", "stopped", "ready"]
        assert not alive(home.starts("second")[0]["pid"])


async def test_a_model_in_use_is_never_stopped_for_another(tmp_path: Path):
    async with house(tmp_path, limit=100) as home:
        busy = await home.model("busy", {"hold": "wait"})
        other = await home.model("other")
        hasty = await home.model("hasty", room_seconds=0.2)
        async with asyncio.TaskGroup() as group:
            held = group.create_task(answer(busy, "wait here"))
            await until(lambda: home.state("busy") == "ready")
            waiting = group.create_task(answer(other, "me"))
            with pytest.raises(Busy, match="found no room.*busy"):
                await collect(hasty, ask())
            assert home.starts("other") == []
            (tmp_path / "busy" / "release").touch()

        assert held.result() == "wait here"
        assert waiting.result() == "me"
        assert home.state("busy") == "stopped"


async def test_models_that_take_turns_answer_all_their_requests(tmp_path: Path):
    async with house(tmp_path, limit=100) as home:
        models = {name: await home.model(name) for name in ("first", "second")}
        asked = [(name, f"{name}{turn}") for turn in range(4) for name in models]

        got = await asyncio.gather(*(answer(models[name], word) for name, word in asked))

        assert got == [word for _, word in asked]


async def test_too_little_free_memory_refuses_the_start(tmp_path: Path):
    async def little(device: Device) -> int | None:
        return 99

    async with house(tmp_path, free=little) as home:
        model = await home.model()
        with pytest.raises(Unavailable, match=r"too little memory.*of ram"):
            await collect(model, ask())

        assert home.starts() == []


async def test_a_model_leaves_where_the_machine_itself_is_short_of_memory(tmp_path: Path):
    async with AsyncExitStack() as stack:
        servers: list[ManagedServers] = []

        async def for_one(device: Device) -> int | None:
            running = [s for s in servers[0].status(0) if s.state == "ready"]
            return 150 - 100 * len(running)

        home = await stack.enter_async_context(house(tmp_path, free=for_one))
        servers.append(home.servers)
        first, second = await home.model("first"), await home.model("second")
        await answer(first)

        assert await answer(second, "me") == "me"

        assert home.state("first") == "stopped"


async def test_memory_that_a_starting_model_will_take_is_not_given_twice(tmp_path: Path):
    async def for_one(device: Device) -> int | None:
        return 150

    async with house(tmp_path, free=for_one) as home:
        slow = await home.model("slow", {"slow": 1.0})
        other = await home.model("other", room_seconds=0.2)
        async with asyncio.TaskGroup() as group:
            held = group.create_task(answer(slow, "first"))
            await until(lambda: bool(home.starts("slow")))
            with pytest.raises(Busy, match="found no room"):
                await collect(other, ask())

        assert held.result() == "first"


async def test_requests_that_fail_together_have_errors_of_their_own(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"broken": 100}, restarts=0)
        first, second = await asyncio.gather(refused(model), refused(model))

        assert isinstance(first, UpstreamError)
        assert first is not second
        assert len(home.starts()) == 1


async def test_the_log_keeps_the_last_lines_without_the_key_or_terminal_codes(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(log_lines=6)
        await answer(model, "first")
        assert "loading the model" in home.log()
        for number in range(10):
            await answer(model, f"question{number}")
        await until(lambda: "asked: question9" in home.log())

        log = home.log()
        assert len(log) == 6
        assert "key: ***" in log


async def test_a_server_sees_none_of_the_environments_secrets(tmp_path: Path):
    script = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"
    os.environ["BEDPLATE_TEST_SECRET"] = "sk-ours"
    try:
        async with house(tmp_path) as home:
            model = await home.model(
                command=[sys.executable, "-c", script, "{port}", "{model}"],
                environment={"HF_TOKEN": "hf-own"},
                restarts=0,
            )
            with pytest.raises(UpstreamError):
                await collect(model, ask())
            seen = json.loads(next(line for line in home.log() if line.startswith("{")))
    finally:
        del os.environ["BEDPLATE_TEST_SECRET"]

    assert "BEDPLATE_TEST_SECRET" not in seen
    assert seen["PATH"] == os.environ["PATH"]
    assert seen["HF_TOKEN"] == "***"


@pytest.mark.parametrize(("own", "store"), [({}, "0"), ({"LLAMA_ARG_CACHE_RAM": "512"}, "512")])
async def test_llama_server_keeps_past_prompts_in_no_memory_that_nobody_counted(
    tmp_path: Path, own: dict[str, str], store: str
):
    """Its own default is 8 GiB beside the model."""
    program = tmp_path / "llama-server"
    program.write_text('#!/bin/sh\necho "store of $LLAMA_ARG_CACHE_RAM MiB"\n')
    program.chmod(0o755)
    async with house(tmp_path) as home:
        model = await home.model(
            command=(), server="llama-server", program=str(program), environment=own, restarts=0
        )
        with pytest.raises(UpstreamError):
            await collect(model, ask())
        said = home.log()

    assert f"store of {'***' if own else store} MiB" in said


async def test_what_a_server_started_ends_with_it(tmp_path: Path):
    async with house(tmp_path) as home:
        await answer(await home.model(told={"child": 1}))
        (start,) = home.starts()
        assert alive(start["child"])

    await until(lambda: not alive(start["child"]) and not alive(start["pid"]))


async def test_what_a_crashed_server_left_behind_is_ended_before_the_next(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(told={"child": 1})
        await answer(model)
        os.kill(home.starts()[0]["pid"], signal.SIGKILL)
        await until(lambda: len(home.starts()) == 2)

        assert not alive(home.starts()[0]["child"])
        assert await answer(model, "back") == "back"
        assert any("crashed with exit code 137" in line for line in home.log())


async def test_closing_while_it_starts_fails_the_requests_that_wait(tmp_path: Path):
    async with asyncio.TaskGroup() as group, house(tmp_path) as home:
        model = await home.model(told={"slow": 60})
        waiting = group.create_task(refused(model))
        await until(lambda: bool(home.starts()))

    assert isinstance(waiting.result(), Unavailable)
    assert not alive(home.starts()[0]["pid"])


async def refused(model: ChatModel) -> BedplateError:
    with pytest.raises(BedplateError) as caught:
        await collect(model, ask())
    return caught.value


async def test_closing_the_iterator_early_frees_the_model(tmp_path: Path):
    async with house(tmp_path) as home:
        model = await home.model(idle_seconds=0.05)
        async with aclosing(model.stream(ask("go on forever"))) as events:
            await anext(events)

        await until(lambda: home.state() == "stopped")
