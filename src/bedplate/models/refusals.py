"""What a server says that is no answer, by its head."""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from bedplate.models.patience import CLOSING_SECONDS
from bedplate.upstream.failures import Failures
from bedplate.upstream.http_connection import Answer
from bedplate.upstream.http_errors import HttpError

OK = 200
PLAIN = "identity"
MOST_BYTES = 64 * 1024


async def read_refusal(
    response: Answer, failures: Failures, *, unless: Collection[str] = ()
) -> bytes | None:
    """The body of a refusal as far as it comes; None for an answer, which is not of a type in `unless`.

    Raises:
        UpstreamError: an answer that is compressed.
    """
    coding = response.headers.get("content-encoding", PLAIN)
    if response.status == OK:
        if coding != PLAIN:
            raise failures.error(f"compressed its answer ({coding}), which was not asked for")
        if response.content_type not in unless:
            return None
    said = bytearray()
    if coding == PLAIN:
        with suppress(TimeoutError, HttpError):
            async with asyncio.timeout(CLOSING_SECONDS):
                while len(said) < MOST_BYTES and (packet := await response.read()):
                    said += packet
    return bytes(said[:MOST_BYTES])
