"""Texts that a server goes on with as they are (OpenAI API reference, "Create completion")."""

from collections.abc import Mapping
from typing import Any, cast

from bedplate.domain.chat import ChatRequest
from bedplate.errors import InvalidInput
from bedplate.models.openai_options import OpenAIOptions


def only_text(request: ChatRequest, options: OpenAIOptions) -> str:
    """The one message's; InvalidInput for a request that is no text alone."""
    what = f"the model {options.model!r} goes on with one text (text_completions)"
    if len(request.messages) != 1 or request.messages[0].parts:
        raise InvalidInput(
            f"messages: {what}; send one text, or ask another model.", param="messages"
        )
    for given, field in ((request.tools, "tools"), (request.output, "response_format")):
        if given:
            raise InvalidInput(f"{field}: {what}; leave it out, or ask another model.", param=field)
    return request.messages[0].content


def as_chat(raw: Any) -> Any:
    """A completion, or a chunk of one, as the chat chunk that says the same; what is none stays."""
    if not isinstance(raw, dict):
        return raw
    choices = cast(dict[str, Any], raw).get("choices")
    for choice in cast(list[Any], choices) if isinstance(choices, list) else ():
        if isinstance(choice, dict) and "text" in choice:
            told = cast(dict[str, Any], choice)
            told["delta"] = {"content": told.pop("text")}
            told["logprobs"] = _logprobs(told.get("logprobs"))
    return cast(Any, raw)


def whole_text(raw: Any) -> Any:
    """The same of an answer that did not stream; None for what is none."""
    if not isinstance(raw, dict):
        return None
    told = cast(dict[str, Any], raw)
    return (
        as_chat(told) if isinstance(told.get("choices"), list) and not told.get("error") else None
    )


def _logprobs(given: Any) -> Mapping[str, Any] | None:
    """Lists side by side as a list of tokens."""
    if not isinstance(given, dict):
        return None
    told = cast(Mapping[str, Any], given)
    tokens: list[Any] = told.get("tokens") or []
    chosen: list[Any] = told.get("token_logprobs") or []
    tops: list[dict[str, Any] | None] = told.get("top_logprobs") or [None] * len(tokens)
    return {
        "content": [
            {
                "token": token,
                "logprob": logprob,
                "top_logprobs": [
                    {"token": other, "logprob": value} for other, value in (top or {}).items()
                ],
            }
            for token, logprob, top in zip(tokens, chosen, tops, strict=False)
        ]
    }
