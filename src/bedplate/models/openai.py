"""`openai`: any server that speaks OpenAI's chat completions, local or in the cloud.

Wire: POST {base_url}/chat/completions, streamed unless the answer is wanted whole (OpenAI API
reference, "Chat Completions").
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.embedders.protocol import Embedder
from bedplate.models.calls import Caller, open_session
from bedplate.models.openai_options import OpenAIOptions
from bedplate.models.openai_reply import OpenAIReply
from bedplate.models.openai_request import asks_whole, encode_request
from bedplate.models.protocol import ChatModel
from bedplate.upstream.failures import Failures
from bedplate.upstream.options import secrets


class OpenAIModel:
    hands_on = True

    def __init__(self, options: OpenAIOptions, session: aiohttp.ClientSession) -> None:
        self.asks_whole = options.whole_answers
        self._options = options
        self._failures = Failures(
            f"The model {options.model!r} at {options.shown_url}",
            options.shown_url,
            options.connect_seconds,
            secrets(options.api_key, options.headers),
        )
        self._caller = Caller(options.endpoint, options, session, self._failures)

    @property
    def name(self) -> str:
        return f"openai:{self._options.model}"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """See ChatModel. The connection is closed as soon as the iterator is."""
        body = encode_request(request, self._options)
        reply = OpenAIReply(request, self._options, self._failures)
        async with aclosing(
            self._caller.stream(
                body,
                reply,
                request.deadline,
                join=request.whole_answer,
                sink=request.sink,
                whole=reply if asks_whole(request, self._options) else None,
            )
        ) as events:
            async for event in events:
                yield event


@asynccontextmanager
async def open_openai_model(
    options: Mapping[str, Any], *, embedder: Embedder
) -> AsyncGenerator[ChatModel]:
    """See OpenAIOptions. Nothing is sent before the first request."""
    chosen = OpenAIOptions.model_validate(dict(options))
    async with open_session(chosen, chosen.sent_headers) as session:
        yield OpenAIModel(chosen, session)
