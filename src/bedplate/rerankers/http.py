"""`http`: a rerank server, local or in the cloud: Cohere, Jina, vLLM, llama.cpp, TEI.

Wire: POST {base_url}/rerank; see http_wire.py for both forms.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp

from bedplate.errors import UpstreamError, UpstreamRateLimited
from bedplate.rerankers.http_wire import BadAnswer, HttpOptions, decode_scores, encode_request
from bedplate.rerankers.protocol import Reranker
from bedplate.upstream.failures import Failures
from bedplate.upstream.options import secrets

MAX_ERROR_BYTES = 64 * 1024
REASON_SECONDS = 2.0
# Some servers send every document back; escaped, one may be three times as long as it was sent.
ANSWER_BYTES = 1024 * 1024
ANSWER_FACTOR = 4
FIRST_PAUSE_SECONDS = 0.25
# Under the 5 s after which uvicorn drops an idle connection.
KEEP_ALIVE_SECONDS = 4.0
REMEDIES = {404: "check model and base_url, and wire", 413: "too much at once; lower batch"}


class HttpReranker:
    def __init__(self, options: HttpOptions, session: aiohttp.ClientSession) -> None:
        self._options = options
        self._session = session
        called = f" {options.model!r}" if options.model else ""
        self._failures = Failures(
            f"The reranker{called} at {options.shown_url}",
            options.shown_url,
            options.connect_seconds,
            secrets(options.api_key, {}),
            provider="http",
            remedies=REMEDIES,
        )

    async def score(
        self, query: str, texts: Sequence[str], *, deadline: float | None
    ) -> list[float]:
        """See Reranker. All or nothing: one batch that fails fails the call."""
        if not texts:
            return []
        now = asyncio.get_running_loop().time()
        seconds = self._options.seconds
        end, what = now + seconds, f"took longer than {seconds:g} s (seconds)"
        if deadline is not None and deadline < end:
            end, what = deadline, "was not done by the deadline"
        late = self._failures.timeout(what)
        if now >= end:
            raise late
        size = self._options.documents_at_once
        scores: list[float] = []
        try:
            async with asyncio.timeout_at(end):
                for start in range(0, len(texts), size):
                    scores += await self._batch(query, texts[start : start + size], end)
        except TimeoutError as error:
            raise late from error
        return scores

    async def _batch(self, query: str, texts: Sequence[str], end: float) -> list[float]:
        """The scores of one request, which is repeated while that may help and time is left."""
        body = encode_request(query, texts, self._options)
        clock = asyncio.get_running_loop().time
        for repeat in range(self._options.retries):
            try:
                return await self._request(body, len(texts))
            except UpstreamError as error:
                pause = _pause(error, repeat)
                if not error.retryable or clock() + pause >= end:
                    raise
            await asyncio.sleep(pause)
        return await self._request(body, len(texts))

    async def _request(self, body: bytes, count: int) -> list[float]:
        try:
            # A redirect would carry the key to another host.
            async with self._session.post(
                self._options.endpoint, data=body, allow_redirects=False
            ) as response:
                if response.status != 200:
                    said = await _read_reason(response)
                    raise self._failures.refused(response.status, response.headers, said)
                limit = ANSWER_BYTES + ANSWER_FACTOR * len(body)
                answer = await _read(response, limit + 1)
        except (aiohttp.ClientError, ssl.SSLError) as error:
            raise self._failures.of_client(error) from error
        if len(answer) > limit:
            raise self._bad_answer(f"it is longer than {limit} bytes")
        try:
            return decode_scores(answer, self._options.wire, count)
        except BadAnswer as error:
            raise self._bad_answer(str(error)) from error

    def _bad_answer(self, why: str) -> UpstreamError:
        return self._failures.said(f"its answer cannot be used: {why}", status=200)


def _pause(error: UpstreamError, repeat: int) -> float:
    """What the server asks for, else twice as long each time."""
    if isinstance(error, UpstreamRateLimited) and error.retry_after is not None:
        return error.retry_after
    return FIRST_PAUSE_SECONDS * 2.0**repeat


async def _read_reason(response: aiohttp.ClientResponse) -> bytes:
    """What the server says about its refusal, where it comes; the status stands without it."""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(REASON_SECONDS):
            return await _read(response, MAX_ERROR_BYTES)
    return b""


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, as far as `limit` bytes of it."""
    body = bytearray()
    while len(body) < limit and (packet := await response.content.readany()):
        body += packet
    return bytes(body[:limit])


@asynccontextmanager
async def open_http_reranker(options: Mapping[str, Any]) -> AsyncGenerator[Reranker]:
    """See HttpOptions. Nothing is sent before the first call."""
    chosen = HttpOptions.model_validate(dict(options))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=chosen.max_connections, keepalive_timeout=KEEP_ALIVE_SECONDS
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=chosen.sent_headers,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=chosen.connect_seconds),
    ) as session:
        yield HttpReranker(chosen, session)
