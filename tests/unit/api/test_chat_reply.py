"""A completion in OpenAI's wire: whole and streamed say the same."""

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from bedplate.api.chat_reply import ChoiceEvent, Reply, added
from bedplate.api.chat_requests import ChatCall
from bedplate.api.sse import DONE
from bedplate.api.wire import encode
from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)

CALL = ChatCall("m", False, True, 1, ChatRequest((Message("user", "Hi"),)))
HIGH = TokenLogprob("Hi", -0.1, (72, 105), (TokenLogprob("Hi", -0.1), TokenLogprob("Ho", -2.5)))
END = Finished("stop", Usage(3, 2), "m")
CALLS: Sequence[ChatEvent] = (
    ToolCallDelta(0, "", "c1", "weather"),
    ToolCallDelta(0, '{"city":'),
    ToolCallDelta(0, '"Oslo"}'),
    ToolCallDelta(1, "{}", "c2", "time"),
    Finished("tool_calls", Usage(9, 4, reasoning_tokens=2, cached_tokens=5), "m"),
)


async def told(events: Sequence[ChatEvent], index: int = 0) -> AsyncGenerator[ChoiceEvent]:
    for event in events:
        yield ChoiceEvent(index, event)


async def whole(events: Sequence[ChatEvent]) -> tuple[ChatCompletion, dict[str, Any]]:
    encoded = encode(Reply(CALL).whole([ChoiceEvent(0, each) for each in events]))
    return ChatCompletion.model_validate_json(encoded, strict=True), json.loads(encoded)


async def streamed(events: Sequence[ChatEvent]) -> list[ChatCompletionChunk]:
    *parts, done = [part async for part in Reply(CALL).stream(told(events))]
    assert done == DONE
    return [
        ChatCompletionChunk.model_validate_json(part.removeprefix(b"data: "), strict=True)
        for part in parts
    ]


async def test_calls_of_tools_have_their_arguments_whole() -> None:
    completion, raw = await whole(CALLS)

    [choice] = completion.choices
    assert choice.finish_reason == "tool_calls"
    assert raw["choices"][0]["message"]["content"] is None
    assert raw["choices"][0]["message"]["tool_calls"] == [
        {
            "id": "c1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
        },
        {"id": "c2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
    ]
    assert completion.usage is not None
    assert completion.usage.prompt_tokens_details is not None
    assert completion.usage.prompt_tokens_details.cached_tokens == 5


async def test_streamed_calls_have_id_and_name_once_and_in_order() -> None:
    first, *chunks, end, usage = await streamed(CALLS)

    assert first.choices[0].delta.role == "assistant"
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [(call.index, call.id, call.type) for call in calls] == [
        (0, "c1", "function"),
        (0, None, None),
        (0, None, None),
        (1, "c2", "function"),
    ]
    written = [call.function.arguments for call in calls if call.function]
    assert written == ["", '{"city":', '"Oslo"}', "{}"]
    assert end.choices[0].finish_reason == "tool_calls"
    assert usage.choices == []


async def test_probabilities_of_a_refusal_are_told_as_those() -> None:
    events = (TextDelta("No", (HIGH,), refusal=True), END)

    _, raw = await whole(events)
    told_whole = raw["choices"][0]["logprobs"]
    _, refused, *_ = await streamed(events)
    told_part = refused.choices[0].logprobs
    assert told_part is not None
    assert (told_whole["content"], told_part.content) == (None, None)
    assert [each["token"] for each in told_whole["refusal"]] == ["Hi"]
    assert [each.token for each in told_part.refusal or ()] == ["Hi"]


async def test_what_was_written_to_the_cache_is_told_where_anything_was() -> None:
    for wrote, told_of in ((3, 3), (0, None)):
        completion, _ = await whole((replace(END, usage=Usage(9, 1, cache_write_tokens=wrote)),))
        details = completion.usage and completion.usage.prompt_tokens_details
        assert details is not None
        assert details.cache_write_tokens == told_of


async def test_thoughts_and_logprobs_are_told_beside_the_text() -> None:
    details = [{"type": "reasoning.text", "text": "hm"}]
    events = (ReasoningDelta("hm"), TextDelta("Hi", (HIGH,)), replace(END, reasoning=details))

    completion, raw = await whole(events)
    _, *chunks, _ = await streamed(events)

    message = raw["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hi", "hm")
    assert message["reasoning_details"] == details
    logprobs = completion.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert [(t.token, t.logprob, t.bytes) for t in logprobs.content] == [("Hi", -0.1, [72, 105])]
    assert [t.token for t in logprobs.content[0].top_logprobs] == ["Hi", "Ho"]
    deltas = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in chunks]
    assert deltas == [
        {"reasoning_content": "hm"},
        {"content": "Hi"},
        {"reasoning_details": details},
    ]


async def test_what_the_provider_says_of_itself_is_handed_on() -> None:
    end = replace(END, extra={"system_fingerprint": "fp", "service_tier": "flex", "other": 1})

    _, raw = await whole((TextDelta("Hi"), end))

    assert (raw["system_fingerprint"], raw["service_tier"]) == ("fp", "flex")
    assert "other" not in raw


def test_usage_of_several_choices_is_their_sum() -> None:
    one, other = Usage(3, 2, cost_usd=Decimal(1)), Usage(3, 4, cost_usd=Decimal(2), estimated=True)

    assert added(added(Usage(), one), other) == Usage(6, 6, estimated=True, cost_usd=Decimal(3))
    assert added(one, Usage(1, 1)).cost_usd is None
