import base64
import json
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion as ClientCompletion
from openai.types.chat import ChatCompletionChunk as ClientChunk

from bedplate.api import wire
from bedplate.api.chat_requests import read_chat
from bedplate.api.embeddings_requests import EmbeddingsCall, read_embeddings
from bedplate.api.sse import DONE, encode_event
from bedplate.domain.answers import Citation, Claim, Grounding
from bedplate.domain.chat import ChatRequest, ImagePart, Message, TextPart, Usage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.tools import OutputFormat, ToolCall, ToolChoice, ToolSpec
from bedplate.errors import InvalidInput, NotFound, Unreadable, UpstreamTimeout

T = TypeVar("T")

USER = {"role": "user", "content": "Hi"}
CITATION = Citation(
    marker="1",
    document_id=DocumentId("d"),
    chunk_id=ChunkId("d#0"),
    title="T",
    source="t.md",
    quote="q",
    start=3,
    end=4,
)


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL_NAME = "tools.0.function.name"
FORMAT = "response_format.type"


def tool(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


def image(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def chat(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [USER], **fields}).encode()


def embeddings(input: Any, **fields: Any) -> bytes:
    return json.dumps({"model": "e", "input": input, **fields}).encode()


def test_a_minimal_chat_body_is_not_streamed_and_asks_for_nothing_else():
    call = read_chat(chat())

    assert (call.model, call.stream, call.include_usage) == ("m", False, False)
    assert call.request == ChatRequest((Message("user", "Hi"),))


def test_every_known_field_reaches_the_request():
    call = read_chat(
        chat(
            stream=True,
            stream_options={"include_usage": True, "include_obfuscation": False},
            max_tokens=5,
            temperature=1,
            top_p=0.5,
            stop="END",
            seed=-1,
            n=1,
        )
    )

    assert call.stream
    assert call.include_usage
    assert call.request == ChatRequest(
        (Message("user", "Hi"),),
        max_output_tokens=5,
        temperature=1.0,
        top_p=0.5,
        stop=("END",),
        seed=-1,
    )


def test_null_means_left_out():
    names = ("stream", "stream_options", "max_tokens", "temperature", "top_p", "stop", "seed", "n")

    assert read_chat(chat(**dict.fromkeys(names))) == read_chat(chat())


def test_the_newer_limit_wins_over_the_older():
    call = read_chat(chat(max_tokens=5, max_completion_tokens=7))

    assert call.request.max_output_tokens == 7


def test_unknown_fields_are_kept_as_they_came():
    extra = {"top_k": [{"type": "function"}], "min_p": 0.1, "metadata": {"a": None}}

    assert read_chat(chat(**extra)).request.extra == extra


def test_text_parts_are_joined():
    parts = [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]

    call = read_chat(chat(messages=[{"role": "developer", "content": parts}]))

    assert call.request.messages == (Message("developer", "a b"),)


def test_tools_and_the_choice_among_them_reach_the_request():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [tool("weather", description="d", parameters=schema, strict=True), tool("time")]
    named = {"type": "function", "function": {"name": "time"}}
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}]}

    request = read_chat(
        chat(tools=tools, tool_choice="required", parallel_tool_calls=False)
    ).request

    assert request.tools == (ToolSpec("weather", "d", schema, strict=True), ToolSpec("time"))
    assert (request.tool_choice, request.parallel_tool_calls) == (ToolChoice("required"), False)
    assert [
        read_chat(chat(tools=tools, tool_choice=choice)).request.tool_choice
        for choice in (named, {"type": "allowed_tools", "allowed_tools": allowed}, "none", None)
    ] == [
        ToolChoice("required", ("time",)),
        ToolChoice("auto", ("weather",)),
        ToolChoice("none"),
        None,
    ]


def test_calls_and_their_results_are_turns_of_the_conversation():
    thoughts = [{"type": "reasoning.text", "text": "hm"}]
    messages = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_details": thoughts},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "9"}]},
    ]

    read = read_chat(chat(messages=messages)).request.messages

    assert read[1:] == (
        Message("assistant", "", tool_calls=(ToolCall("c1", "f", "{}"),), reasoning=thoughts),
        Message("tool", "9", tool_call_id="c1"),
    )


def test_images_keep_their_place_between_the_text():
    url = "data:image/png;base64,AAAA"
    content = [
        {"type": "text", "text": "a"},
        image(url, detail="low"),
        {"type": "text", "text": "b"},
    ]

    [message] = read_chat(chat(messages=[{"role": "user", "content": content}])).request.messages

    assert message == Message(
        "user", "ab", parts=(TextPart("a"), ImagePart(url, "low"), TextPart("b"))
    )


