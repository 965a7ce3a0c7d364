"""A request as any-llm takes it: OpenAI's fields as arguments of a call."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from bedplate.domain.chat import ChatRequest, Message
from bedplate.models.anyllm_options import AnyLLMOptions
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.openai_request import build_body

FORM = "any_llm"
"""The name under which a message keeps what its provider wants back."""


def wire_options(options: AnyLLMOptions) -> OpenAIOptions:
    """OpenAI's wire as any-llm has it. Its URL is never asked."""
    return OpenAIOptions(
        model=options.model,
        base_url="http://any-llm.invalid",
        max_output_tokens=options.max_output_tokens,
        extra_body=options.extra_body,
    )


def build_arguments(request: ChatRequest, wire: OpenAIOptions) -> dict[str, Any]:
    """InvalidInput for what cannot be honoured."""
    body = build_body(request, wire)
    for sent, message in zip(body["messages"], request.messages, strict=True):
        _give_back(sent, message)
    return body


def _give_back(sent: dict[str, Any], message: Message) -> None:
    """Signatures of thoughts and calls, in the field that any-llm keeps for them."""
    if not isinstance(message.reasoning, Mapping) or FORM not in message.reasoning:
        return
    kept = cast(Mapping[str, Any], message.reasoning)[FORM]
    if "message" in kept:
        sent["extra_content"] = kept["message"]
        sent["reasoning"] = {"content": kept.get("reasoning", "")}
    for call in sent.get("tool_calls", ()):
        if call["id"] in kept.get("calls", {}):
            call["extra_content"] = kept["calls"][call["id"]]


class Kept:
    """What a stream gives of it, gathered and taken out of the chunks."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._calls: dict[str, Any] = {}
        self._ids: dict[int, str] = {}
        self._thoughts: list[str] = []

    def take(self, chunk: Mapping[str, Any]) -> None:
        for choice in cast(Iterable[Mapping[str, Any]], chunk.get("choices") or ()):
            delta = cast(dict[str, Any], choice.get("delta") or {})
            self._message |= delta.pop("extra_content", None) or {}
            self._thoughts.append(str(delta.get("reasoning") or ""))
            for at, call in enumerate(delta.get("tool_calls") or ()):
                index = call.get("index", at)
                id = self._ids.setdefault(index, call.get("id") or "")
                extra = call.pop("extra_content", None)
                if extra:
                    self._calls[id] = extra

    @property
    def form(self) -> Mapping[str, Any] | None:
        """As Message.reasoning has it; None where the provider wants nothing back."""
        kept: dict[str, Any] = {}
        if self._message:
            kept |= {"message": self._message, "reasoning": "".join(self._thoughts)}
        if self._calls:
            kept["calls"] = self._calls
        return {FORM: kept} if kept else None
