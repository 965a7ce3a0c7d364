"""How Weaviate fails, in Bedplate's errors. The key never reaches a message."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from weaviate.exceptions import (
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateConnectionError,
    WeaviateRetryError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
)

from bedplate.errors import ConfigError, StorageError, Unavailable

MAX_MESSAGE = 500
_UNREACHABLE = (
    httpx.TransportError,
    WeaviateConnectionError,
    WeaviateRetryError,
    WeaviateTimeoutError,
)


class Failures:
    """Makes the errors of one server, which every message names."""

    def __init__(self, url: str, grpc: str, secret: str) -> None:
        self._label = f"Weaviate at {url}"
        self._grpc = grpc
        self._secret = secret

    @asynccontextmanager
    async def opening(self, seconds: float) -> AsyncGenerator[None]:
        """The first calls: what they find wrong is in the configuration, or nobody answers."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise Unavailable(
                f"{self._label}: no answer within {seconds:g} s (connect_seconds). Is it running, "
                f"and its gRPC port reachable at {self._grpc} (grpc_url)?"
            ) from error
        except UnexpectedStatusCodeError as error:
            if error.status_code >= 500:
                raise Unavailable(self._said(f"not ready, HTTP {error.status_code}")) from error
            hint = "; set api_key" if error.status_code in (401, 403) else "; check url"
            what = f"refused with HTTP {error.status_code}{hint}"
            raise ConfigError(self._said(what, error)) from error
        except WeaviateStartUpError as error:
            if isinstance(error.__cause__, WeaviateConnectionError | httpx.TransportError):
                raise self._unreachable(error) from error
            raise ConfigError(self._said("cannot be used", error)) from error
        except _UNREACHABLE as error:
            raise self._unreachable(error) from error
        except WeaviateBaseError as error:
            raise ConfigError(self._said("cannot be used", error)) from error
        except (KeyError, ValueError) as error:
            raise ConfigError(self._said("does not answer as Weaviate does; check url")) from error

    @asynccontextmanager
    async def calling(self, doing: str, seconds: float) -> AsyncGenerator[None]:
        """Any other call. The client repeats by itself what is unavailable, within the time."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise Unavailable(
                self._said(f"{doing} took longer than {seconds:g} s (seconds); is it running")
            ) from error
        except _UNREACHABLE as error:
            raise self._unreachable(error) from error
        except WeaviateBaseError as error:
            # The client gives the gRPC status only as part of its message.
            if "UNAVAILABLE" in str(error):
                raise self._unreachable(error) from error
            raise StorageError(self._said(f"{doing} failed", error)) from error

    def refused(self, doing: str, reason: str) -> StorageError:
        return StorageError(self._said(f"{doing} failed: {self._clean(reason)}"))

    def _unreachable(self, error: Exception) -> Unavailable:
        return Unavailable(self._said(f"no connection ({type(error).__name__}); is it running"))

    def _said(self, what: str, error: Exception | None = None) -> str:
        return f"{self._label}: {what}{f': {self._clean(str(error))}' if error else ''}."

    def _clean(self, text: str) -> str:
        if self._secret:
            text = text.replace(self._secret, "***")
        text = " ".join(text.split()).rstrip(".")
        return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."
