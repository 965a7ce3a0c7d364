"""What is wrong with a message of the Model Context Protocol, as JSON-RPC tells it.

Source: JSON-RPC 2.0, 5.1, and modelcontextprotocol.io, "Error Codes".
"""

from collections.abc import Mapping
from typing import Any

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL, NO_RESOURCE = -32603, -32002
WRONG_HEADER, UNKNOWN_VERSION = -32020, -32022

Id = str | int


class Refused(Exception):
    """A JSON-RPC error. `data` is what a program may read of it."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def told(self, id: Id | None) -> Mapping[str, Any]:
        """The answer to the request of that id; None where none could be read."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return {"jsonrpc": "2.0", "id": id, "error": error}
