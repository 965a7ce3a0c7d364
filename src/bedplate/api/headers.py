"""A request's headers as the server gives them, without a look-up table made for each."""

from starlette.types import Scope


def header_of(scope: Scope, name: bytes) -> str | None:
    """The first one of that name, which is in lower case; None where there is none."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


def headers_of(scope: Scope, name: bytes) -> list[str]:
    """All of that name, in order."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
