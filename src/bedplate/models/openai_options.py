"""The options of the `openai` adapter: where a server is, and in what it differs from OpenAI's."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import AfterValidator, Field, model_validator

from bedplate.errors import InvalidInput
from bedplate.models.openai_fields import check_fields
from bedplate.models.presets import Preset, find_preset
from bedplate.models.wire_options import WireOptions
from bedplate.upstream.options import BaseUrl, endpoint, sent_headers, shown

OPENAI_HOST = "api.openai.com"
OPENAI_PRESET = "openai"
BEARER_HEADER = "Authorization"

OutputLimitField = Literal["max_tokens", "max_completion_tokens"]
ReasoningField = Literal["reasoning", "reasoning_content", "reasoning_details"]
Refusable = Literal[
    "image_url",
    "json_object",
    "json_schema",
    "logprobs",
    "parallel_tool_calls",
    "reasoning_effort",
    "seed",
    "tool_choice",
    "tools",
    "top_logprobs",
]


def _check_body(value: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        check_fields(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from error
    return value


Body = Annotated[Mapping[str, Any], AfterValidator(_check_body)]


class OpenAIOptions(WireOptions):
    """A preset's options are defaults: what is set beside it wins, and tables are merged."""

    preset: str | None = None
    """A server that Bedplate knows (presets.toml)."""
    variables: Mapping[str, str] = Field(default_factory=dict[str, str])
    """What the preset's base_url leaves open, such as the name of an Azure resource."""
    base_url: BaseUrl = "https://api.openai.com/v1"
    query: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Added to the URL of every request."""
    key_header: str = Field(default=BEARER_HEADER, pattern=r"^[A-Za-z0-9-]+$")
    """The header of `api_key`: a bearer token in Authorization, the bare key in any other."""
    max_output_tokens: int | None = Field(default=None, gt=0)
    """For requests that set none."""
    output_limit_field: OutputLimitField | None = None
    """How the server calls that limit; by default `max_completion_tokens` for OpenAI itself, whose
    newer models know no other, and `max_tokens` for everyone else."""
    seed_field: str = Field(default="seed", min_length=1)
    developer_role: bool | None = None
    """Whether the server knows messages of a developer, which are the system's otherwise; OpenAI
    itself does by default."""
    allowed_tools: bool | None = None
    """Whether it knows a choice between some tools; where not, only those are sent. OpenAI itself
    does by default."""
    custom_tools: bool | None = None
    """Whether it knows tools of type `custom`; a request that has one is refused where not. OpenAI
    itself does by default."""
    serving_hints: bool | None = None
    """Whether it is sent what changes no answer but how it is served, as `service_tier` and
    `prompt_cache_key` of a response; OpenAI itself is by default."""
    text_completions: bool = False
    """Whether the server is asked at `/completions` to go on with a text as it is, and not to answer
    a message: for base models, and for prompts of /v1/completions. A request has one message then."""
    message_names: bool = True
    """Whether messages may have a `name`, which is left out otherwise."""
    strict_tools: bool = True
    """Whether tools may have `strict`, which is left out otherwise."""
    content_beside_calls: bool = False
    """Whether a message that calls tools and says nothing has an empty text as its content, and not
    null."""
    schema_format: Literal["json_schema", "json_object"] = "json_schema"
    """The format by which an answer's schema is asked for; `json_object` has it beside its type."""
    silent_overflow_tokens: int | None = Field(default=None, gt=0)
    """What a server takes at once that ends the stream without a word where a request is longer:
    such an end is told as that where the request may be so long."""
    whole_answers: bool = True
    """Whether an answer that its client wants whole is asked for as JSON, and not as a stream: less
    work for both sides, but `first_token_seconds` and `idle_seconds` then say nothing, as nobody sees
    it grow. A model with `hedge`, `fallback` or several keys is streamed in any case."""
    stream_usage: bool = True
    """Whether usage is asked for by `stream_options`."""
    unsupported: tuple[Refusable, ...] = ()
    """What the server does not know: a request that needs it is refused."""
    returned_reasoning: tuple[ReasoningField, ...] = ()
    """The fields in which the server wants its thoughts back."""
    reports_cost: bool = False
    """Whether `usage.cost` is what the call cost in US dollars."""
    extra_body: Body = Field(default_factory=dict[str, Any])
    """Further fields of every request's body; a request's own come first."""

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        own = cast(Mapping[str, Any], given)
        name = own.get("preset")
        if not isinstance(name, str):
            return own
        preset = find_preset(name)
        merged = {**preset.options, **own}
        for key, value in preset.options.items():
            theirs = own.get(key)
            if isinstance(value, Mapping) and isinstance(theirs, Mapping):
                merged[key] = {**value, **theirs}
        if "base_url" not in own:
            merged["base_url"] = _filled(preset, own)
        return merged

    @model_validator(mode="after")
    def _has_its_key(self) -> Self:
        name = self.preset or (OPENAI_PRESET if self.at_openai else None)
        preset = None if name is None else find_preset(name)
        if preset is None or preset.key_env is None or self.api_key is not None:
            return self
        if any(given.lower() == self.key_header.lower() for given in self.headers):
            return self
        raise ValueError(
            f'{preset.title} needs a key: set api_key = {{ env = "{preset.key_env}" }}'
        )

    @property
    def endpoint(self) -> str:
        return self.url("completions" if self.text_completions else "chat/completions")

    def url(self, path: str) -> str:
        """Of `path` below the base URL, with the query."""
        url = endpoint(self.base_url, path)
        if not self.query:
            return url
        parts = urlsplit(url)
        query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **self.query}
        return parts._replace(query=urlencode(query)).geturl()

    @property
    def shown_url(self) -> str:
        """Without the query, which may hold a key."""
        return shown(self.base_url)

    @cached_property
    def at_openai(self) -> bool:
        return urlsplit(self.base_url).hostname == OPENAI_HOST

    @property
    def limit_field(self) -> OutputLimitField:
        if self.output_limit_field is not None:
            return self.output_limit_field
        return "max_completion_tokens" if self.at_openai else "max_tokens"

    @property
    def knows_developers(self) -> bool:
        return self.at_openai if self.developer_role is None else self.developer_role

    @property
    def knows_allowed_tools(self) -> bool:
        return self.at_openai if self.allowed_tools is None else self.allowed_tools

    @property
    def knows_custom_tools(self) -> bool:
        return self.at_openai if self.custom_tools is None else self.custom_tools

    @property
    def knows_serving_hints(self) -> bool:
        return self.at_openai if self.serving_hints is None else self.serving_hints

    @property
    def sent_headers(self) -> dict[str, str]:
        if self.key_header == BEARER_HEADER or self.api_key is None:
            return sent_headers(self.api_key, self.headers)
        return sent_headers(None, {self.key_header: self.api_key, **self.headers})


def _filled(preset: Preset, own: Mapping[str, Any]) -> str:
    """The preset's base_url with its open places filled; the model's name is one of them."""
    variables = own.get("variables")
    values = dict(cast(Mapping[str, Any], variables)) if isinstance(variables, Mapping) else {}
    values.setdefault("model", own.get("model", ""))
    return preset.base_url({name: str(value) for name, value in values.items()})
