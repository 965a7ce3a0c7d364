"""Assistants, wired: their stages, their tools and what they keep in mind."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

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
from bedplate.errors import ConfigError, NotFound
from bedplate.models import EXTRACTIVE
from bedplate.rag.answer import Ask
from bedplate.safeguards import Safeguards
from bedplate.tools.protocol import Tool

ASSISTANTS_FILE = "assistants.db"


class NoTools:
    """Where no table `[tools.NAME]` is configured."""

    async def list(
        self, names: Sequence[str] | None = None, *, assistant: str | None = None
    ) -> tuple[Tool, ...]:
        for name in names or ():
            raise NotFound(f"There is no tool {name!r}.", param="tool")
        return ()


@asynccontextmanager
async def open_assistants(
    config: Config, turn: Turn, ask: Ask, safeguards: Safeguards, toolbox: Toolbox
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
    house = House(quotes, tuple(stages))
    for name, settings in config.assistants.items():
        if (wrong := problem(settings, house)) is not None:
            raise ConfigError(f"assistants.{name}.{wrong}")
    defaults = Defaults(
        passages=config.ask.passages,
        rewrite=config.search.rewrite,
        self_query=config.search.self_query,
        max_output_tokens=config.ask.max_output_tokens,
    )
    pipeline = Pipeline(stages, Answering(ask, Rounds(turn)))
    async with _blueprints(config) as blueprints:
        roster = Roster(config.assistants, blueprints, house, toolbox)
        yield Assistants(roster, pipeline, Memory(turn), defaults)


def _blueprints(config: Config) -> AbstractAsyncContextManager[Blueprints]:
    """A file in the data folder, or tables in the catalog's database."""
    database = config.data.database
    if database is None:
        return BLUEPRINTS.load("sqlite")(config.data.dir / ASSISTANTS_FILE)
    return BLUEPRINTS.load("postgres")(database.get_secret_value())
