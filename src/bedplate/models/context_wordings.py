"""How providers say that a request is longer than what the model takes.

Codes and messages: OpenAI, Azure, Groq, DeepSeek, Together ("context_length_exceeded"), Anthropic,
vLLM, SGLang, TGI, llama.cpp's server and llama-cpp-python, Mistral, Cohere, Gemini, Bedrock.
"""

import re
from dataclasses import dataclass

from bedplate.errors import UpstreamError

CODES = frozenset(
    {
        "context_length_exceeded",
        "exceed_context_size_error",
        "model_context_window_exceeded",
    }
)

# Statuses with which a request itself is refused; none where it was said in mid-stream.
REFUSALS = frozenset({400, 413, 422, None})

_WORDING = re.compile(
    r"maximum context length|context length of|model's context length|context[ _]window"
    r"|(available|exceeds? the) context size|maximum model length|exceeds? context limit"
    r"|prompt is too long|too long for requested model|prompt cannot exceed"
    r"|input token count .{0,40}exceeds|`inputs` tokens",
    re.IGNORECASE,
)

_N = r"([0-9][0-9,_]*)"
_LIMITS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"context (?:length|window)(?: is| of)?(?: only)?[ :(]*{_N}",
        rf"context size \(?{_N}",
        rf"maximum model length of {_N}",
        rf"> {_N}",
        rf"{_N} maximum context length",
        rf"number of tokens allowed \({_N}\)",
        rf"must be <= {_N}",
        rf"prompt cannot exceed {_N}",
    )
)
_TOKENS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"requested (?:a total of )?{_N}(?: tokens|\.)",
        rf"resulted in {_N} tokens",
        rf"(?:input|request|prompt) \({_N} tokens\)",
        rf"\(length {_N}\)",
        rf"too long: {_N} tokens",
        rf"Requested tokens \({_N}\)",
        rf"contains {_N} tokens",
        rf"token count \({_N}\)",
        rf"received {_N}",
    )
)
_SUM = re.compile(rf"{_N} \+ {_N} > ", re.IGNORECASE)
_PARTS = re.compile(
    rf"(?:passed|given:) {_N} .{{0,24}}tokens and (?:requested )?{_N} ", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Overflowed:
    """What a provider said of it: the request's tokens with room for its answer, and the limit."""

    tokens: int | None
    limit: int | None


def overflowed(error: UpstreamError) -> Overflowed | None:
    """Whether a provider's refusal is about the length of the request, by code, else by wording."""
    known = error.reason is not None and error.reason.lower() in CODES
    if not known and not (error.status in REFUSALS and _WORDING.search(error.message)):
        return None
    text = error.message
    return Overflowed(_asked(text), _first(_LIMITS, text))


def _asked(text: str) -> int | None:
    if parts := _SUM.search(text) or _PARTS.search(text):
        return sum(_number(part) for part in parts.groups())
    return _first(_TOKENS, text)


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    found = (pattern.search(text) for pattern in patterns)
    return next((_number(match[1]) for match in found if match), None)


def _number(digits: str) -> int:
    return int(digits.replace(",", "").replace("_", ""))
