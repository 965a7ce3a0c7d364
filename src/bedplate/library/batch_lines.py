"""The lines of a batch's file: read, checked, and told what is wrong with which."""

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from bedplate.domain.batches import BatchError

ENDPOINTS: tuple[str, ...] = (
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/messages",
    "/v1/rerank",
)
FIELDS = frozenset({"custom_id", "method", "url", "body"})
MAX_ID = 512
MAX_ERRORS = 100
"""Of one batch; what else is wrong is found once these are mended."""

SHOWN = 80
NEVER = {"stream": "is answered whole", "background": "is waited for"}
"""Switches of a request that a batch cannot honour, and why."""


@dataclass(frozen=True, slots=True)
class Request:
    """A line that can be asked; `number` counts from 0, `body` is JSON."""

    number: int
    custom_id: str
    body: bytes
    model: str | None


@dataclass(frozen=True, slots=True)
class Read:
    """Either `requests` or `errors` is empty."""

    requests: tuple[Request, ...]
    errors: tuple[BatchError, ...]

    @property
    def model(self) -> str | None:
        """The one that every request asks; None where they differ."""
        models = {request.model for request in self.requests}
        return models.pop() if len(models) == 1 else None


def read(content: bytes, endpoint: str, *, most: int) -> Read:
    """The requests of a file whose every line is sound, or what is wrong with it."""
    requests: list[Request] = []
    errors: list[BatchError] = []
    seen: dict[str, int] = {}
    for number, line in _lines(content):
        if len(seen) >= most:
            message = f"The file has more requests than the {most:,} of batches.max_requests."
            errors.append(BatchError("too_many_requests", message))
            break
        found = _request(number, line, endpoint)
        if isinstance(found, Request):
            first = seen.setdefault(found.custom_id, number)
            if first != number:
                found = _wrong(
                    number,
                    "duplicate_custom_id",
                    f"custom_id {found.custom_id!r} is that of line {first + 1} already: give each "
                    "request its own.",
                    "custom_id",
                )
        if isinstance(found, Request):
            requests.append(found)
        elif len(errors) < MAX_ERRORS:
            errors.append(found)
    if not (requests or errors):
        errors.append(BatchError("empty_file", "The file holds no request."))
    return Read((), tuple(errors)) if errors else Read(tuple(requests), ())


def _lines(content: bytes) -> Generator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers from 0."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    for number, line in enumerate(content.split(b"\n")):
        if line.strip():
            yield number, line


def _request(number: int, line: bytes, endpoint: str) -> Request | BatchError:
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return _wrong(number, "invalid_json_line", "The line is not valid JSON.")
    if not isinstance(found, dict):
        return _wrong(number, "invalid_json_line", "The line is not a JSON object.")
    given = cast(Mapping[str, Any], found)
    for name in ("custom_id", "method", "url", "body"):
        if given.get(name) is None:
            return _wrong(number, "missing_required_parameter", f"{name!r} is required.", name)
    if unknown := sorted(given.keys() - FIELDS):
        name = unknown[0][:SHOWN]
        return _wrong(number, "unknown_parameter", f"{name!r} is not known here.", name)
    return _checked(number, given, endpoint)


def _checked(number: int, given: Mapping[str, Any], endpoint: str) -> Request | BatchError:
    id, body = given["custom_id"], given["body"]
    if not isinstance(id, str) or not 0 < len(id) <= MAX_ID:
        message = f"custom_id must be a string of 1 to {MAX_ID} characters."
        return _wrong(number, "invalid_custom_id", message, "custom_id")
    if given["method"] != "POST":
        shown = repr(given["method"])[:SHOWN]
        return _wrong(number, "invalid_method", f"method must be 'POST', not {shown}.", "method")
    if given["url"] != endpoint:
        shown = repr(given["url"])[:SHOWN]
        message = f"url must be the batch's endpoint, {endpoint!r}, not {shown}."
        return _wrong(number, "invalid_url", message, "url")
    if not isinstance(body, dict):
        return _wrong(number, "invalid_body", "body must be a JSON object.", "body")
    request = cast(Mapping[str, Any], body)
    for name, why in NEVER.items():
        if request.get(name):
            message = f"A request of a batch {why}: leave out {name!r}."
            return _wrong(number, "unsupported_parameter", message, f"body.{name}")
    model = request.get("model")
    return Request(
        number, id, json.dumps(request).encode(), model if isinstance(model, str) else None
    )


def _wrong(number: int, code: str, message: str, param: str | None = None) -> BatchError:
    return BatchError(code, message, number + 1, param)
