"""An answer that comes whole is told as the sum of the same answer's stream."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Unseen,
)
from bedplate.models.openai_chunks import read_plain_answer
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.openai_reply import OpenAIReply
from bedplate.models.sse import SseEvent
from bedplate.upstream.failures import Failures

ASK = ChatRequest((Message("user", "Say hello"),), max_output_tokens=50, whole_answer=True)
OPTIONS = OpenAIOptions.model_validate({"base_url": "http://127.0.0.1:1/v1", "model": "m"})
FAILURES = Failures("the model", "http://127.0.0.1:1/v1", 1.0, [])
USAGE = {"prompt_tokens": 11, "completion_tokens": 7}

pieces = st.lists(st.text('ab c"{}é\n', min_size=1, max_size=4), max_size=4)
values = st.dictionaries(st.text("xyz", min_size=1, max_size=2), st.integers(0, 99), max_size=2)
names = st.sampled_from(["rain", "wind"])
answers = st.fixed_dictionaries(
    {
        "thoughts": pieces,
        "text": pieces,
        "refusal": pieces,
        "calls": st.lists(st.tuples(names, values), max_size=3),
        "finish": st.sampled_from(["stop", "length", "content_filter", "tool_calls", None]),
        "logprobs": st.booleans(),
        "usage": st.sampled_from([USAGE, None]),
        "also": st.sampled_from([{}, {"system_fingerprint": "fp", "service_tier": "flex"}]),
    }
)


def reply() -> OpenAIReply:
    return OpenAIReply(replace(ASK, unstreamed=Unseen()), OPTIONS, FAILURES)


def tokens(of: Mapping[str, Any], said: Iterable[str], field: str) -> dict[str, Any]:
    listed: list[dict[str, Any]] = [
        {"token": each, "logprob": -0.5, "top_logprobs": []} for each in said
    ]
    return {"logprobs": {field: listed}} if of["logprobs"] and listed else {}


def call(at: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": f"c{at}", "type": "function", "function": function}


def whole(of: Mapping[str, Any]) -> list[ChatEvent]:
    calls = [call(at, name, json.dumps(args)) for at, (name, args) in enumerate(of["calls"])]
    message = {
        "role": "assistant",
        "content": "".join(of["text"]) or None,
        "refusal": "".join(of["refusal"]) or None,
        "reasoning_content": "".join(of["thoughts"]),
        "tool_calls": calls or None,
    }
    both = [tokens(of, of["text"], "content"), tokens(of, of["refusal"], "refusal")]
    logprobs = {k: v for each in both for k, v in each.get("logprobs", {}).items()} or None
    choice = {"index": 0, "message": message, "finish_reason": of["finish"], "logprobs": logprobs}
    body = {"id": "c", "model": "m-1", "choices": [choice], "usage": of["usage"], **of["also"]}
    made = reply()
    told = made.add_whole(json.dumps(body).encode())
    assert told is not None
    return [*told, *made.finish()]


def streamed(of: Mapping[str, Any]) -> list[ChatEvent]:
    deltas: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": ""}}]
    deltas += [{"delta": {"reasoning_content": each}} for each in of["thoughts"]]
    for field, key in (("content", "text"), ("refusal", "refusal")):
        deltas += [{"delta": {field: each}, **tokens(of, [each], field)} for each in of[key]]
    for at, (name, args) in enumerate(of["calls"]):
        begun = {**call(at, name, ""), "index": at}
        deltas += [{"delta": {"tool_calls": [begun]}}] + [
            {"delta": {"tool_calls": [{"index": at, "function": {"arguments": part}}]}}
            for part in _cut(json.dumps(args))
        ]
    deltas.append({"delta": {}, "finish_reason": of["finish"]})
    chunks = [{"model": "m-1", "choices": [{"index": 0, **each}], **of["also"]} for each in deltas]
    chunks.append({"model": "m-1", "choices": [], "usage": of["usage"]})
    sent = [*(json.dumps(each).encode() for each in chunks), b"[DONE]"]
    made = reply()
    told = [event for data in sent for event in made.take(SseEvent(data))]
    return [*told, *made.finish()]


def _cut(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


def summed(events: Iterable[ChatEvent]) -> dict[str, Any]:
    found: dict[str, Any] = {"text": "", "refusal": "", "thoughts": "", "calls": {}, "logprobs": ()}
    for event in events:
        match event:
            case TextDelta(text, logprobs, refusal):
                found["refusal" if refusal else "text"] += text
                found["logprobs"] += logprobs
            case ReasoningDelta(text):
                found["thoughts"] += text
            case ToolCallDelta(index, arguments, id, name):
                id_, name_, before = found["calls"].get(index, (id, name, ""))
                found["calls"][index] = (id_, name_, before + arguments)
            case Finished():
                found["end"] = replace(event, whole=False)
    return found


@given(answers)
def test_a_whole_answer_is_the_sum_of_its_stream(of: Mapping[str, Any]) -> None:
    assert summed(whole(of)) == summed(streamed(of))


@pytest.mark.parametrize("kind", ["reasoning.text", "reasoning.summary"])
def test_each_thought_of_a_whole_answer_stays_one_of_its_own(kind: str) -> None:
    details = [{"type": kind, "text": text, "signature": text * 2} for text in ("a", "b")]
    message = {"role": "assistant", "content": "Hi", "reasoning_details": details}
    body = {"model": "m", "choices": [{"message": message, "finish_reason": "stop"}]}
    made = reply()
    assert made.add_whole(json.dumps(body).encode()) is not None
    *_, end = made.finish()
    assert isinstance(end, Finished)
    assert end.reasoning == {"reasoning_details": details}


@given(
    text=st.text(min_size=1, max_size=20),
    finish=st.sampled_from(["stop", "length"]),
    usage=st.sampled_from([USAGE, {**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}, None]),
    also=st.sampled_from([{}, {"system_fingerprint": "fp", "service_tier": "flex"}]),
    nulls=st.sets(st.sampled_from(["refusal", "tool_calls", "audio"])),
)
def test_a_plain_answer_is_told_at_a_glance_as_it_is_by_the_long_way(
    text: str, finish: str, usage: Any, also: Mapping[str, Any], nulls: set[str]
) -> None:
    message = {"role": "assistant", "content": text, **dict.fromkeys(nulls)}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    body = {"id": "c", "object": "o", "created": 7, "model": "m-1", "choices": [choice], **also}
    told: list[object] = []
    for unknown in ({}, {"unknown": None}):
        made = reply()
        said = made.add_whole(json.dumps({**body, "usage": usage, **unknown}).encode())
        assert (read_plain_answer(json.dumps({**body, **unknown}).encode()) is None) == bool(
            unknown
        )
        told.append((said, list(made.finish()), made.characters, made.begun))
    assert told[0] == told[1]
