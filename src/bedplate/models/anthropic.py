"""`anthropic`: Anthropic's own wire, of Anthropic itself or of a server that speaks it.

Wire: POST {base_url}/messages, always streamed (Claude API reference, "Messages").
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bedplate.embedders.protocol import Embedder
from bedplate.models.anthropic_options import AnthropicOptions
from bedplate.models.anthropic_reply import AnthropicReply
from bedplate.models.anthropic_request import encode_request
from bedplate.models.calls import WireModel, open_session
from bedplate.models.protocol import ChatModel

PROVIDER = "anthropic"


@asynccontextmanager
async def open_anthropic_model(
    options: Mapping[str, Any], *, embedder: Embedder
) -> AsyncGenerator[ChatModel]:
    """See AnthropicOptions. Nothing is sent before the first request."""
    chosen = AnthropicOptions.model_validate(dict(options))
    async with open_session(chosen, chosen.sent_headers) as client:
        yield WireModel(
            PROVIDER,
            chosen,
            client,
            lambda request: encode_request(request, chosen),
            lambda request, failures: AnthropicReply(request, chosen, failures),
        )
