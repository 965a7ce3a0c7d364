"""One request to POST {base_url}/embeddings: its options, its repetition, and its failures.

Wire: OpenAI API reference, "Create embeddings", asking for base64.
"""

import asyncio
import random
import ssl
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bedplate.embedders.openai_reply import BadAnswer, read_vectors
from bedplate.embedders.protocol import Matrix
from bedplate.errors import UpstreamError, UpstreamRateLimited, UpstreamTimeout
from bedplate.upstream.failures import Failures, retry_after
from bedplate.upstream.options import ApiKey, BaseUrl, Headers, endpoint, secrets, shown

# As lists of numbers, a vector of 16,384 takes about this much.
MAX_BYTES_PER_TEXT = 512 * 1024
MAX_ERROR_BYTES = 64 * 1024
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0


class OpenAIOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: BaseUrl = "https://api.openai.com/v1"
    model: str = Field(min_length=1)
    api_key: ApiKey | None = None
    headers: Headers = Field(default_factory=dict[str, SecretStr])
    dimensions: int | None = Field(default=None, gt=0, le=16_384)
    """Asked for and checked; without it the server is asked for one vector at the start."""
    batch: int = Field(default=32, gt=0, le=2_048)
    batch_characters: int = Field(default=100_000, gt=0)
    """A longer text is sent alone, and whole."""
    concurrency: int = Field(default=4, gt=0, le=256)
    connect_seconds: float = Field(default=5.0, gt=0)
    seconds: float = Field(default=60.0, gt=0)
    retries: int = Field(default=3, ge=0, le=10)
    retry_seconds: float = Field(default=30.0, ge=0)
    """The longest wait that a server may ask for; asked for more, the call fails at once."""


class Endpoint:
    def __init__(self, options: OpenAIOptions, session: aiohttp.ClientSession) -> None:
        self._options = options
        self._session = session
        self._turns = asyncio.Semaphore(options.concurrency)
        self._failures = Failures(
            f"The embedding model {options.model!r} at {shown(options.base_url)}",
            shown(options.base_url),
            options.connect_seconds,
            secrets(options.api_key, options.headers),
        )

    async def ask(self, texts: Sequence[str], dimensions: int | None) -> Matrix:
        """Unit rows of one request's texts, of `dimensions` where that is known.

        It is repeated where that may help. Its turn is kept meanwhile: others that took it would
        run into the same limit.
        """
        async with self._turns:
            for attempt in range(self._options.retries):
                try:
                    return await self._ask(texts, dimensions)
                except UpstreamError as error:
                    pause = _pause(error, attempt)
                    if pause is None or pause > self._options.retry_seconds:
                        raise
                await asyncio.sleep(pause)
            return await self._ask(texts, dimensions)

    async def _ask(self, texts: Sequence[str], dimensions: int | None) -> Matrix:
        asked: dict[str, Any] = {
            "model": self._options.model,
            "input": texts,
            "encoding_format": "base64",
        }
        if self._options.dimensions is not None:
            asked["dimensions"] = self._options.dimensions
        body = await self._post(msgspec.json.encode(asked), len(texts) * MAX_BYTES_PER_TEXT)
        try:
            return await asyncio.to_thread(read_vectors, body, len(texts), dimensions)
        except BadAnswer as error:
            raise self._failures.error(f"{error}; check model, dimensions and base_url") from error

    async def _post(self, body: bytes, most: int) -> bytes:
        url = endpoint(self._options.base_url, "embeddings")
        try:
            # A redirect would carry the key to another host.
            async with self._session.post(url, data=body, allow_redirects=False) as response:
                if response.status != 200:
                    said = (await _read(response, MAX_ERROR_BYTES))[:MAX_ERROR_BYTES]
                    raise self._refused(response, said)
                answer = await _read(response, most)
        except (aiohttp.ClientError, ssl.SSLError) as error:
            raise self._failures.of_client(error) from error
        except TimeoutError as error:
            seconds = self._options.seconds
            raise self._failures.timeout(f"took longer than {seconds:g} s (seconds)") from error
        if len(answer) > most:
            raise self._failures.error(f"it answered more than {most:,} bytes; check base_url")
        return answer

    def _refused(self, response: aiohttp.ClientResponse, said: bytes) -> UpstreamError:
        error = self._failures.refused(response.status, response.headers, said)
        advice = retry_after(response.headers)
        if response.status == 503 and advice is not None:
            return UpstreamRateLimited(
                error.message, provider=error.provider, status=503, retry_after=advice
            )
        return error


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, or a little more than `most` bytes of a longer one."""
    found = bytearray()
    while len(found) <= most and (packet := await response.content.readany()):
        found += packet
    return bytes(found)


def is_passing(error: UpstreamError) -> bool:
    """Whether it is the state of server or network, and nothing that was sent or answered."""
    if error.status is not None:
        return error.retryable
    return isinstance(error.__cause__, aiohttp.ClientError | ssl.SSLError | TimeoutError)


def _pause(error: UpstreamError, attempt: int) -> float | None:
    """Seconds until a repetition may help; None when there is no use in one.

    A server that is not there or too slow is not asked again: the caller would wait several times
    as long as `seconds` allows. Method: exponential backoff with jitter (AWS Architecture Blog,
    2015, "Exponential Backoff And Jitter").
    """
    absent = isinstance(error.__cause__, aiohttp.ClientConnectorError | ssl.SSLError)
    slow = isinstance(error, UpstreamTimeout) and error.status is None
    if absent or slow or not is_passing(error):
        return None
    if isinstance(error, UpstreamRateLimited) and error.retry_after is not None:
        return error.retry_after
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, hides nothing
