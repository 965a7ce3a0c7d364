"""What a chat model is: a request in, a stream of events out."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.embedders.protocol import Embedder


class ChatModel(Protocol):
    """Streams one answer.

    Any number of TextDelta, never empty, then exactly one Finished. Closing the iterator early
    stops the work upstream. Errors: UpstreamError and its kinds, InvalidInput for a request that
    the model cannot take; after the first event too.
    """

    @property
    def name(self) -> str:
        """What the model is, for people and records, e.g. "openai:llama3.2"."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]: ...


class OpenModel(Protocol):
    """Opens a model from its own options; `embedder` is there for models that read passages."""

    def __call__(
        self, options: Mapping[str, Any], *, embedder: Embedder
    ) -> AbstractAsyncContextManager[ChatModel]: ...
