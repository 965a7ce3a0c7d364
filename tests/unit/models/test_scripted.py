import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    ImagePart,
    Message,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.tools import OutputFormat, ToolCall, ToolChoice, ToolSpec
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import InvalidInput, UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.models.protocol import ChatModel
from bedplate.models.scripted import ScriptedModel, open_scripted_model


@asynccontextmanager
async def scripted(**options: Any) -> AsyncIterator[ScriptedModel]:
    async with (
        open_hashing_embedder({}) as embedder,
        open_scripted_model(options, embedder=embedder) as model,
    ):
        yield model


def ask(question: str = "Hello?", **fields: Any) -> ChatRequest:
    return ChatRequest((Message("user", question),), **fields)


async def collect(model: ChatModel, request: ChatRequest) -> list[ChatEvent]:
    return [event async for event in model.stream(request)]


async def read_into(
    seen: list[ChatEvent], model: ChatModel, request: ChatRequest | None = None
) -> None:
    async for event in model.stream(request or ask()):
        seen.append(event)  # noqa: PERF401 - a comprehension would lose what came before an error


async def said(model: ChatModel, question: str) -> str:
    events = await collect(model, ask(question))
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_replies_come_in_order_and_start_again():
    async with scripted(replies=["one", "two"]) as model:
        assert [await said(model, "?") for _ in range(3)] == ["one", "two", "one"]


async def test_a_rule_answers_the_questions_that_hold_its_text():
    rules = [{"match": "refund", "reply": "30 days [1]."}, {"match": "", "reply": "No idea."}]

    async with scripted(rules=rules) as model:
        assert await said(model, "Is a REFUND possible?") == "30 days [1]."
        assert await said(model, "Who are you?") == "No idea."


async def test_a_question_without_a_rule_is_refused_by_its_text():
    async with scripted(rules=[{"match": "refund", "reply": "yes"}]) as model:
        with pytest.raises(InvalidInput, match="'Who are you\\?'"):
            await said(model, "Who are you?")


async def test_the_reply_is_cut_into_chunks_of_the_given_size():
    async with scripted(replies=["abcdefg"], chunk_characters=3) as model:
        *deltas, _ = await collect(model, ask())

    assert deltas == [TextDelta("abc"), TextDelta("def"), TextDelta("g")]


async def test_the_output_limit_cuts_the_reply_and_says_length():
    async with scripted(replies=["abcdefghij"]) as model:
        *deltas, last = await collect(model, ask(max_output_tokens=2))

    assert deltas == [TextDelta("abcdefgh")]
    assert last == Finished("length", Usage(2, 2, estimated=True), "scripted")


async def test_usage_is_reported_as_told():
    async with scripted(replies=["x"], usage={"input_tokens": 5, "output_tokens": 6}) as model:
        *_, last = await collect(model, ask())

    assert last == Finished("stop", Usage(5, 6), "scripted")


async def test_fails_after_the_told_number_of_chunks():
    seen: list[ChatEvent] = []

    async with scripted(replies=["abcdef"], chunk_characters=2, fail_after=2) as model:
        with pytest.raises(UpstreamError, match="after 2 chunks"):
            await read_into(seen, model)

    assert seen == [TextDelta("ab"), TextDelta("cd")]


async def test_a_rate_limit_carries_its_advice():
    async with scripted(
        replies=["x"], fail_after=0, fail_with="rate_limited", retry_after=2.5
    ) as model:
        with pytest.raises(UpstreamRateLimited) as caught:
            await collect(model, ask())

    assert caught.value.retry_after == 2.5
    assert caught.value.status == 429


async def test_a_deadline_cuts_a_slow_reply():
    async with scripted(replies=["slow"], delay_seconds=60) as model:
        with pytest.raises(UpstreamTimeout, match="deadline"):
            await collect(model, ask(deadline=asyncio.get_running_loop().time() + 0.02))


