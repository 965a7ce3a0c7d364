"""The body of POST /v1/completions, read strictly and into the domain.

Source: OpenAI API reference, "Create completion" (legacy). Fields that Bedplate does not know are
handed through, as those of a chat completion are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

from msgspec import Meta, Struct

from bedplate.api.chat_requests import MAX_CHOICES, MAX_STOPS, Positive, StreamOptions
from bedplate.api.reading import convert, kind, read_object, wrong
from bedplate.domain.chat import ChatRequest, Message

MOST_CHOICES = 32
"""Of all prompts of a request together: each is a call of the model."""

MOST_LOGPROBS = 5
DEFAULT_TOKENS = 16
"""OpenAI's, where a request sets no limit."""


class TextBody(Struct):
    model: str
    prompt: Any = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Positive | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: Positive | None = None
    best_of: Positive | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: Annotated[int, Meta(ge=0, le=MOST_LOGPROBS)] | None = None


@dataclass(frozen=True, slots=True)
class TextCall:
    """A completion as asked for: `choices` of each of its `requests`, one for each prompt."""

    model: str
    stream: bool
    include_usage: bool
    obfuscate: bool
    choices: int
    requests: tuple[ChatRequest, ...]
    suffix: bool = False

    @property
    def total(self) -> int:
        return self.choices * len(self.requests)


def read_text(body: bytes) -> TextCall:
    """The body of POST /v1/completions; InvalidInput names the field at fault."""
    raw = read_object(body)
    known = convert(raw, TextBody)
    _check_answerable(known)
    prompts = _prompts(known.prompt)
    choices = known.n or 1
    if choices > MAX_CHOICES:
        raise wrong("n", f"expected 1 to {MAX_CHOICES}, got {choices}")
    if (total := choices * len(prompts)) > MOST_CHOICES:
        raise wrong(
            "prompt", f"expected at most {MOST_CHOICES} choices of all prompts, got {total}"
        )
    stops = (known.stop,) if isinstance(known.stop, str) else tuple(known.stop or ())
    if len(stops) > MAX_STOPS or not all(stops):
        raise wrong("stop", f"expected up to {MAX_STOPS} non-empty strings, got {len(stops)}")
    request = ChatRequest(
        messages=(),
        max_output_tokens=known.max_tokens or DEFAULT_TOKENS,
        temperature=known.temperature,
        top_p=known.top_p,
        stop=stops,
        seed=known.seed,
        logprobs=known.logprobs,
        extra=_handed_on(raw, known),
    )
    options = known.stream_options or StreamOptions()
    return TextCall(
        known.model,
        bool(known.stream),
        bool(options.include_usage),
        bool(options.include_obfuscation),
        choices,
        tuple(replace(request, messages=(Message("user", prompt),)) for prompt in prompts),
        bool(known.suffix),
    )


def _check_answerable(known: TextBody) -> None:
    if known.echo:
        raise wrong("echo", "the probabilities of a prompt are not to be had here; leave it out")
    if known.best_of is not None and known.best_of != (known.n or 1):
        raise wrong("best_of", f"expected the same as 'n', got {known.best_of}")


def _prompts(given: Any) -> tuple[str, ...]:
    match given:
        case str() if given:
            return (given,)
        case [str(), *_] as listed:
            prompts = cast(list[Any], listed)
            for at, prompt in enumerate(prompts):
                if not isinstance(prompt, str) or not prompt:
                    raise wrong(f"prompt.{at}", f"expected a text, got {kind(prompt)}")
            return tuple(prompts)
        case [int() | [*_], *_]:
            raise wrong(
                "prompt",
                "ids of tokens mean something to one vocabulary alone; send texts, in lm-eval by "
                "tokenizer_backend=None",
            )
        case None:
            raise wrong("prompt", "is required")
        case _:
            raise wrong(
                "prompt", f"expected a text or a list of texts, got {kind(given)}, or empty"
            )


def _handed_on(raw: Mapping[str, Any], known: TextBody) -> Mapping[str, Any]:
    extra = {name: value for name, value in raw.items() if name not in TextBody.__struct_fields__}
    return {**extra, "suffix": known.suffix} if known.suffix else extra
