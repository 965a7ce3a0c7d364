"""How a Qdrant server fails, in Bedplate's errors. The key never reaches a message."""

import json
from typing import Any, cast

from pydantic import ValidationError
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from bedplate.errors import (
    BedplateError,
    ConfigError,
    Conflict,
    NotFound,
    StorageError,
    TooLarge,
    Unavailable,
)

CAUGHT = (ApiException, QdrantException, json.JSONDecodeError, UnicodeDecodeError)
"""What the client raises; an answer that is no JSON comes out as it is."""

MAX_MESSAGE = 500


class Failures:
    """Makes the errors of one server, which every message names."""

    def __init__(self, url: str, secret: str, seconds: float) -> None:
        self.label = f"The Qdrant server at {url}"
        self._secret = secret
        self._seconds = seconds

    def late(self) -> Unavailable:
        return Unavailable(f"{self.label} took longer than {self._seconds:g} s (seconds).")

    def unfinished(self, status: str) -> StorageError:
        return StorageError(
            f"{self.label} took a write but did not apply it in time ({status}); repeat it."
        )

    def of(self, error: Exception) -> BedplateError:
        """NotFound stands for a collection that is not there."""
        match error:
            case UnexpectedResponse():
                return self._refused(error)
            case ResourceExhaustedResponse():
                return Unavailable(f"{self.label} has too much to do: {self._clean(str(error))}.")
            case ResponseHandlingException() if not isinstance(error.source, ValidationError):
                source = error.source
                reason = self._clean(f"{type(source).__name__}: {source}".rstrip(": "))
                return Unavailable(
                    f"{self.label} cannot be reached ({reason}); is it running, and is the url "
                    "right?"
                )
            case _:
                return StorageError(
                    f"{self.label} gave an answer that is not Qdrant's; check the url, and that "
                    "nothing between answers in its place."
                )

    def _refused(self, error: UnexpectedResponse) -> BedplateError:
        said = self._clean(_reason(error.content))
        status = error.status_code or 0
        tail = f": {said}" if said else ""
        match status:
            case 401 | 403:
                return ConfigError(
                    f"{self.label} refused the key (HTTP {status}); set api_key{tail}."
                )
            case 404:
                return NotFound(f"{self.label} answered HTTP 404{tail}.")
            case 409:
                return Conflict(f"{self.label} answered HTTP 409{tail}.")
            case 413:
                return TooLarge(
                    f"{self.label} takes no request so large; lower batch_points, narrow the "
                    f"filter, or raise the server's max_request_size_mb{tail}."
                )
            case 408 | 429 | 502 | 503 | 504:
                return Unavailable(f"{self.label} is not ready (HTTP {status}){tail}.")
            case _:
                return StorageError(f"{self.label} answered HTTP {status}{tail}.")

    def _clean(self, text: str) -> str:
        if self._secret:
            text = text.replace(self._secret, "***")
        text = " ".join(text.split()).rstrip(".")
        return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}..."


def _reason(content: bytes) -> str:
    """The message in Qdrant's envelope, {"status": {"error": ...}}, or the body as it is."""
    try:
        answer: Any = json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")
    for name in ("status", "error"):
        answer = cast(dict[str, Any], answer).get(name) if isinstance(answer, dict) else None
    return answer if isinstance(answer, str) else ""
