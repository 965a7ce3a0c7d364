"""Every embedder that the configuration sets, opened."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bedplate.config import Config
from bedplate.embedders import EMBEDDERS, IMAGE_EMBEDDERS
from bedplate.embedders.cache import open_embedder_cache
from bedplate.embedders.protocol import Embedder, ImageEmbedder
from bedplate.slots import open_optional, open_slot

EMBEDDER_CACHE_FILE = "embeddings.db"


@dataclass(frozen=True, slots=True)
class Embedders:
    """`remembering` is `embedder` with its cache, or without where none is kept. `former` serves
    collections that were made with it.
    """

    embedder: Embedder
    remembering: Embedder
    former: Embedder | None
    images: ImageEmbedder | None


@asynccontextmanager
async def open_embedders(config: Config) -> AsyncGenerator[Embedders]:
    """ConfigError for an adapter that does not exist, or options that it does not take."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        embedder = await enter(open_slot("embedder", config.embedder, EMBEDDERS.load))
        remembering = embedder
        if limit := config.embedder_cache.max_bytes:
            file = config.data.dir / EMBEDDER_CACHE_FILE
            remembering = await enter(open_embedder_cache(embedder, file, max_bytes=limit))
        former = await enter(
            open_optional("former_embedder", config.former_embedder, EMBEDDERS.load)
        )
        images = await enter(
            open_optional("image_embedder", config.image_embedder, IMAGE_EMBEDDERS.load)
        )
        yield Embedders(embedder, remembering, former, images)
