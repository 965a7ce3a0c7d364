"""One message of the Model Context Protocol, out of the bytes of a body or a line."""

from typing import Any

from bedplate.api.mcp_failures import INVALID_REQUEST, PARSE_ERROR, Refused
from bedplate.api.reading import read_object
from bedplate.errors import InvalidInput


def read_message(raw: bytes) -> dict[str, Any]:
    """
    Raises:
        Refused: it is not JSON, or not one object.
    """
    if raw.lstrip()[:1] == b"[":
        raise Refused(INVALID_REQUEST, "A batch is not taken: send one message at a time.")
    try:
        return read_object(raw)
    except InvalidInput as error:
        raise Refused(PARSE_ERROR, error.message) from error
