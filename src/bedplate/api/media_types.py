"""What a request says its body is. Without being told, curl calls all that it sends a form."""

from starlette.requests import Request

JSON = "application/json"


def media_type(request: Request) -> str:
    """The media type alone, in lower case; empty where none is given."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(request: Request) -> bool:
    """Whether the body is read as JSON: "application/json", or a kind of it."""
    kind = media_type(request)
    return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))


def sent_as(request: Request) -> str:
    """What the header says, for a message."""
    kind = media_type(request)
    return f"came as {kind[:100]!r}" if kind else "came without a Content-Type"
