"""The options of the `anthropic` adapter."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from bedplate.models.wire_options import WireOptions
from bedplate.upstream.options import BaseUrl, endpoint, sent_headers, shown

OURS = frozenset({"model", "messages", "system", "stream", "tools"})
"""Fields of the body that are the adapter's own."""
HOST = "api.anthropic.com"
KEY_HEADERS = frozenset({"x-api-key", "authorization"})


def _check_body(value: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in value:
        if name in OURS:
            raise ValueError(f"{name}: the model sets this field itself; leave it out")
    return value


class AnthropicOptions(WireOptions):
    base_url: BaseUrl = "https://api.anthropic.com/v1"
    version: str = Field(default="2023-06-01", min_length=1)
    """Of the API, sent as `anthropic-version`."""
    max_output_tokens: int = Field(default=4096, gt=0)
    """For requests that set none: the API demands a limit."""
    prompt_cache: Literal["off", "5m", "1h"] = "off"
    """How long the API may keep tools and instructions in its prompt cache."""
    thinking: Literal["budget", "adaptive"] = "budget"
    """How a wanted `reasoning_effort` is asked for: as a budget of tokens, which every model with
    thinking takes, or as the effort itself, for models that think as much as they see fit."""
    schema_by: Literal["format", "tool"] = "format"
    """How an answer gets its schema: by the API's own output format, or by a tool that the model
    has to call, for models without that."""
    extra_body: Annotated[Mapping[str, Any], AfterValidator(_check_body)] = Field(
        default_factory=dict[str, Any]
    )
    """Further fields of every request's body; a request's own come first."""

    @model_validator(mode="after")
    def _has_its_key(self) -> Self:
        given = {name.lower() for name in self.headers}
        if (
            urlsplit(self.base_url).hostname == HOST
            and self.api_key is None
            and not given & KEY_HEADERS
        ):
            raise ValueError('Anthropic needs a key: set api_key = { env = "ANTHROPIC_API_KEY" }')
        return self

    @property
    def endpoint(self) -> str:
        return self.url("messages")

    def url(self, path: str) -> str:
        """Of `path` below the base URL."""
        return endpoint(self.base_url, path)

    @property
    def shown_url(self) -> str:
        """Without the query, which may hold a key."""
        return shown(self.base_url)

    @property
    def sent_headers(self) -> dict[str, str]:
        sent = {"anthropic-version": self.version}
        if self.api_key is not None:
            sent["x-api-key"] = self.api_key.get_secret_value()
        return sent_headers(None, self.headers) | {
            name: value
            for name, value in sent.items()
            if name not in {given.lower() for given in self.headers}
        }