def test_the_shape_of_the_answer_reaches_the_request():
    schema = {"type": "object"}
    shape = {"name": "person", "schema": schema, "strict": True}
    formats = (
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": shape},
    )

    assert [read_chat(chat(response_format=format)).request.output for format in formats] == [
        None,
        OutputFormat(),
        OutputFormat(schema, "person", strict=True),
    ]
    assert read_chat(chat(logprobs=True, top_logprobs=3)).request.logprobs == 3
    assert read_chat(chat(logprobs=True)).request.logprobs == 0
    assert read_chat(chat(reasoning_effort="low")).request.reasoning_effort == "low"


def test_an_answer_of_ours_can_be_sent_back():
    answer = {"role": "assistant", "content": None, "refusal": None, "tool_calls": None}

    assert read_chat(chat(messages=[answer, USER])).request.messages[0] == Message("assistant", "")


@pytest.mark.parametrize(
    ("body", "message", "param"),
    [
        (b"{nope", "The body is not valid JSON", None),
        (b'{"model": "\xff"}', "The body is not valid JSON", None),
        (b"[]", "The body: expected object, got list", None),
        (b'{"messages": []}', "model: is required", "model"),
        (b'{"model": "m"}', "messages: is required", "messages"),
        (chat(model=3), "model: expected string, got int", "model"),
        (chat(messages=[]), "messages: expected at least one message", "messages"),
        (chat(messages="hi"), "messages: expected list, got string", "messages"),
        (chat(messages=["hi"]), "messages.0: expected object, got string", "messages.0"),
        (
            chat(messages=[USER, {"role": "user", "content": 3}]),
            "messages.1.content: expected string or parts, got int",
            "messages.1.content",
        ),
        (
            chat(messages=[{"role": "user"}]),
            "messages.0.content: expected string or parts, got null",
            "messages.0.content",
        ),
        (chat(messages=[{"content": "x"}]), "messages.0.role: is required", "messages.0.role"),
        (
            chat(messages=[{"role": "bot", "content": "x"}]),
            "messages.0.role: unknown value 'bot'",
            "messages.0.role",
        ),
        (
            chat(messages=[{"role": "user", "content": [{"type": "image_url"}]}]),
            "messages.0.content.0.image_url: expected object, got null",
            "messages.0.content.0.image_url",
        ),
        (
            chat(messages=[{"role": "user", "content": ["x"]}]),
            "messages.0.content.0: expected object, got string",
            "messages.0.content.0",
        ),
        (
            chat(messages=[{"role": "user", "content": [{"type": "text", "text": None}]}]),
            "messages.0.content.0.text: expected string, got null",
            "messages.0.content.0.text",
        ),
        (
            chat(messages=[{"role": "assistant", "content": "", "tool_calls": [{}]}]),
            "messages.0.tool_calls.0.id: is required",
            "messages.0.tool_calls.0.id",
        ),
        (chat(stream="yes"), "stream: expected boolean or null, got string", "stream"),
        (chat(temperature=3), "temperature: expected number <= 2.0", "temperature"),
        (chat(top_p=-1), "top_p: expected number >= 0.0", "top_p"),
        (chat(max_tokens=0), "max_tokens: expected int >= 1", "max_tokens"),
        (chat(seed=True), "seed: expected int or null, got boolean", "seed"),
        (chat(n=0), "n: expected int >= 1", "n"),
        (chat(n=17), "n: expected 1 to 16, got 17", "n"),
        (chat(functions=[{"name": "f"}]), "send 'tools' instead", "functions"),
        (chat(tools=[{"type": "computer"}]), "tools.0.type: only 'function'", "tools.0.type"),
        (chat(tools=[{"type": "custom"}]), "tools.0.custom: is required", "tools.0.custom"),
        (chat(tools=[tool("a b")]), "tools.0.function.name: expected 1 to 64", TOOL_NAME),
        (chat(tools=[tool("f"), tool("f")]), "'f' is there twice", "tools.1.function.name"),
        (
            chat(tool_choice="required"),
            "a tool must be called, but 'tools' is empty",
            "tool_choice",
        ),
        (chat(tools=[tool("f")], tool_choice="f"), "expected 'auto', 'none'", "tool_choice"),
        (
            chat(tools=[tool("f")], tool_choice={"type": "function", "function": {"name": "g"}}),
            "there is no tool 'g'; tools: f",
            "tool_choice",
        ),
        (
            chat(tools=[tool("f")], tool_choice={"type": "function"}),
            "tool_choice.function: is required",
            "tool_choice.function",
        ),
        (chat(top_logprobs=2), "needs 'logprobs' to be true", "top_logprobs"),
        (chat(logprobs=True, top_logprobs=21), "top_logprobs: expected int <= 20", "top_logprobs"),
        (chat(response_format={"type": "xml"}), "expected 'text', 'json_object'", FORMAT),
        (
            chat(response_format={"type": "json_schema"}),
            "response_format.json_schema: is required",
            "response_format.json_schema",
        ),
        (
            chat(messages=[{"role": "tool", "content": "x"}]),
            "messages.0.tool_call_id: is required",
            "messages.0.tool_call_id",
        ),
        (
            chat(messages=[{"role": "user", "content": "x", "tool_calls": [CALL]}]),
            "only an assistant calls tools",
            "messages.0.tool_calls",
        ),
        (
            chat(messages=[{"role": "user", "content": [image("file:///etc/passwd")]}]),
            "expected https or a data:image/ URL",
            "messages.0.content.0.image_url.url",
        ),
        (chat(stop=["a", ""]), "stop: expected up to 16 non-empty strings", "stop"),
        (chat(stop=[1]), "stop.0: expected string, got int", "stop.0"),
        (
            chat(stream_options={"include_usage": 1}),
            "stream_options.include_usage: expected boolean or null, got int",
            "stream_options.include_usage",
        ),
    ],
)
def test_a_chat_body_that_is_wrong_is_refused_by_its_field(
    body: bytes, message: str, param: str | None
):
    with pytest.raises(InvalidInput) as caught:
        read_chat(body)

    assert message in caught.value.message
    assert caught.value.param == param


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from(["model", "messages", "stream", "stop", "n", "input", "dimensions", "content"]),
    JSON | st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": JSON})),
)


