"""Assistants, wired: their stages, their tools and what they keep in mind."""

import logging
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bedplate.assistant_sections import AssistantConfig
from bedplate.assistants import STAGES
from bedplate.assistants.answering import Answering
from bedplate.assistants.assistants import Assistants, Defaults
from bedplate.assistants.memory import Memory
from bedplate.assistants.pipeline import Pipeline
from bedplate.assistants.protocol import StageParts, Toolbox
from bedplate.assistants.roster import Roster
from bedplate.assistants.rounds import Rounds
from bedplate.assistants.sound import House, problem
from bedplate.blueprints import BLUEPRINTS
from bedplate.blueprints.protocol import Blueprints
from bedplate.chat.turn import Turn
from bedplate.config import Config
from bedplate.errors import ConfigError, NotFound, Unavailable, UpstreamError
from bedplate.evaluation.protocol import WatchAnswers
from bedplate.models import EXTRACTIVE
from bedplate.rag.answer import Ask
from bedplate.rag.checks.settings import read_check
from bedplate.safeguards import Safeguards

logger = logging.getLogger(__name__)

ASSISTANTS_FILE = "assistants.db"


@asynccontextmanager
async def open_assistants(
    config: Config,
    turn: Turn,
    ask: Ask,
    safeguards: Safeguards,
    toolbox: Toolbox,
    watch: WatchAnswers | None = None,
) -> AsyncGenerator[Assistants]:
    """
    Raises:
        ConfigError: a declared assistant cannot work, or a stage cannot.
        StorageError, Unavailable: the place of assistants' versions cannot be used.
    """
    parts = StageParts(
        {"ask": ask, "turn": turn, "injection": safeguards.injection, "toolbox": toolbox}
    )
    stages = {name: STAGES.load(name)(parts) for name in STAGES.names()}
    quotes = {name: slot.use in EXTRACTIVE for name, slot in config.models.items()}
    memories = [name for name, slot in config.tools.items() if slot.use == "memory"]
    house = House(quotes, tuple(stages), memories)
    for name, settings in config.assistants.items():
        if (wrong := problem(settings, house)) is not None:
            raise ConfigError(f"assistants.{name}.{wrong}")
        await _check_tools(config, toolbox, name, settings)
    defaults = Defaults(
        passages=config.ask.passages,
        rewrite=config.search.rewrite,
        self_query=config.search.self_query,
        max_output_tokens=config.ask.max_output_tokens,
        check=read_check(config.check),
    )
    priced = config.budgets.unknown_price == "refuse"
    pipeline = Pipeline(stages, Answering(ask, Rounds(turn, priced=priced)), watch)
    async with _blueprints(config) as blueprints:
        roster = Roster(config.assistants, blueprints, house, toolbox)
        yield Assistants(roster, pipeline, Memory(turn), defaults)


async def _check_tools(
    config: Config, toolbox: Toolbox, assistant: str, settings: AssistantConfig
) -> None:
    """ConfigError for a tool that is not there; one that is elsewhere may be there later."""
    for name in settings.tools:
        if name in config.tools:
            continue
        try:
            await toolbox.list([name], assistant=assistant)
        except NotFound as error:
            raise ConfigError(f"assistants.{assistant}.tools: {error.message}") from error
        except (Unavailable, UpstreamError) as error:
            told = {"assistant": assistant, "tool": name, "reason": error.message}
            logger.warning("a tool could not be looked for", extra=told)


def _blueprints(config: Config) -> AbstractAsyncContextManager[Blueprints]:
    """A file in the data folder, or tables in the catalog's database."""
    database = config.data.database
    if database is None:
        return BLUEPRINTS.load("sqlite")(config.data.dir / ASSISTANTS_FILE)
    return BLUEPRINTS.load("postgres")(database.get_secret_value())
