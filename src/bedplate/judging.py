"""The judge of answers that the configuration sets, opened."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bedplate.config import Config, Slot
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


def open_judge(
    config: Config, models: Mapping[str, ChatModel], embedder: Embedder | None = None
) -> AbstractAsyncContextManager[Judge]:
    """The judge of every answer: see `open_slot_judge`."""
    slot = config.guards.groundedness
    return open_slot_judge("guards.groundedness", slot, config, models, embedder)


@asynccontextmanager
async def open_slot_judge(
    key: str,
    slot: Slot,
    config: Config,
    models: Mapping[str, ChatModel],
    embedder: Embedder | None = None,
) -> AsyncGenerator[Judge]:
    """`models` are the configured ones, of which a judge may be one; `embedder` is the one that
    searches, if it is open. `key` names the setting.

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

    async with open_slot(key, slot, JUDGES.load, encoder=encoder, models=models) as opened:
        yield AnswerJudge(opened, most=MOST_CLAIMS)