def tried(read: Callable[[bytes], T], body: bytes) -> T | str:
    try:
        return read(body)
    except InvalidInput as error:
        return error.message


@given(st.binary(max_size=60) | FIELDS.map(lambda fields: json.dumps(fields).encode()))
def test_any_body_is_read_or_refused_as_invalid_input(body: bytes):
    for read in (read_chat, read_embeddings):
        outcome = tried(read, body)
        assert isinstance(outcome, str) or isinstance(outcome.model, str)


@pytest.mark.parametrize(
    ("input", "expected"),
    [
        ("a", ("a",)),
        (["a", "b"], ("a", "b")),
        ([1, 2], ((1, 2),)),
        ([[1, 2], [3]], ((1, 2), (3,))),
    ],
)
def test_embedding_inputs_are_texts_or_token_ids(input: Any, expected: Any):
    assert read_embeddings(embeddings(input)) == EmbeddingsCall("e", expected, "float", None)


def test_embedding_format_and_dimensions_are_read():
    call = read_embeddings(embeddings("a", encoding_format="base64", dimensions=8, user="u"))

    assert call == EmbeddingsCall("e", ("a",), "base64", 8)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"model": "e"}', "input: is required"),
        (embeddings(None), "input: expected string or list, got null"),
        (embeddings([]), "input: expected 1 to 2048 inputs, got 0"),
        (embeddings(["a"] * 2049), "input: expected 1 to 2048 inputs, got 2049"),
        (embeddings(""), "input: must not be empty"),
        (embeddings(["a", ""]), "input.1: must not be empty"),
        (embeddings(["a", 1]), "input.1: expected string, got int"),
        (embeddings([[1], "a"]), "input.1: expected a list of token ids"),
        (embeddings([[1], []]), "input.1: expected a list of token ids"),
        (embeddings([True]), "input.0: expected string, got boolean"),
        (embeddings("a", encoding_format="hex"), "encoding_format: unknown value 'hex'"),
        (embeddings("a", dimensions=0), "dimensions: expected int >= 1"),
    ],
)
def test_an_embeddings_body_that_is_wrong_is_refused_by_its_field(body: bytes, message: str):
    with pytest.raises(InvalidInput) as caught:
        read_embeddings(body)

    assert message in caught.value.message


