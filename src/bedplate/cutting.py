"""Every chunker that the configuration sets, opened, and what is embedded before its chunks."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from bedplate.chunkers import CHUNKERS
from bedplate.chunkers.protocol import Chunker
from bedplate.config import Config
from bedplate.ingest.embedding import HeaderOf
from bedplate.options import chunk_header
from bedplate.slots import open_slot


@dataclass(frozen=True, slots=True)
class Cutting:
    """`own` are the chunkers of collections that have another than `chunker`."""

    chunker: Chunker
    own: Mapping[str, Chunker]
    header: HeaderOf


@asynccontextmanager
async def open_cutting(config: Config) -> AsyncGenerator[Cutting]:
    """ConfigError for a chunker that does not exist, or options that it does not take."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        chunker = await enter(open_slot("chunker", config.chunker, CHUNKERS.load))
        own = {
            name: await enter(open_slot(f"collections.{name}.chunker", its.chunker, CHUNKERS.load))
            for name, its in config.collections.items()
            if its.chunker is not None
        }
        yield Cutting(chunker, own, partial(chunk_header, config))
