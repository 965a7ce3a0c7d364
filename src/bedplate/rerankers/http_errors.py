"""How a rerank server fails, in Bedplate's errors. The key never reaches a message."""

import ssl
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
import msgspec

from bedplate.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.rerankers.http_wire import HttpOptions
from bedplate.upstream.failures import retry_after

PROVIDER = "http"
MAX_MESSAGE = 500


class Failures:
    """Makes the errors of one server, which every message names."""

    def __init__(self, options: HttpOptions) -> None:
        called = f" {options.model!r}" if options.model else ""
        self._label = f"The reranker{called} at {options.shown_url}"
        self._url = options.shown_url
        self._connect_seconds = options.connect_seconds
        self._secret = options.api_key.get_secret_value() if options.api_key else ""

    def error(self, what: str, status: int | None = None) -> UpstreamError:
        return UpstreamError(f"{self._label}: {what}.", provider=PROVIDER, status=status)

    def timeout(self, what: str, status: int | None = None) -> UpstreamTimeout:
        return UpstreamTimeout(f"{self._label}: {what}.", provider=PROVIDER, status=status)

    def bad_answer(self, why: str) -> UpstreamError:
        return self.error(f"its answer cannot be used: {self._clean(why)}", status=200)

    def of_client(self, error: aiohttp.ClientError | ssl.SSLError) -> UpstreamError:
        """What the HTTP client raises."""
        match error:
            case aiohttp.ConnectionTimeoutError():
                return self.timeout(
                    f"took no connection within {self._connect_seconds:g} s (connect_seconds); "
                    "is the server running and reachable"
                )
            case aiohttp.ClientSSLError() | ssl.SSLError():
                return self.error(
                    f"no secure connection: {self._clean(str(error))}; check the certificate, "
                    "and that base_url should start with https"
                )
            case aiohttp.ClientConnectorError():
                cause = error.os_error
                refused = isinstance(cause, ConnectionRefusedError)
                reason = "connection refused" if refused else cause.strerror or str(cause)
                return self.error(
                    f"cannot connect ({self._clean(reason)}); is the server running at {self._url}"
                )
            case _:
                return self.error(f"the connection broke ({type(error).__name__})")

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """An answer other than 200, by its HTTP status."""
        said = self._clean(_message(body))
        tail = f": {said}" if said else ""
        match status:
            case 401 | 403:
                what = f"refused the key with HTTP {status}; set api_key{tail}"
            case 404:
                what = f"answered HTTP 404; check model and base_url, and wire{tail}"
            case 408 | 504:
                return self.timeout(f"gave up waiting with HTTP {status}{tail}", status)
            case 413:
                what = f"answered HTTP 413, too much at once; lower batch{tail}"
            case 429:
                seconds = retry_after(headers)
                wait = "" if seconds is None else f"; it asks to wait {seconds:g} s"
                return UpstreamRateLimited(
                    f"{self._label}: too many requests (HTTP 429){wait}{tail}.",
                    provider=PROVIDER,
                    retry_after=seconds,
                )
            case _ if 300 <= status < 400:
                what = f"redirected with HTTP {status}; set base_url to where it now lives"
            case _:
                what = f"answered HTTP {status}{tail}"
        return self.error(what, status)

    def _clean(self, text: str) -> str:
        if self._secret:
            text = text.replace(self._secret, "***")
        text = " ".join(text.split()).rstrip(".")
        return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."


def _message(body: bytes) -> str:
    """The reason, wherever the server puts it: a message (Cohere), a detail (Jina), an error (TEI)
    or an error's message (vLLM).
    """
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
    error = _field(answer, "error")
    found = (
        _field(error, "message"),
        error,
        _field(answer, "message"),
        _field(answer, "detail"),
    )
    return next((text for text in found if isinstance(text, str)), "")


def _field(value: Any, name: str) -> Any:
    return cast(Mapping[str, Any], value).get(name) if isinstance(value, dict) else None
