"""The real server process, driven by OpenAI's own client."""

import asyncio
import json
import re
import subprocess
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel
from tests.fixtures.openai_wire import (
    Wire,
    chunk,
    envelope,
    event,
    packets,
    refuses,
    serve_openai_wire,
    stalls,
    waits_for_release,
)
from tests.fixtures.process import BEDPLATE, ServerProcess, start_process

Start = Callable[[str], ServerProcess]

TOML = """
[server]
max_body_bytes = 100000
drain_seconds = 1.5
[embedder]
use = "hashing"
[models.default]
use = "scripted"
chunk_characters = 5
usage = { input_tokens = 5, output_tokens = 3 }
replies = ["Hello there, friend."]
rules = [
  { match = "refund", reply = "Refunds take 30 days [1]." },
  { match = "weather", result = "rain", reply = "Take an umbrella." },
  { match = "weather", tool_calls = [
    { name = "weather", arguments = { city = "Oslo" } },
    { name = "weather", arguments = { city = "Bergen" } } ] },
  { match = "as json", reply = { city = "Oslo", degrees = 7 } },
]
[models.remote]
use = "openai"
model = "m"
base_url = "WIRE"
[assistants.support]
model = "default"
collections = ["policies"]
"""
NOWHERE = "http://127.0.0.1:9/v1"
HI: Any = [{"role": "user", "content": "Hi"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
REFUND: Any = [{"role": "user", "content": "How long does a refund take?"}]


@pytest.fixture
async def wire() -> AsyncGenerator[Wire]:
    async with serve_openai_wire() as wire:
        yield wire


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("standing")
    server = start_process(folder, TOML.replace("WIRE", NOWHERE), folder / "server.log")
    try:
        server.wait_until_ready()
        document = {"id": "refunds.md", "text": "Refunds take 30 days."}
        request = Request(
            f"{server.url}/api/collections/policies/documents",
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request) as response:
            assert json.load(response)["documents"]["added"] == 1
        yield server
    finally:
        server.kill()


@pytest.fixture
def client(standing: ServerProcess) -> OpenAI:
    return OpenAI(base_url=standing.v1, api_key="none", max_retries=0)


@pytest.fixture
def server(start_server: Start, wire: Wire) -> ServerProcess:
    return start_server(TOML.replace("WIRE", wire.base_url))


@pytest.fixture
async def aclient(server: ServerProcess) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.v1, api_key="none", max_retries=0) as client:
        yield client


def test_the_sync_client_finds_its_way_around(client: OpenAI):
    with client:
        assert [m.id for m in client.models.list()] == [
            *("quote", "default", "remote", "support", "hashing-256")
        ]
        assert client.models.retrieve("support").owned_by == "bedplate"

        completion = client.chat.completions.create(model="default", messages=HI)
        assert completion.choices[0].message.content == "Hello there, friend."
        assert completion.choices[0].finish_reason == "stop"
        assert completion.usage is not None
        assert completion.usage.total_tokens == 8
        assert re.fullmatch("[0-9a-f]{32}", completion._request_id or "")

        chunks = list(
            client.chat.completions.create(
                model="default",
                messages=HI,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        assert chunks[0].choices[0].delta.role == "assistant"
        texts = [c.choices[0].delta.content or "" for c in chunks if c.choices]
        assert "".join(texts) == "Hello there, friend."
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 3


def test_an_assistant_answers_with_citations_as_extra_fields(client: OpenAI):
    with client:
        whole = client.chat.completions.create(model="support", messages=REFUND)
        *_, last = client.chat.completions.create(model="support", messages=REFUND, stream=True)

    extension = (whole.model_extra or {})["bedplate"]
    assert whole.choices[0].message.content == "Refunds take 30 days [1]."
    assert extension["citations"][0]["document_id"] == "refunds.md"
    assert extension["refused"] is False
    assert (last.model_extra or {})["bedplate"]["citations"] == extension["citations"]


def test_embeddings_are_what_the_client_expects_by_default_and_as_numbers(client: OpenAI):
    with client:
        packed = client.embeddings.create(model="default", input=["rain", "sun"])
        plain = client.embeddings.create(
            model="default", input=["rain", "sun"], encoding_format="float"
        )

    assert [len(item.embedding) for item in packed.data] == [256, 256]
    for a, b in zip(packed.data, plain.data, strict=True):
        assert a.embedding == pytest.approx(b.embedding)


class City(BaseModel):
    city: str
    degrees: int


def test_tools_are_called_and_answered(client: OpenAI):
    messages: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    with client:
        asked = client.chat.completions.create(model="default", messages=messages, tools=[WEATHER])
        with client.chat.completions.stream(
            model="default", messages=messages, tools=[WEATHER]
        ) as stream:
            done = [e for e in stream if e.type == "tool_calls.function.arguments.done"]
        calls = asked.choices[0].message.tool_calls or []
        messages.append(asked.choices[0].message)
        messages += [{"role": "tool", "tool_call_id": c.id, "content": "rain"} for c in calls]
        said = client.chat.completions.create(model="default", messages=messages, tools=[WEATHER])

    assert asked.choices[0].finish_reason == "tool_calls"
    written = [json.loads(c.function.arguments)["city"] for c in calls if c.type == "function"]
    assert written == ["Oslo", "Bergen"]
    assert [json.loads(event.arguments)["city"] for event in done] == ["Oslo", "Bergen"]
    assert said.choices[0].message.content == "Take an umbrella."


def test_a_structured_answer_is_parsed_and_several_choices_are_made(client: OpenAI):
    question: Any = [{"role": "user", "content": "Tell me as json"}]
    with client:
        parsed = client.chat.completions.parse(
            model="default", messages=question, response_format=City
        )
        several = client.chat.completions.create(model="default", messages=HI, n=3)
        chunks = list(
            client.chat.completions.create(model="default", messages=HI, n=2, stream=True)
        )

    assert parsed.choices[0].message.parsed == City(city="Oslo", degrees=7)
    assert [choice.index for choice in several.choices] == [0, 1, 2]
    assert {choice.message.content for choice in several.choices} == {"Hello there, friend."}
    assert {chunk.choices[0].index for chunk in chunks} == {0, 1}


async def test_the_async_client_chats_and_streams(standing: ServerProcess):
    async with AsyncOpenAI(base_url=standing.v1, api_key="none", max_retries=0) as aclient:
        completion = await aclient.chat.completions.create(model="default", messages=HI)
        async with aclient.chat.completions.stream(model="default", messages=HI) as stream:
            events = [event async for event in stream]

    final = [event for event in events if event.type == "content.done"]
    assert completion.choices[0].message.content == "Hello there, friend."
    assert final[0].content == "Hello there, friend."


async def test_errors_are_the_clients_own_classes(aclient: AsyncOpenAI, wire: Wire):
    create = aclient.chat.completions.create
    with pytest.raises(openai.NotFoundError) as missing:
        await create(model="nope", messages=HI)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")

    with pytest.raises(openai.BadRequestError, match="1 to 16"):
        await create(model="default", messages=HI, n=17)
    with pytest.raises(openai.BadRequestError, match="logprobs: an assistant"):
        await create(model="support", messages=HI, logprobs=True)
    with pytest.raises(openai.BadRequestError, match="dimensions"):
        await aclient.embeddings.create(model="default", input="x", dimensions=3)
    with pytest.raises(openai.APIStatusError, match=r"server\.max_body_bytes") as large:
        await create(model="default", messages=[{"role": "user", "content": "x" * 200_000}])
    assert large.value.status_code == 413

    wire.script(refuses(429, envelope("slow down"), {"Retry-After": "7"}))
    with pytest.raises(openai.RateLimitError) as limited:
        await create(model="remote", messages=HI, stream=True)
    assert limited.value.response.headers["retry-after"] == "7"
    wire.script(refuses(500, envelope("oops")))
    with pytest.raises(openai.InternalServerError) as broken:
        await create(model="remote", messages=HI)
    assert broken.value.status_code == 502


async def test_half_a_stream_is_an_error_and_never_looks_complete(aclient: AsyncOpenAI, wire: Wire):
    wire.script(packets(event(chunk("Hel")), reset=True))
    stream = await aclient.chat.completions.create(model="remote", messages=HI, stream=True)
    parts = aiter(stream)
    texts = [(await anext(parts)).choices[0].delta.content or "" for _ in range(2)]

    with pytest.raises(openai.APIError, match="ended early|broke"):
        await anext(parts)
    assert "".join(texts) == "Hel"


async def test_a_client_that_leaves_mid_stream_ends_the_upstream_call(
    aclient: AsyncOpenAI, wire: Wire
):
    wire.script(stalls("Hel"))
    stream = await aclient.chat.completions.create(model="remote", messages=HI, stream=True)
    await anext(aiter(stream))

    await stream.close()

    async with asyncio.timeout(20):
        await wire.disconnected.wait()


async def test_a_client_that_gives_up_waiting_ends_the_upstream_call(
    aclient: AsyncOpenAI, wire: Wire
):
    wire.script(stalls("Hel"))

    with pytest.raises(openai.APITimeoutError):
        await aclient.with_options(timeout=1).chat.completions.create(model="remote", messages=HI)

    async with asyncio.timeout(20):
        await wire.disconnected.wait()


async def test_sigterm_lets_a_request_finish_and_takes_no_new_one(
    server: ServerProcess, aclient: AsyncOpenAI, wire: Wire
):
    wire.script(waits_for_release("Hel", "lo"))
    stream = await aclient.chat.completions.create(model="remote", messages=HI, stream=True)
    first = await anext(aiter(stream))

    server.terminate()
    await until_refused(server.url)
    wire.released.set()

    texts = [first, *[part async for part in stream]]
    assert "".join(part.choices[0].delta.content or "" for part in texts) == "Hello"
    assert texts[-1].choices[0].finish_reason == "stop"
    assert await asyncio.to_thread(server.wait) == 0


async def test_sigterm_does_not_wait_for_ever_and_a_stream_is_told(
    server: ServerProcess, aclient: AsyncOpenAI, wire: Wire
):
    wire.script(stalls("Hel"))
    stream = await aclient.chat.completions.create(model="remote", messages=HI, stream=True)
    await anext(aiter(stream))

    server.terminate()

    assert await asyncio.to_thread(server.wait) == 0
    await wire.disconnected.wait()
    with pytest.raises(openai.APIError, match="The server stops"):
        await drain(stream)
    assert "Traceback" not in server.log.read_text()


def test_a_request_is_one_line_in_the_log_and_holds_no_content(
    standing: ServerProcess, client: OpenAI
):
    with client:
        completion = client.chat.completions.create(
            model="default", messages=[{"role": "user", "content": "my secret"}]
        )

    # The line is written once the answer has left.
    id, lines = completion._request_id or "", list[str]()
    for _ in range(200):
        lines = standing.log.read_text().splitlines()
        if any("/v1/chat/completions" in line and id in line for line in lines):
            break
        time.sleep(0.05)
    [line] = [line for line in lines if "/v1/chat/completions" in line and id in line]
    told = json.loads(line)
    assert (told["method"], told["status"]) == ("POST", 200)
    assert told["trace_id"] == id
    assert "my secret" not in "".join(lines)


def test_an_address_that_others_could_reach_is_refused_at_the_start(tmp_path: Path):
    done = subprocess.run(
        [*BEDPLATE, "serve", "--host", "0.0.0.0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert "no access keys" in done.stderr
    assert not (tmp_path / "bedplate-data").exists()


async def drain(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass


async def until_refused(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.02)
