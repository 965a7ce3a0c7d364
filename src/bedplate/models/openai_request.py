"""What an OpenAI-wire server is sent: the options of the adapter, and the body of a request."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from bedplate.domain.chat import ChatRequest
from bedplate.errors import InvalidInput
from bedplate.upstream.options import ApiKey, BaseUrl, Headers, endpoint, sent_headers, shown

OURS = frozenset({"model", "messages", "stream", "stream_options"})
UNSUPPORTED = frozenset({"tools", "functions", "logprobs", "audio"})
"""Fields whose answers a ChatEvent cannot carry; asking for them is refused, not ignored."""

OPENAI_HOST = "api.openai.com"

OutputLimitField = Literal["max_tokens", "max_completion_tokens"]


def _check_body(value: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        check_fields(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from error
    return value


Body = Annotated[Mapping[str, Any], AfterValidator(_check_body)]


class OpenAIOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: BaseUrl = "https://api.openai.com/v1"
    model: str = Field(min_length=1)
    api_key: ApiKey | None = None
    headers: Headers = Field(default_factory=dict[str, SecretStr])
    """Sent with every request; values are treated as secrets."""
    connect_seconds: float = Field(default=5.0, gt=0)
    first_token_seconds: float = Field(default=60.0, gt=0)
    """From the call to the first token, waiting for a free connection included."""
    idle_seconds: float = Field(default=30.0, gt=0)
    """Between two chunks; keep-alive comments do not count."""
    total_seconds: float = Field(default=600.0, gt=0)
    max_connections: int = Field(default=100, gt=0)
    """Calls at once; further ones wait their turn."""
    max_output_tokens: int | None = Field(default=None, gt=0)
    """For requests that set none."""
    output_limit_field: OutputLimitField | None = None
    """How the server calls that limit; by default `max_completion_tokens` for OpenAI itself, whose
    newer models know no other, and `max_tokens` for everyone else."""
    extra_body: Body = Field(default_factory=dict[str, Any])
    """Further fields of every request's body; a request's own come first."""

    @property
    def endpoint(self) -> str:
        return endpoint(self.base_url, "chat/completions")

    @property
    def shown_url(self) -> str:
        """Without the query, which may hold a key."""
        return shown(self.base_url)

    @property
    def limit_field(self) -> OutputLimitField:
        if self.output_limit_field is not None:
            return self.output_limit_field
        at_openai = urlsplit(self.base_url).hostname == OPENAI_HOST
        return "max_completion_tokens" if at_openai else "max_tokens"

    @property
    def sent_headers(self) -> dict[str, str]:
        return sent_headers(self.api_key, self.headers)


def encode_request(request: ChatRequest, options: OpenAIOptions) -> bytes:
    """The JSON body; InvalidInput for a field that cannot be honoured or encoded."""
    check_fields(request.extra)
    body: dict[str, Any] = {**options.extra_body, **request.extra}
    body |= {
        "model": options.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    chosen = {
        options.limit_field: request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "seed": request.seed,
    }
    body |= {name: value for name, value in chosen.items() if value is not None}
    if options.max_output_tokens is not None:
        body.setdefault(options.limit_field, options.max_output_tokens)
    try:
        return msgspec.json.encode(body)
    except (TypeError, UnicodeEncodeError) as error:
        raise InvalidInput(f"The request cannot be written as JSON: {error}.") from error


def check_fields(fields: Mapping[str, Any]) -> None:
    """Refuse passed-through fields that are the adapter's own, or whose answer would be lost."""
    for name, value in fields.items():
        if name in OURS:
            raise InvalidInput(
                f"{name}: the model sets this field itself; leave it out.", param=name
            )
        if (name in UNSUPPORTED and value) or (name == "n" and value not in (None, 1)):
            raise InvalidInput(
                f"{name}: not supported by this model yet, got {value!r:.100}; leave it out.",
                param=name,
            )
