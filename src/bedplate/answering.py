"""What answers questions, wired: ask, responses, and what of them is kept."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bedplate.assistants.assistants import Assistants
from bedplate.assisting import open_assistants
from bedplate.chat.turn import Turn
from bedplate.config import Config
from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError
from bedplate.evaluation.protocol import WatchAnswers
from bedplate.library.memories import Memories
from bedplate.models import EXTRACTIVE
from bedplate.models.answerability import open_answerability
from bedplate.options import remembers_answers
from bedplate.rag.answer import Ask
from bedplate.rag.checks.release import CheckedAnswers
from bedplate.rag.checks.settings import check_problem
from bedplate.rag.gather import Gather
from bedplate.rag.interpret import Interpret
from bedplate.rag.knowledge import Knowledge
from bedplate.rag.rewriter import RULES, Rewriter
from bedplate.rag.self_query_model import ModelReader
from bedplate.responses.background import Background, Limits, open_background
from bedplate.responses.respond import Respond
from bedplate.review.protocol import AskHuman
from bedplate.safeguards import Safeguards
from bedplate.state.protocol import Catalog
from bedplate.toolbox import AdmitTool, Toolbox, open_toolbox, remote_servers
from bedplate.transcripts import TRANSCRIPTS
from bedplate.transcripts.protocol import Transcripts

TRANSCRIPTS_FILE = "transcripts.db"


@dataclass(frozen=True, slots=True)
class Answers:
    ask: Ask
    assistants: Assistants
    respond: Respond
    transcripts: Transcripts
    background: Background
    toolbox: Toolbox


@dataclass(frozen=True, slots=True)
class Oversight:
    """The human whom answers may be held for, what judges those that left, and what counts calls."""

    reviews: AskHuman
    watch: WatchAnswers
    admit: AdmitTool


@dataclass(frozen=True, slots=True)
class Grounds:
    """Where answers find what they stand on, and what is kept in mind of users."""

    catalog: Catalog
    search: Interpret
    memories: Memories


def question_reader(config: Config, turn: Turn) -> ModelReader | None:
    """The model that reads conditions out of questions, where one is configured."""
    settings = config.search
    if settings.reader == RULES:
        return None
    return ModelReader(turn, settings.reader, seconds=settings.model_seconds)


@asynccontextmanager
async def open_answers(
    config: Config,
    grounds: Grounds,
    turn: Turn,
    safeguards: Safeguards,
    embedder: Embedder,
    oversight: Oversight,
) -> AsyncGenerator[Answers]:
    """
    Raises:
        ConfigError, StorageError, Unavailable: a check that cannot be kept, or the place of
            transcripts cannot be used.
    """
    quotes = {name: slot.use in EXTRACTIVE for name, slot in config.models.items()}
    if (wrong := check_problem(config.check, config.ask.model, quotes)) is not None:
        raise ConfigError(f"check.{wrong}")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        catalog, search = grounds.catalog, grounds.search
        gather = Gather(
            search,
            Rewriter(turn, seconds=config.search.model_seconds),
            knowledge=Knowledge(catalog) if remembers_answers(config) else None,
            guard=safeguards.passages,
            answerability=await enter(open_answerability(embedder)),
        )
        checked = CheckedAnswers(turn, safeguards.grounding, oversight.reviews)
        ask = Ask(turn, gather, checked, oversight.watch)
        transcripts = await enter(_transcripts(config))
        background = await enter(open_background(transcripts, _limits(config)))
        toolbox = await enter(
            open_toolbox(config, safeguards, oversight.admit, search, grounds.memories)
        )
        assistants = await enter(
            open_assistants(config, turn, ask, safeguards, toolbox, oversight.watch)
        )
        respond = Respond(turn, ask, search, remote_servers(config, safeguards))
        yield Answers(ask, assistants, respond, transcripts, background, toolbox)


def _transcripts(config: Config) -> AbstractAsyncContextManager[Transcripts]:
    """A file in the data folder, or tables in the catalog's database."""
    database = config.data.database
    if database is None:
        return TRANSCRIPTS.load("sqlite")(config.data.dir / TRANSCRIPTS_FILE)
    return TRANSCRIPTS.load("postgres")(database.get_secret_value())


def _limits(config: Config) -> Limits:
    settings = config.responses
    return Limits(
        at_once=settings.background_at_once,
        waiting=settings.background_waiting,
        seconds=settings.background_seconds,
        keep_days=settings.keep_days,
        most=settings.max_stored,
    )
