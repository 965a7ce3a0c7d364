"""How a model server fails, in Bedplate's errors. Secrets never reach a message."""

import math
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import aiohttp
import msgspec

from bedplate.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.upstream.http_errors import (
    ConnectFailed,
    ConnectTimeout,
    HttpError,
    NotSecure,
    UnknownHost,
)

PROVIDER = "openai"
MAX_MESSAGE = 500
REMEDIES: Mapping[int, str] = {404: "check model and base_url"}
# Shorter values are names and versions more often than secrets; masking "1" would hide the message.
MIN_SECRET = 8
STATUS_OF_TYPE = {
    "rate_limit_error": 429,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status that an error in mid-stream would have had (Claude API reference, "Errors")."""


class Failures:
    """Makes the errors of one upstream, called `label` in every message. `remedies` say what may
    help against a status.
    """

    def __init__(
        self,
        label: str,
        url: str,
        connect_seconds: float,
        secrets: Sequence[str],
        provider: str = PROVIDER,
        remedies: Mapping[int, str] = REMEDIES,
    ) -> None:
        self._remedies = remedies
        self._provider = provider
        self._label = label
        self._url = url
        self._connect_seconds = connect_seconds
        self._secrets = tuple(s for s in secrets if len(s) >= MIN_SECRET)

    def of_client(self, error: aiohttp.ClientError | ssl.SSLError | HttpError) -> UpstreamError:
        """What an HTTP client raises."""
        match error:
            case aiohttp.ConnectionTimeoutError() | ConnectTimeout():
                return self.timeout(
                    f"took no connection within {self._connect_seconds:g} s (connect_seconds); "
                    "is the server running and reachable"
                )
            case aiohttp.ClientSSLError() | ssl.SSLError():
                return self._not_secure(error)
            case NotSecure():
                return self._not_secure(error.__cause__)
            case aiohttp.ClientConnectorDNSError():
                return self._unknown(error.host, error.os_error)
            case UnknownHost():
                return self._unknown(error.host, error.__cause__)
            case aiohttp.ClientConnectorError():
                return self._no_connection(error.os_error)
            case ConnectFailed():
                return self._no_connection(error.__cause__)
            case _:
                return self.error(f"the connection broke ({type(error).__name__})")

    def _not_secure(self, cause: BaseException | None) -> UpstreamError:
        return self.error(
            f"no secure connection: {self._clean(str(cause))}; check the certificate, and that "
            "base_url should start with https"
        )

    def _unknown(self, host: str, cause: BaseException | None) -> UpstreamError:
        return self.error(
            f"cannot find the host {host!r} ({self._clean(str(cause))}); check base_url"
        )

    def _no_connection(self, cause: BaseException | None) -> UpstreamError:
        reason = getattr(cause, "strerror", None) or str(cause)
        if isinstance(cause, ConnectionRefusedError):
            reason = "connection refused"
        return self.error(
            f"cannot connect ({self._clean(reason)}); is the server running at {self._url}"
        )

    def error(
        self, what: str, status: int | None = None, reason: str | None = None
    ) -> UpstreamError:
        return UpstreamError(
            f"{self._label}: {what}.", provider=self._provider, status=status, reason=reason
        )

    def timeout(self, what: str) -> UpstreamTimeout:
        return UpstreamTimeout(f"{self._label}: {what}.", provider=self._provider)

    def said(self, text: str, status: int | None = None) -> UpstreamError:
        """What went wrong in the words of somebody else."""
        return self.error(self._clean(text), status)

    def ended_early(self, characters: int) -> UpstreamError:
        return self.error(f"the stream ended early after {characters} characters")

    def reported(self, envelope: Any, characters: int) -> UpstreamError:
        """An error sent as an event of a stream that had begun."""
        message = self._clean(_message_in({"error": envelope})) or "it gave no reason"
        what = f"the stream failed after {characters} characters: {message}"
        code = _field(envelope, "code")
        kind = _field(envelope, "type")
        status = _status(code) or STATUS_OF_TYPE.get(kind if isinstance(kind, str) else "")
        if status == 429 or "rate_limit_exceeded" in (code, kind):
            return UpstreamRateLimited(f"{self._label}: {what}.", provider=self._provider)
        if status in {408, 504}:
            return UpstreamTimeout(
                f"{self._label}: {what}.", provider=self._provider, status=status
            )
        return self.error(what, status, _reason({"error": envelope}))

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """An answer that is not a stream, by its HTTP status, or by the one that its body gives."""
        if status == 200:
            status = _told_status(body) or status
        said = self._clean(_message(body))
        tail = f": {said}" if said else ""
        match status:
            case 401 | 403:
                what = f"refused the key with HTTP {status}; set api_key{tail}"
            case 408 | 504:
                return UpstreamTimeout(
                    f"{self._label}: gave up waiting with HTTP {status}{tail}.",
                    provider=self._provider,
                    status=status,
                )
            case 429:
                return self._rate_limited(headers, tail)
            case _ if 300 <= status < 400:
                what = f"redirected with HTTP {status}; set base_url to where it now lives"
            case 200:
                what = f"answered with something that is no answer of a model; check base_url{tail}"
            case _:
                remedy = f"; {self._remedies[status]}" if status in self._remedies else ""
                what = f"answered HTTP {status}{remedy}{tail}"
        return self.error(what, status, _reason(_decoded(body)))

    def _rate_limited(self, headers: Mapping[str, str], tail: str) -> UpstreamRateLimited:
        seconds = retry_after(headers)
        wait = "" if seconds is None else f"; it asks to wait {seconds:g} s"
        return UpstreamRateLimited(
            f"{self._label}: too many requests (HTTP 429){wait}{tail}.",
            provider=self._provider,
            retry_after=seconds,
        )

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(text.split()).rstrip(".")
        return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds (RFC 9110 10.2.3): a number, or a date against the server's clock."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        until = _date(value)
        if until is None:
            return None
        now = _date(headers.get("Date", "")) or datetime.now(UTC)
        seconds = (until - now).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _told_status(body: bytes) -> int | None:
    """The status in the error of a body, as servers send it that have said 200 already."""
    return _status(_field(_field(_decoded(body), "error"), "code"))


def _status(code: Any) -> int | None:
    return code if isinstance(code, int) and 400 <= code <= 599 else None


def _message(body: bytes) -> str:
    answer = _decoded(body)
    return body.decode("utf-8", "replace") if answer is None else _message_in(answer)


def _decoded(body: bytes) -> Any:
    """The JSON of an answer; None where it is not JSON."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _reason(answer: Any) -> str | None:
    """The server's own word for what happened: its code, or the type where that is only a status."""
    error = _field(answer, "error")
    found = (_field(error, "code"), _field(error, "type"), _field(answer, "type"))
    return next((word for word in found if isinstance(word, str) and word), None)


def _message_in(answer: Any) -> str:
    """The reason, wherever the server puts it: OpenAI's envelope, a bare text, FastAPI's detail."""
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
