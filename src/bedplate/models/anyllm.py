"""`anyllm`: providers with a wire of their own (Gemini, Bedrock, Cohere, Vertex AI, ...), by the
any-llm library (https://docs.mozilla.ai/any-llm) and the packages that it needs for each.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from any_llm import AnyLLM
from any_llm.exceptions import (
    AnyLLMError,
    AuthenticationError,
    ContentFilterError,
    ContextLengthExceededError,
    GatewayTimeoutError,
    InsufficientFundsError,
    InvalidRequestError,
    MissingApiKeyError,
    ModelNotFoundError,
    RateLimitError,
    UnsupportedParameterError,
    UnsupportedProviderError,
)

from bedplate.domain.chat import ChatEvent, ChatRequest, Finished
from bedplate.embedders.protocol import Embedder
from bedplate.errors import BedplateError, ConfigError, InvalidInput
from bedplate.models.anyllm_options import AnyLLMOptions
from bedplate.models.anyllm_request import Kept, build_arguments, wire_options
from bedplate.models.failed import charging
from bedplate.models.openai_reply import OpenAIReply
from bedplate.models.patience import Patience
from bedplate.models.protocol import ChatModel
from bedplate.spelling import did_you_mean
from bedplate.upstream.failures import Failures

PROVIDER = "anyllm"
NO_RETRIES = 0

STATUSES: Mapping[type[AnyLLMError], int] = {
    AuthenticationError: 401,
    InsufficientFundsError: 402,
    ModelNotFoundError: 404,
    RateLimitError: 429,
    GatewayTimeoutError: 504,
    ContextLengthExceededError: 400,
    ContentFilterError: 400,
    InvalidRequestError: 400,
}
"""Where the library knows the kind of a failure and not its HTTP status."""


class AnyLLMModel:
    def __init__(self, options: AnyLLMOptions, client: AnyLLM) -> None:
        self._options = options
        self._client = client
        self._wire = wire_options(options)
        self._turns = asyncio.Semaphore(options.max_connections)
        secret = options.api_key.get_secret_value() if options.api_key else ""
        self._failures = Failures(
            f"The model {options.model!r} of {options.provider}",
            options.base_url or options.provider,
            options.first_token_seconds,
            [secret],
            PROVIDER,
        )

    @property
    def name(self) -> str:
        return f"{PROVIDER}:{self._options.provider}:{self._options.model}"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """See ChatModel. The provider's stream is closed as soon as the iterator is."""
        arguments = build_arguments(request, self._wire)
        patience = Patience(self._options, request.deadline, self._failures)
        reply, kept = OpenAIReply(request, self._wire, self._failures), Kept()
        await patience.within(self._turns.acquire)
        with charging(reply):
            try:
                stream = await self._begin(arguments, patience, reply)
                try:
                    while (chunk := await self._next(stream, patience, reply)) is not None:
                        kept.take(chunk)
                        for event in reply.add(chunk):
                            yield event
                        if reply.ended:
                            patience.wind_down()
                        elif reply.begun:
                            patience.renew()
                finally:
                    await stream.aclose()
            finally:
                self._turns.release()
            for event in reply.finish():
                yield replace(event, reasoning=kept.form) if isinstance(event, Finished) else event

    async def _begin(
        self, arguments: dict[str, Any], patience: Patience, reply: OpenAIReply
    ) -> AsyncGenerator[Any]:
        # Its own iterator, which has the methods of a generator that are used here.
        call = cast(Callable[..., Awaitable[AsyncGenerator[Any]]], self._client.acompletion)
        try:
            return await patience.within(lambda: call(**arguments))
        except AnyLLMError as error:
            raise self._translated(error, reply) from error

    async def _next(
        self, stream: AsyncGenerator[Any], patience: Patience, reply: OpenAIReply
    ) -> dict[str, Any] | None:
        try:
            chunk = await patience.within(lambda: anext(stream, None))
        except AnyLLMError as error:
            raise self._translated(error, reply) from error
        except BedplateError:
            if reply.ended:
                return None
            raise
        return None if chunk is None else chunk.model_dump(mode="json", exclude_none=True)

    def _translated(self, error: AnyLLMError, reply: OpenAIReply) -> BedplateError:
        if isinstance(error, UnsupportedParameterError):
            name = error.parameter_name
            return InvalidInput(
                f"{name}: any-llm cannot ask {self._options.provider} for this; leave it out.",
                param=name,
            )
        status = error.status_code or STATUSES.get(type(error))
        if isinstance(error, InvalidRequestError) and error.status_code is None:
            return InvalidInput(f"any-llm does not take the request: {error.message}")
        if status is not None and status >= 400:
            told = getattr(error, "retry_after", None)
            headers = {} if told is None else {"Retry-After": str(told)}
            return self._failures.refused(status, headers, error.message.encode())
        if isinstance(error.original_exception, TimeoutError):
            return self._failures.timeout("gave up waiting")
        return self._failures.said(f"failed after {reply.characters} characters: {error.message}")


@asynccontextmanager
async def open_anyllm_model(
    options: Mapping[str, Any], *, embedder: Embedder
) -> AsyncGenerator[ChatModel]:
    """See AnyLLMOptions. Nothing is sent before the first request.

    Raises:
        ConfigError: a provider that any-llm does not know, or whose package is not installed, or a
            key that is missing.
    """
    chosen = AnyLLMOptions.model_validate(dict(options))
    client = _client(chosen)
    try:
        yield AnyLLMModel(chosen, client)
    finally:
        await _close(client)


async def _close(client: AnyLLM) -> None:
    """The library has no method for this; its providers keep their SDK's client in `client`."""
    inner = getattr(client, "client", None)
    close = getattr(inner, "aclose", None) or getattr(inner, "close", None)
    if close is not None:
        closing = close()
        if inspect.isawaitable(closing):
            await closing


def _client(options: AnyLLMOptions) -> AnyLLM:
    try:
        kind = AnyLLM.get_provider_class(options.provider)
        # Repeating a call is Bedplate's own affair.
        once = {} if kind.MAX_RETRIES_SUPPORT == "unsupported" else {"max_retries": NO_RETRIES}
        return AnyLLM.create(
            options.provider,
            api_key=options.api_key.get_secret_value() if options.api_key else None,
            api_base=options.base_url,
            unified_exceptions=True,
            **once,
            **options.client,
        )
    except UnsupportedProviderError as error:
        hint = did_you_mean(options.provider, error.supported_providers)
        raise ConfigError(f"any-llm knows no provider {options.provider!r}.{hint}") from error
    except MissingApiKeyError as error:
        raise ConfigError(
            f"The provider {options.provider!r} needs a key: set "
            f'api_key = {{ env = "{error.env_var_name}" }}'
        ) from error
    except ImportError as error:
        raise ConfigError(
            f"The provider {options.provider!r} needs a package that is not installed: "
            f"pip install 'any-llm-sdk[{options.provider}]'"
        ) from error
    except AnyLLMError as error:
        raise ConfigError(
            f"The client of {options.provider!r} cannot be made: {error.message}"
        ) from error
