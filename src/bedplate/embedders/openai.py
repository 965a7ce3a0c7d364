"""`openai`: any server that speaks OpenAI's embeddings, local or in the cloud."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np

from bedplate.embedders.openai_endpoint import Endpoint, OpenAIOptions, is_passing
from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.errors import ConfigError, UpstreamError
from bedplate.upstream.options import sent_headers

# Under the 5 s after which uvicorn (vLLM) drops an idle connection.
KEEP_ALIVE_SECONDS = 4.0


class OpenAIEmbedder:
    """Texts in batches to one endpoint; the fingerprint is the same on every host."""

    def __init__(self, options: OpenAIOptions, endpoint: Endpoint, dimensions: int) -> None:
        self._options = options
        self._endpoint = endpoint
        self.dimensions = dimensions

    @property
    def fingerprint(self) -> str:
        return f"openai-{self._options.model}-{self.dimensions}"

    async def embed(self, texts: Sequence[str]) -> Matrix:
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._endpoint.ask(batch, self.dimensions))
                    for batch in self._batches(texts)
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return np.concatenate([task.result() for task in tasks])

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        characters = 0
        for text in map(_sendable, texts):
            full = len(batch) == self._options.batch
            if batch and (full or characters + len(text) > self._options.batch_characters):
                yield batch
                batch, characters = [], 0
            batch.append(text)
            characters += len(text)
        yield batch


def _sendable(text: str) -> str:
    """The text with "?" for half surrogate pairs; a space for nothing, which OpenAI refuses."""
    return text.encode("utf-8", "replace").decode() or " "


@asynccontextmanager
async def open_openai_embedder(options: Mapping[str, Any]) -> AsyncGenerator[Embedder]:
    """See OpenAIOptions. Where `dimensions` is not configured, one text is embedded.

    Raises:
        UpstreamError: no answer to that. ConfigError: one that cannot be used.
    """
    chosen = OpenAIOptions.model_validate(dict(options))
    async with aiohttp.ClientSession(
        # The embedder counts its own connections, so that `connect` times nothing but connecting.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=sent_headers(chosen.api_key, chosen.headers),
        timeout=aiohttp.ClientTimeout(total=chosen.seconds, connect=chosen.connect_seconds),
    ) as session:
        endpoint = Endpoint(chosen, session)
        yield OpenAIEmbedder(
            chosen, endpoint, chosen.dimensions or await _learn_dimensions(endpoint)
        )


async def _learn_dimensions(endpoint: Endpoint) -> int:
    try:
        return (await endpoint.ask(["ready"], None)).shape[1]
    except UpstreamError as error:
        raise _at_the_start(error) from error


def _at_the_start(error: UpstreamError) -> UpstreamError | ConfigError:
    said = f"{error.message} It was asked for one vector, to learn how long they are:"
    if is_passing(error):
        return UpstreamError(
            f"{said} start that server, correct embedder.base_url, or set embedder.dimensions "
            "to start without it.",
            provider=error.provider,
            status=error.status,
        )
    return ConfigError(f"{said} correct the settings of embedder.")
