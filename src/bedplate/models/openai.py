"""`openai`: any server that speaks OpenAI's chat completions, local or in the cloud.

Wire: POST {base_url}/chat/completions, streamed unless the answer is wanted whole (OpenAI API
reference, "Chat Completions").
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from bedplate.domain.chat import ChatRequest
from bedplate.embedders.protocol import Embedder
from bedplate.models.calls import WireModel, open_session
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.openai_reply import OpenAIReply
from bedplate.models.openai_request import encode_request
from bedplate.models.protocol import ChatModel
from bedplate.upstream.failures import PROVIDER, Failures


@asynccontextmanager
async def open_openai_model(
    options: Mapping[str, Any], *, embedder: Embedder
) -> AsyncGenerator[ChatModel]:
    """See OpenAIOptions. Nothing is sent before the first request."""
    chosen = OpenAIOptions.model_validate(dict(options))

    def reply_to(request: ChatRequest, failures: Failures) -> OpenAIReply:
        return OpenAIReply(request, chosen, failures)

    async with open_session(chosen, chosen.sent_headers) as client:
        yield WireModel(
            PROVIDER,
            chosen,
            client,
            lambda request: encode_request(request, chosen),
            reply_to,
            reply_to if chosen.whole_answers and chosen.silent_overflow_tokens is None else None,
        )
