"""Assistants, wired: their stages, their tools and what they keep in mind."""

from collections.abc import Sequence

from bedplate.assistants import STAGES
from bedplate.assistants.answering import Answering
from bedplate.assistants.assistants import Assistants, Defaults
from bedplate.assistants.memory import Memory
from bedplate.assistants.pipeline import Pipeline
from bedplate.assistants.protocol import StageParts, Toolbox
from bedplate.assistants.rounds import Rounds
from bedplate.chat.turn import Turn
from bedplate.config import Config
from bedplate.errors import ConfigError, NotFound
from bedplate.rag.answer import Ask
from bedplate.safeguards import Safeguards
from bedplate.tools.protocol import Tool


class NoTools:
    """Where no table `[tools.NAME]` is configured."""

    async def list(
        self, names: Sequence[str] | None = None, *, assistant: str | None = None
    ) -> tuple[Tool, ...]:
        for name in names or ():
            raise NotFound(f"There is no tool {name!r}.", param="tool")
        return ()


def assistants_of(
    config: Config, turn: Turn, ask: Ask, safeguards: Safeguards, toolbox: Toolbox
) -> Assistants:
    """
    Raises:
        ConfigError: an assistant names a stage that is not there, or one that cannot work.
    """
    parts = StageParts(
        {"ask": ask, "turn": turn, "injection": safeguards.injection, "toolbox": toolbox}
    )
    stages = {name: STAGES.load(name)(parts) for name in STAGES.names()}
    pipeline = Pipeline(stages, Answering(ask, Rounds(turn)))
    for name, settings in config.assistants.items():
        pipeline.check(settings.stages, where=f"assistants.{name}.stages")
        summary = settings.memory.summary
        if summary is not None and summary not in config.models:
            raise ConfigError(
                f"assistants.{name}.memory.summary is {summary!r}; configured models: "
                f"{', '.join(config.models)}."
            )
    defaults = Defaults(
        passages=config.ask.passages,
        rewrite=config.search.rewrite,
        self_query=config.search.self_query,
        max_output_tokens=config.ask.max_output_tokens,
    )
    return Assistants(config.assistants, pipeline, Memory(turn), defaults)
