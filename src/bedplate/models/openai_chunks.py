"""One event of a streamed chat completion, as far as Bedplate reads it.

Wire: OpenAI API reference, "Chat Completions > Streaming", with the liberties that compatible
servers take: fields that are null, content in parts, objects where there should be text.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import msgspec

from bedplate.domain.chat import TokenLogprob


class Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: Any = None


class Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class Custom(msgspec.Struct):
    name: str | None = None
    input: str | None = None


class ToolPart(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None


class Delta(msgspec.Struct):
    content: str | list[Part] | None = None
    refusal: str | None = None
    reasoning: Any = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    tool_calls: list[ToolPart] | None = None


class Token(msgspec.Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: "list[Token] | None" = None


class Logprobs(msgspec.Struct):
    content: list[Token] | None = None
    refusal: list[Token] | None = None


class Choice(msgspec.Struct):
    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    usage: Any = None


class XGroq(msgspec.Struct):
    usage: Any = None


class Chunk(msgspec.Struct):
    choices: list[Choice] | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None
    x_groq: XGroq | None = None


class PlainDelta(msgspec.Struct, forbid_unknown_fields=True):
    content: Annotated[str, msgspec.Meta(min_length=1)]
    role: str | None = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None
    tool_calls: None = None


class PlainChoice(msgspec.Struct, forbid_unknown_fields=True):
    delta: PlainDelta
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None


class PlainChunk(msgspec.Struct, forbid_unknown_fields=True):
    """A piece of text and nothing else: nearly every chunk, so it is read without a look at what it
    might have been.
    """

    choices: tuple[PlainChoice]
    model: Annotated[str, msgspec.Meta(min_length=1)]
    id: str | None = None
    object: str | None = None
    created: float | None = None
    usage: None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    obfuscation: str | None = None


class PlainMessage(msgspec.Struct, forbid_unknown_fields=True):
    content: Annotated[str, msgspec.Meta(min_length=1)]
    role: str | None = None
    refusal: None = None
    reasoning: None = None
    reasoning_content: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None


class PlainAnswerChoice(msgspec.Struct, forbid_unknown_fields=True):
    message: PlainMessage
    finish_reason: Literal["stop", "length"]
    index: Literal[0] = 0
    logprobs: None = None


class PlainAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """A whole answer of text alone, as PlainChunk is of a piece of it."""

    choices: tuple[PlainAnswerChoice]
    model: Annotated[str, msgspec.Meta(min_length=1)]
    id: str | None = None
    object: str | None = None
    created: float | None = None
    usage: Any = None
    system_fingerprint: str | None = None
    service_tier: str | None = None


OF_CHUNK = frozenset({"id", "object", "created", *Chunk.__struct_fields__})
OF_CHOICE = frozenset(Choice.__struct_fields__)
OF_DELTA = frozenset({"role", *Delta.__struct_fields__})
"""What is read here, or is the same in every answer."""


NOTHING: Mapping[str, Any] = {}

_plain = msgspec.json.Decoder(PlainChunk).decode
_plain_answer = msgspec.json.Decoder(PlainAnswer).decode
_text = msgspec.json.Decoder(str).decode
_CONTENT = re.compile(rb'"content": ?("(?:[^"\\]|\\.)*")')


def read_plain(data: bytes) -> tuple[str, str, Mapping[str, Any]] | None:
    """Text, model and the fields that are handed on, of a PlainChunk; None for any other."""
    try:
        chunk = _plain(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    extra = NOTHING
    if chunk.system_fingerprint or chunk.service_tier or chunk.obfuscation:
        said = {
            "system_fingerprint": chunk.system_fingerprint,
            "service_tier": chunk.service_tier,
            "obfuscation": chunk.obfuscation,
        }
        extra = {name: value for name, value in said.items() if value}
    return chunk.choices[0].delta.content, chunk.model, extra


class Alike:
    """Packets of events that differ from one PlainChunk in their text alone: such a one is made by a
    template, and so it is read as one, without a parse of what is known.
    """

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = b"data: " + before
        self._after = after + b"\n\n"
        self._between = self._after + self._before

    @classmethod
    def to(cls, data: bytes) -> "Alike | None":
        """`data` is a PlainChunk; None where its text is not the only one by that name."""
        found = _CONTENT.search(data)
        if found is None or data.count(b'"content"') != 1:
            return None
        return cls(data[: found.start(1)], data[found.end(1) :])

    def texts(self, packet: bytes) -> list[str] | None:
        """The texts of whole events, none of them empty; None for any other packet."""
        if not (packet.startswith(self._before) and packet.endswith(self._after)):
            return None
        written = packet[len(self._before) : -len(self._after)].split(self._between)
        try:
            # No text holds what stands between two: a quotation mark in it is escaped.
            texts = list(map(_text, written))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return texts if all(texts) else None


def read_plain_answer(data: bytes) -> PlainAnswer | None:
    """None for any other answer, and for what is none."""
    try:
        return _plain_answer(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def as_chunk(raw: Any) -> Any:
    """An answer that did not stream as the one chunk that says the same; None for what is none."""
    choices = _field(raw, "choices")
    if not isinstance(choices, list) or _field(raw, "error"):
        return None
    for choice in cast(list[Any], choices):
        message = _field(choice, "message")
        if not isinstance(message, dict):
            return None
        calls = _field(message, "tool_calls")
        for index, call in enumerate(cast(list[Any], calls) if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                call["index"] = index
        choice["delta"] = choice.pop("message")
    return raw


def read_chunk(raw: Any) -> tuple[Chunk, Mapping[str, Any]]:
    """The event, and its fields that Bedplate does not know; msgspec.ValidationError for what is
    none.
    """
    return msgspec.convert(raw, Chunk), _unknown(raw)


def text_of(delta: Delta) -> str:
    if isinstance(delta.content, list):
        return "".join(part.text or "" for part in delta.content if part.type == "text")
    return delta.content or ""


def thoughts_of(delta: Delta) -> str:
    """What the model shows of its thoughts, under whichever name; servers that give several repeat
    themselves.
    """
    for thought in (delta.reasoning_content, delta.reasoning):
        if isinstance(thought, str) and thought:
            return thought
    if isinstance(delta.content, list):
        shown = "".join(_deep(part.thinking) for part in delta.content if part.type == "thinking")
        if shown:
            return shown
    details = details_of(delta)
    return "".join(_deep(detail.get("text") or detail.get("summary")) for detail in details)


def details_of(delta: Delta) -> list[dict[str, Any]]:
    """OpenRouter's form of thoughts, with summaries and signatures."""
    if not isinstance(delta.reasoning_details, list):
        return []
    return [
        detail for detail in cast(list[Any], delta.reasoning_details) if isinstance(detail, dict)
    ]


