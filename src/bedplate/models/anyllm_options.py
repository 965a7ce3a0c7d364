"""The options of the `anyllm` adapter."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from bedplate.errors import InvalidInput
from bedplate.models.openai_fields import check_fields
from bedplate.models.wire_options import CallOptions
from bedplate.upstream.options import BaseUrl


def _check_body(value: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        check_fields(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from error
    return value


class AnyLLMOptions(CallOptions):
    provider: str = Field(min_length=1)
    """As any-llm calls it: `gemini`, `bedrock`, `cohere`, `vertexai`, ..."""
    base_url: BaseUrl | None = None
    """In place of the provider's own."""
    max_output_tokens: int | None = Field(default=None, gt=0)
    """For requests that set none."""
    client: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """What the provider's client is made with, such as the region of `bedrock`."""
    extra_body: Annotated[Mapping[str, Any], AfterValidator(_check_body)] = Field(
        default_factory=dict[str, Any]
    )
    """Further arguments of every call; a request's own come first."""
