"""Online evaluation, wired: who judges, what is kept, and who pays."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from bedplate.chat.accounted import Accounted
from bedplate.config import Config
from bedplate.embedders.protocol import Embedder
from bedplate.evaluation.online import OWN_CHECK, EvaluationOptions, OnlineEvaluation, running
from bedplate.evaluations import EVALUATIONS
from bedplate.evaluations.protocol import Evaluations
from bedplate.judging import open_slot_judge
from bedplate.ledger.protocol import Ledger
from bedplate.models.protocol import MeteredModel

EVALUATIONS_FILE = "evaluations.db"


@asynccontextmanager
async def open_evaluation(
    config: Config,
    models: Mapping[str, MeteredModel],
    ledger: Ledger,
    embedder: Embedder,
) -> AsyncGenerator[OnlineEvaluation]:
    """Judge while the block runs.

    Raises:
        ConfigError: a judge that does not exist, or options that it does not take.
        ConfigError, StorageError, Unavailable: the place of verdicts cannot be used.
    """
    settings = config.evaluation
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        kept = await enter(open_evaluations(config))
        judge = None
        if (slot := settings.judge) is not None:
            # What is judged beside the traffic is no turn, and is paid for all the same.
            paid = {name: Accounted(name, model, ledger) for name, model in models.items()}
            judge = await enter(open_slot_judge("evaluation.judge", slot, config, paid, embedder))
        options = EvaluationOptions(
            share=settings.share,
            waiting=settings.max_waiting,
            at_once=settings.at_once,
            seconds=settings.seconds,
            keep_days=settings.keep_days,
            judge=OWN_CHECK if slot is None else slot.use,
        )
        online = OnlineEvaluation(kept, judge, options)
        await enter(running(online, workers=settings.at_once if judge is not None else 0))
        yield online


def open_evaluations(config: Config) -> AbstractAsyncContextManager[Evaluations]:
    """A file in the data folder, or tables in the catalog's database."""
    database = config.data.database
    if database is None:
        return EVALUATIONS.load("sqlite")(config.data.dir / EVALUATIONS_FILE)
    return EVALUATIONS.load("postgres")(database.get_secret_value())