def tokens_of(logprobs: Logprobs | None) -> tuple[TokenLogprob, ...]:
    if logprobs is None:
        return ()
    return tuple(map(_token, [*(logprobs.content or ()), *(logprobs.refusal or ())]))


def _token(token: Token) -> TokenLogprob:
    return TokenLogprob(
        token.token,
        token.logprob,
        None if token.bytes is None else tuple(token.bytes),
        tuple(map(_token, token.top_logprobs or ())),
    )


def _deep(thinking: Any) -> str:
    """Text, or a list of parts with text (Mistral's thinking)."""
    if isinstance(thinking, str):
        return thinking
    if not isinstance(thinking, list):
        return ""
    parts = [_text_in(part) for part in cast(list[Any], thinking)]
    return "".join(parts)


def _text_in(part: Any) -> str:
    return str(cast(dict[str, Any], part).get("text") or "") if isinstance(part, dict) else ""


def _field(value: Any, name: str) -> Any:
    return cast(dict[str, Any], value).get(name) if isinstance(value, dict) else None


def _unknown(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the chunk, its first choice and that one's delta, without those that are null or empty."""
    found = _beside(raw, OF_CHUNK)
    for choice in cast(list[Mapping[str, Any]], raw.get("choices") or ())[:1]:
        if choice.get("index", 0) == 0:
            found |= _beside(choice, OF_CHOICE)
            found |= _beside(choice.get("delta") or {}, OF_DELTA)
    return found


def _beside(raw: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in known and value}
