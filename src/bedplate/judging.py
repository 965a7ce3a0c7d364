"""The judge of answers that the configuration sets, opened."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from bedplate.config import Config
from bedplate.embedders import EMBEDDERS
from bedplate.embedders.protocol import Embedder
from bedplate.judges import JUDGES
from bedplate.judges.answers import AnswerJudge
from bedplate.judges.protocol import Judge
from bedplate.models.protocol import ChatModel
from bedplate.slots import open_slot

MOST_CLAIMS = 500
"""Of one answer; the rest is not judged, and the answer never supported."""
BUNDLED = "onnx"


@asynccontextmanager
async def open_judge(
    config: Config, models: Mapping[str, ChatModel], embedder: Embedder | None = None
) -> AsyncGenerator[Judge]:
    """`models` are the configured ones, of which a judge may be one; `embedder` is the one that
    searches, if it is open.

    Raises:
        ConfigError: an adapter that does not exist, options that it does not take, a judge that is
            no configured model.
    """

    @asynccontextmanager
    async def encoder() -> AsyncGenerator[Embedder]:
        is_bundled = config.embedder.use == BUNDLED and not config.embedder.options.get("model")
        if embedder is not None and is_bundled:
            yield embedder
            return
        async with EMBEDDERS.load(BUNDLED)({}) as opened:
            yield opened

    async with open_slot(
        "guards.groundedness",
        config.guards.groundedness,
        JUDGES.load,
        encoder=encoder,
        models=models,
    ) as opened:
        yield AnswerJudge(opened, most=MOST_CLAIMS)