async def test_remembers_the_requests_it_was_given():
    async with scripted(replies=["x"]) as model:
        await collect(model, ask("first"))
        await collect(model, ask("second"))

        assert [request.question for request in model.requests] == ["first", "second"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs replies or rules"),
        ({"replies": [""]}, "must not be empty"),
        ({"replies": ["x"], "chunk_size": 3}, "chunk_size"),
        ({"rules": [{"match": "x"}]}, "a rule needs a reply or tool_calls"),
        ({"rules": [{"tool_calls": [{"arguments": {}}]}]}, "name"),
        ({"replies": ["x"], "fail_with": "boredom"}, "fail_with"),
    ],
)
async def test_bad_options_are_refused(options: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        async with scripted(**options):
            pass


TOOLS = (ToolSpec("weather"), ToolSpec("time"))
OSLO = {"name": "weather", "arguments": {"city": "Oslo"}}
AGENT = [
    {"match": "weather", "result": "rain", "reply": "Take an umbrella."},
    {"match": "weather", "result": "", "reply": "Go out."},
    {"match": "weather", "reasoning": "Look it up.", "tool_calls": [OSLO, {"name": "time"}]},
]


def called(*answers: str) -> tuple[Message, ...]:
    """The conversation after the first call was made and its tools answered."""
    calls = tuple(ToolCall(f"call_{at + 1}", "weather", "{}") for at in range(len(answers)))
    return (
        Message("user", "What is the weather?"),
        Message("assistant", "", tool_calls=calls),
        *(
            Message("tool", answer, tool_call_id=call.id)
            for answer, call in zip(answers, calls, strict=True)
        ),
    )


async def test_a_rule_may_think_and_call_tools():
    async with scripted(rules=AGENT) as model:
        events = await collect(model, ask("What is the weather?", tools=TOOLS))

    *deltas, last = events
    assert deltas == [
        ReasoningDelta("Look it up."),
        ToolCallDelta(0, id="call_1", name="weather"),
        ToolCallDelta(0, '{"city": "Oslo"}'),
        ToolCallDelta(1, id="call_2", name="time"),
        ToolCallDelta(1, "{}"),
    ]
    assert isinstance(last, Finished)
    assert last.reason == "tool_calls"


@pytest.mark.parametrize(
    ("answers", "reply"),
    [(("RAIN all day",), "Take an umbrella."), (("sun", "more sun"), "Go out.")],
)
async def test_a_rule_may_meet_what_a_tool_answered(answers: tuple[str, ...], reply: str):
    async with scripted(rules=AGENT, chunk_characters=99) as model:
        events = await collect(model, ChatRequest(called(*answers), tools=TOOLS))

    assert events[0] == TextDelta(reply)


async def test_calls_are_numbered_on_through_the_conversation():
    again = [{"result": "", "tool_calls": [OSLO]}]
    async with scripted(rules=again) as model:
        first, *_ = await collect(model, ChatRequest(called("a", "b"), tools=TOOLS))

    assert first == ToolCallDelta(0, id="call_3", name="weather")


async def test_arguments_may_be_wrong_on_purpose():
    broken = [{"tool_calls": [{"name": "weather", "arguments": "{oops"}]}]
    async with scripted(rules=broken) as model:
        _, second, _ = await collect(model, ask(tools=TOOLS))

    assert second == ToolCallDelta(0, "{oops")


async def test_a_reply_may_be_a_table_that_is_said_as_json():
    rules = [{"reply": {"city": "Ålesund"}}]
    async with scripted(rules=rules, chunk_characters=99) as model:
        events = await collect(model, ask(output=OutputFormat({"type": "object"})))

    assert events[0] == TextDelta('{"city": "Ålesund"}')


async def test_images_reach_it_as_they_were_sent():
    shown = Message("user", "", parts=(ImagePart("https://h/a.png"),))
    async with scripted(replies=["x"]) as model:
        await collect(model, ChatRequest((shown,)))

        assert model.requests[0].messages == (shown,)


@pytest.mark.parametrize(
    ("rules", "fields", "param"),
    [
        (AGENT, {}, "tools"),
        (AGENT, {"tools": TOOLS, "tool_choice": ToolChoice("none")}, "tools"),
        (
            AGENT,
            {"tools": TOOLS, "tool_choice": ToolChoice("required", ("time",))},
            "tool_choice",
        ),
        (
            [{"reply": "x"}],
            {"tools": TOOLS, "tool_choice": ToolChoice("required")},
            "tool_choice",
        ),
        ([{"reply": "prose"}], {"output": OutputFormat()}, "response_format"),
        ([{"reply": "[1]"}], {"output": OutputFormat()}, "response_format"),
        ([{"reply": "x"}], {"logprobs": 1}, "logprobs"),
    ],
)
async def test_a_script_that_does_not_do_what_is_asked_is_refused(
    rules: Any, fields: dict[str, Any], param: str
):
    async with scripted(rules=rules) as model:
        with pytest.raises(InvalidInput) as caught:
            await collect(model, ask("What is the weather?", **fields))

    assert caught.value.param == param


async def test_a_failure_may_come_between_the_parts_of_a_call():
    seen: list[ChatEvent] = []

    async with scripted(rules=[{"tool_calls": [OSLO]}], fail_after=1) as model:
        with pytest.raises(UpstreamError, match="after 1 chunks"):
            await read_into(seen, model, ask(tools=TOOLS))

    assert seen == [ToolCallDelta(0, id="call_1", name="weather")]
