"""What a chat model is: a request in, a stream of events out."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol, cast

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.embedders.protocol import Embedder


class ChatModel(Protocol):
    """Streams one answer.

    Any number of TextDelta, never empty, ReasoningDelta and ToolCallDelta, then exactly one
    Finished. Closing the iterator early stops the work upstream. Errors: UpstreamError and its
    kinds, InvalidInput for a request that the model cannot take, Unavailable for one that is not sent
    for now; but for the last, after the first event too.
    """

    @property
    def name(self) -> str:
        """What the model is, for people and records, e.g. "openai:llama3.2"."""
        ...

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]: ...


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a call can use: tokens in and out, and US dollars, None where no price is known.

    It holds for a request that sets no limit of its own only if `output_tokens` is set as one.
    """

    tokens: int
    usd: Decimal | None
    output_tokens: int | None = None


class MeteredModel(ChatModel, Protocol):
    """A chat model whose Finished says what the call cost, and which knows that bound before it."""

    def bound(self, request: ChatRequest) -> Bound: ...


class WholeModel(MeteredModel, Protocol):
    """One that is asked for a whole answer without a generator in each of its layers."""

    async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
        """All events of `stream`, of a request that is `unstreamed`; where it fails, none."""
        ...


class Answerability(Protocol):
    """Tells whether passages suffice, before a model is asked."""

    async def likely(self, request: ChatRequest) -> float:
        """The chance, 0 to 1, that the request's passages hold the answer to its question."""
        ...


class OpenModel(Protocol):
    """Opens a model from its own options; `embedder` is there for models that read passages."""

    def __call__(
        self, options: Mapping[str, Any], *, embedder: Embedder
    ) -> AbstractAsyncContextManager[ChatModel]: ...


class OpenComposite(Protocol):
    """Opens a model made of others: `models` holds, by configured name, those that it refers to."""

    def __call__(
        self, options: Mapping[str, Any], *, models: Mapping[str, MeteredModel], embedder: Embedder
    ) -> AbstractAsyncContextManager[MeteredModel]: ...


class OpenManaged(Protocol):
    """Opens a model whose server runs here: `servers` are all of those, which share memory, and
    `name` is what this one is configured as.
    """

    def __call__(
        self, options: Mapping[str, Any], *, name: str, servers: Any, embedder: Embedder
    ) -> AbstractAsyncContextManager[ChatModel]: ...


def is_direct(model: MeteredModel) -> bool:
    """Whether the adapter knows ChatRequest.sink, and all layers around it only need to see the first
    event and the last, which they say as `steps_aside`.
    """
    return bool(getattr(_adapter(model), "hands_on", False))


def asks_whole(model: MeteredModel) -> bool:
    """Whether the adapter knows ChatRequest.unstreamed, and no layer around it would do better by
    seeing in time that nothing comes: it and all its layers are WholeModels, which keep a request's
    deadline by themselves.
    """
    return bool(getattr(_adapter(model), "asks_whole", False))


def whole(model: ChatModel) -> WholeModel:
    """The model of a layer, in a call of which `asks_whole` holds."""
    return cast(WholeModel, model)


def _adapter(model: MeteredModel) -> Any:
    """The adapter, or the outermost layer that does more than to look at the first event and the last."""
    inner: Any = model
    while getattr(inner, "steps_aside", False):
        inner = inner.inner
    return inner