def test_a_completion_is_what_the_official_client_reads():
    completion = wire.ChatCompletion(
        id="c",
        created=1,
        model="m",
        choices=(wire.Choice(wire.AssistantMessage("Hi [1]", citations=(CITATION,)), "stop"),),
        usage=wire.wire_usage(Usage(3, 4)),
        bedplate=wire.Extension(
            citations=(CITATION,),
            grounded=Grounding(0.5, "unsupported", (Claim("Hi", supported=False, score=0.5),)),
            refused=False,
            trace_id="t",
        ),
    )

    encoded = wire.encode(completion)

    read = ClientCompletion.model_validate_json(encoded, strict=True)
    assert read.choices[0].message.content == "Hi [1]"
    assert read.usage is not None
    assert read.usage.total_tokens == 7
    extension = json.loads(encoded)["bedplate"]
    assert extension["grounded"]["verdict"] == "unsupported"
    assert json.loads(encoded)["choices"][0]["message"]["citations"] == extension["citations"]
    assert extension["citations"] == [
        {
            "marker": "1",
            "document_id": "d",
            "chunk_id": "d#0",
            "title": "T",
            "source": "t.md",
            "quote": "q",
            "start": 3,
            "end": 4,
            "page": None,
            "heading": None,
            "collection": "",
        }
    ]


def test_extensions_that_are_not_set_are_not_sent():
    completion = wire.ChatCompletion("c", 1, "m", (), wire.wire_usage(Usage()))

    assert set(json.loads(wire.encode(completion))) == {
        *("id", "created", "model", "choices", "usage", "object")
    }


def test_chunks_are_what_the_official_client_reads():
    first = wire.ChatCompletionChunk(
        "c", 1, "m", (wire.ChunkChoice(wire.Delta(role="assistant", content="")),), usage=None
    )
    last = wire.ChatCompletionChunk("c", 1, "m", (wire.ChunkChoice(finish_reason="length"),))

    assert json.loads(wire.encode(first)) == {
        "id": "c",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "delta": {"role": "assistant", "content": ""},
                "finish_reason": None,
                "index": 0,
                "logprobs": None,
            }
        ],
        "object": "chat.completion.chunk",
        "usage": None,
    }
    assert json.loads(wire.encode(last))["choices"][0]["delta"] == {}
    assert "usage" not in json.loads(wire.encode(last))
    for chunk in (first, last):
        ClientChunk.model_validate_json(wire.encode(chunk), strict=True)


def test_vectors_travel_as_numbers_or_as_little_endian_base64():
    row = np.array([0.5, -2.0], dtype=np.float32)

    assert wire.wire_vector(row, "float") == [0.5, -2.0]
    assert base64.b64decode(str(wire.wire_vector(row, "base64"))) == bytes.fromhex(
        "0000003f000000c0"
    )


def test_an_embedding_list_is_what_the_official_client_reads():
    answer = wire.EmbeddingList(
        (wire.Embedding(0, [0.5]),), model="e", usage=wire.EmbeddingUsage(1, 1)
    )

    read = CreateEmbeddingResponse.model_validate_json(wire.encode(answer), strict=True)

    assert read.data[0].embedding == [0.5]


@pytest.mark.parametrize(
    ("error", "code", "param"),
    [
        (InvalidInput("n: no", param="n"), "invalid_input", "n"),
        (NotFound("no model 'x'", param="model"), "model_not_found", "model"),
        (NotFound("no collection 'x'", param="collection"), "not_found", "collection"),
        (Unreadable("it is encrypted", reason="encrypted"), "encrypted", None),
        (UpstreamTimeout("late", provider="p"), "upstream_timeout", None),
    ],
)
def test_an_error_envelope_carries_message_type_param_and_code(
    error: Any, code: str, param: str | None
):
    assert json.loads(wire.encode(wire.error_envelope(error, "some_type"))) == {
        "error": {"message": error.message, "type": "some_type", "param": param, "code": code}
    }


@given(st.text())
def test_an_event_is_one_data_line_whatever_it_holds(text: str):
    encoded = encode_event({"text": text})

    assert encoded.startswith(b"data: ")
    assert encoded.endswith(b"\n\n")
    assert b"\n" not in encoded[:-2]
    assert b"\r" not in encoded
    assert json.loads(encoded.removeprefix(b"data: ")) == {"text": text}


def test_the_end_and_an_error_are_events_the_official_client_knows():
    envelope = wire.ErrorEnvelope(wire.ErrorBody("broke", "server_error"))

    assert DONE == b"data: [DONE]\n\n"
    assert encode_event(envelope) == (
        b'data: {"error":{"message":"broke","type":"server_error","param":null,"code":null}}\n\n'
    )
