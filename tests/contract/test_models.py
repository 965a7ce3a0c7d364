"""What every chat model keeps, whatever it is made of (models/protocol.py)."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.contract.model_scripts import (
    SPEAKERS,
    Script,
    calls_of,
    check_order,
    no_task_left,
    open_model,
    text_of,
    through_anyllm,
)
from tests.contract.wrapped_models import Opener, wrapped
from tests.fixtures import anthropic_wire
from tests.fixtures.anthropic_wire import serve_anthropic_wire
from tests.fixtures.extras import load_or_skip
from tests.fixtures.managed_server import server_command, write_model
from tests.fixtures.openai_wire import (
    Wire,
    envelope,
    never_ends,
    packets,
    refuses,
    serve_openai_wire,
)

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    Passage,
    ReasoningDelta,
    TextDelta,
)
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.domain.tools import OutputFormat, ToolChoice, ToolSpec
from bedplate.embedders import EMBEDDERS
from bedplate.errors import InvalidInput, UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.models import COMPOSITES, MODELS, SERVED
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.protocol import ChatModel
from bedplate.sections import ManagedConfig

REFUNDS = "How many days do customers have to ask for a refund?"
SHIPPING = "Which carrier delivers orders to Norway?"
TEXTS = {
    REFUNDS: "Customers have 30 days to ask for a refund. The receipt is needed.",
    SHIPPING: "Orders to Norway are delivered by the carrier Fjordpost. It takes four days.",
}


def ask(question: str, **fields: Any) -> ChatRequest:
    text = TEXTS[question]
    hit = Hit(
        document_id=DocumentId("d1"),
        chunk_id=ChunkId("d1#0"),
        score=1.0,
        text=text,
        title="Handbook",
        source="handbook.md",
        start=0,
        end=len(text),
    )
    return ChatRequest((Message("user", question),), passages=(Passage(1, hit),), **fields)


@dataclass
class Adapter:
    """A model that can answer `ask`. `work_stopped` returns once nothing of it runs any more."""

    name: str
    model: ChatModel
    work_stopped: Callable[[], Awaitable[None]]
    make_endless: Callable[[], None] = lambda: None


@asynccontextmanager
async def quote() -> AsyncGenerator[Adapter]:
    async with open_model("quote", {}) as model:
        yield Adapter("quote", model, no_task_left)


@asynccontextmanager
async def openai() -> AsyncGenerator[Adapter]:
    async with serve_openai_wire() as wire, open_model("openai", at(wire)) as model:

        async def disconnected() -> None:
            await asyncio.wait_for(wire.disconnected.wait(), 5)

        yield Adapter("openai", model, disconnected, lambda: wire.script(never_ends("more ")))


RULES = [{"match": question, "reply": f"{text} [1]"} for question, text in TEXTS.items()]
SCRIPT: Mapping[str, Any] = {"rules": RULES, "delay_seconds": 0.001}


@asynccontextmanager
async def anthropic() -> AsyncGenerator[Adapter]:
    async with serve_anthropic_wire() as wire, open_model("anthropic", at(wire)) as model:

        async def disconnected() -> None:
            await asyncio.wait_for(wire.disconnected.wait(), 5)

        endless = anthropic_wire.never_ends("more ")
        yield Adapter("anthropic", model, disconnected, lambda: wire.script(endless))


@asynccontextmanager
async def scripted() -> AsyncGenerator[Adapter]:
    async with open_model("scripted", SCRIPT) as model:
        yield Adapter("scripted", model, no_task_left)


@asynccontextmanager
async def anyllm() -> AsyncGenerator[Adapter]:
    load_or_skip(MODELS, "anyllm")
    async with (
        serve_openai_wire() as wire,
        open_model("anyllm", through_anyllm(wire)) as model,
    ):

        async def disconnected() -> None:
            await asyncio.wait_for(wire.disconnected.wait(), 5)

        yield Adapter("anyllm", model, disconnected, lambda: wire.script(never_ends("more ")))


@asynccontextmanager
async def managed() -> AsyncGenerator[Adapter]:
    """A process of its own: a question that ends in "forever" is never answered to its end."""
    with TemporaryDirectory() as folder:
        async with open_managed(Path(folder)) as (model, servers):

            async def not_asked() -> None:
                async with asyncio.timeout(5):
                    while servers.status(0)[0].requests:  # noqa: ASYNC110 - it tells nobody
                        await asyncio.sleep(0.01)

            yield Adapter("managed", model, not_asked)


@asynccontextmanager
async def open_managed(folder: Path) -> AsyncGenerator[tuple[ChatModel, ManagedServers]]:
    servers = ManagedServers(ManagedConfig())
    options = {
        "model": str(write_model(folder)),
        "command": server_command(),
        "memory_bytes": 1,
        "gpu": False,
    }
    async with (
        EMBEDDERS.load("hashing")({}) as embedder,
        SERVED.load("managed")(options, name="m", servers=servers, embedder=embedder) as model,
    ):
        yield model, servers


def inside(name: str, opener: Opener) -> Callable[[], AbstractAsyncContextManager[Adapter]]:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Adapter]:
        async with opener() as model:
            yield Adapter(name, model, no_task_left)

    return opened


WRAPPED = {
    name: inside(name, opener) for name, opener in wrapped({"use": "scripted", **SCRIPT}).items()
}
ADAPTERS = {
    "quote": quote,
    "openai": openai,
    "anthropic": anthropic,
    "anyllm": anyllm,
    "managed": managed,
    "scripted": scripted,
    **WRAPPED,
}


WIRES = {"anthropic": serve_anthropic_wire, "openai": serve_openai_wire}


def at(wire: Wire) -> dict[str, Any]:
    return {"base_url": wire.base_url, "model": "m"}


@pytest.fixture(params=sorted(ADAPTERS))
async def adapter(request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
    async with ADAPTERS[request.param]() as opened:
        yield opened


async def collect(model: ChatModel, request: ChatRequest) -> list[ChatEvent]:
    return [event async for event in model.stream(request)]


def test_every_model_in_the_table_is_in_this_suite():
    assert ADAPTERS.keys() - WRAPPED.keys() == {*MODELS.names(), *SERVED.names()}
    assert set(SPEAKERS) | {"quote"} == set(MODELS.names())
    assert set(COMPOSITES.names()) <= WRAPPED.keys()


async def test_streams_text_then_exactly_one_finished(adapter: Adapter):
    events = await collect(adapter.model, ask(REFUNDS))

    *deltas, last = events
    assert deltas
    assert all(isinstance(delta, TextDelta) and delta.text for delta in deltas)
    assert isinstance(last, Finished)
    assert last.reason == "stop"
    assert last.model


async def test_usage_is_never_negative_and_adds_up(adapter: Adapter):
    *_, last = await collect(adapter.model, ask(REFUNDS))

    assert isinstance(last, Finished)
    assert last.usage.input_tokens >= 0
    assert last.usage.output_tokens >= 0
    assert last.usage.total_tokens == last.usage.input_tokens + last.usage.output_tokens


async def test_answers_again_after_an_answer(adapter: Adapter):
    first = text_of(await collect(adapter.model, ask(REFUNDS)))
    second = text_of(await collect(adapter.model, ask(REFUNDS)))

    assert first == second


async def test_concurrent_streams_do_not_mix(adapter: Adapter):
    alone = [text_of(await collect(adapter.model, ask(q))) for q in (REFUNDS, SHIPPING)]

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(collect(adapter.model, ask(question)))
            for question in (REFUNDS, SHIPPING)
        ]

    assert alone[0] != alone[1]
    assert [text_of(task.result()) for task in tasks] == alone


async def test_closing_the_iterator_early_stops_the_work(adapter: Adapter):
    adapter.make_endless()

    async with aclosing(adapter.model.stream(ask(REFUNDS))) as events:
        first = await anext(events)

    assert isinstance(first, TextDelta)
    await adapter.work_stopped()
    with pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_cancelling_the_reader_stops_the_work(adapter: Adapter):
    adapter.make_endless()
    first_seen = asyncio.Event()

    async def read() -> None:
        async with aclosing(adapter.model.stream(ask(REFUNDS))) as events:
            async for _ in events:
                first_seen.set()
                await asyncio.sleep(0.001)
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        await first_seen.wait()
        reader.cancel()

    assert reader.cancelled()
    await adapter.work_stopped()


async def test_a_deadline_in_the_past_raises_upstream_timeout(adapter: Adapter):
    late = ask(REFUNDS, deadline=asyncio.get_running_loop().time() - 1.0)

    with pytest.raises(UpstreamTimeout):
        await collect(adapter.model, late)


async def test_the_name_is_stable_and_not_empty(adapter: Adapter):
    before = adapter.model.name
    await collect(adapter.model, ask(REFUNDS))

    assert before
    assert adapter.model.name == before
    async with ADAPTERS[adapter.name]() as again:
        assert again.model.name == before


WEATHER = ToolSpec("weather", "The weather.", {"type": "object", "properties": {}})
TIME = ToolSpec("time")
TOOLS = (WEATHER, TIME)
SAYS = Script(text="It rains in Ålesund.")
THINKS = Script(text="Yes.", reasoning="Well, 17 is prime.")
CALLS = Script(calls=(("weather", {"city": "Ålesund"}), ("time", {})))
ALL = Script("One moment.", "Look it up.", (("weather", {"city": {"name": "Rome", "in": []}}),))
JSON = Script(text='{"city": "Ålesund"}')


@pytest.mark.parametrize("name", sorted(SPEAKERS))
@pytest.mark.parametrize(
    "script", [SAYS, THINKS, CALLS, ALL], ids=["text", "thinks", "calls", "all"]
)
async def test_thoughts_text_and_calls_keep_the_order_of_the_protocol(name: str, script: Script):
    async with SPEAKERS[name](script) as model:
        events = await collect(model, ask(REFUNDS, tools=TOOLS))

    last = check_order(events)
    thoughts = [event.text for event in events if isinstance(event, ReasoningDelta)]
    assert text_of(events) == script.text
    assert "".join(thoughts) == script.reasoning
    assert calls_of(events) == [(tool, given) for tool, given in script.calls]
    assert last.reason == ("tool_calls" if script.calls else "stop")


@pytest.mark.parametrize("name", sorted(SPEAKERS))
@pytest.mark.parametrize("schema", [None, {"type": "object"}])
async def test_an_answer_with_a_schema_is_text(name: str, schema: Any):
    request = ask(REFUNDS, output=OutputFormat(schema, "weather"))
    by_tool = name == "anthropic" and schema is None
    script = Script(calls=(("weather", {"city": "Ålesund"}),)) if by_tool else JSON
    async with SPEAKERS[name](script) as model:
        events = await collect(model, request)

    assert json.loads(text_of(events)) == {"city": "Ålesund"}
    assert calls_of(events) == []
    assert check_order(events).reason == "stop"


@pytest.mark.parametrize("name", sorted(ADAPTERS))
async def test_a_call_that_no_tool_is_there_for_is_refused(name: str):
    async with ADAPTERS[name]() as opened:
        with pytest.raises(InvalidInput) as caught:
            await collect(opened.model, ask(REFUNDS, tool_choice=ToolChoice("required")))

    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize("name", ["anthropic", "quote", "scripted"])
async def test_probabilities_that_it_does_not_know_are_refused(name: str):
    async with ADAPTERS[name]() as opened:
        with pytest.raises(InvalidInput) as caught:
            await collect(opened.model, ask(REFUNDS, logprobs=1))

    assert caught.value.param == "logprobs"


def breaking(kind: str) -> dict[str, Any]:
    return {"replies": ["Never said in full."], "fail_after": 1, "fail_with": kind}


@pytest.mark.parametrize(
    ("name", "cause", "expected"),
    [
        ("openai", refuses(500, envelope("out of memory")), UpstreamError),
        ("openai", refuses(504, envelope("gave up")), UpstreamTimeout),
        ("openai", refuses(429, envelope("slow down")), UpstreamRateLimited),
        ("openai", packets(b'data: {"choices":[]}\n\n', reset=True), UpstreamError),
        ("anthropic", refuses(500, anthropic_wire.failure("api_error", "x")), UpstreamError),
        ("anthropic", refuses(504, b""), UpstreamTimeout),
        ("anthropic", refuses(429, envelope("slow down")), UpstreamRateLimited),
        ("anthropic", packets(anthropic_wire.start(), reset=True), UpstreamError),
        ("scripted", breaking("upstream"), UpstreamError),
        ("scripted", breaking("timeout"), UpstreamTimeout),
        ("scripted", breaking("rate_limited"), UpstreamRateLimited),
    ],
)
async def test_a_failing_upstream_surfaces_as_its_kind_of_upstream_error(
    name: str, cause: Any, expected: type[UpstreamError]
):
    async with WIRES.get(name, serve_openai_wire)() as wire:
        if name in WIRES:
            wire.script(cause)
        async with open_model(name, at(wire) if name in WIRES else cause) as model:
            with pytest.raises(UpstreamError) as caught:
                await collect(model, ask(REFUNDS))

    assert type(caught.value) is expected
    assert caught.value.provider == name
    assert caught.value.message


@pytest.mark.parametrize("name", ["anthropic", "anyllm", "managed", "openai", "scripted"])
async def test_tools_are_not_handed_through_unread(name: str):
    request = ask(REFUNDS, extra={"tools": [{"type": "function"}]})

    async with ADAPTERS[name]() as opened:
        with pytest.raises(InvalidInput, match="tools") as caught:
            await collect(opened.model, request)

    assert caught.value.param == "tools"
