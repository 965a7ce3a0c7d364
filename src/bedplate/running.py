"""Runs, wired: their journal, what they are pursued with, and how they come to be jobs."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from bedplate.agents.asking import Humans
from bedplate.agents.run_work import OfferTools, RunParts, RunWork, run_queue
from bedplate.agents.runs import NewRun, Runs, SetupOf
from bedplate.agents.start_work import StartWork, run_schedule
from bedplate.agents.upkeep import RunUpkeep
from bedplate.assistant_sections import RunBudgetConfig
from bedplate.assistants.protocol import Assistant
from bedplate.assistants.roster import Roster
from bedplate.chat.turn import Turn
from bedplate.config import Config
from bedplate.domain.accounts import Account
from bedplate.domain.ids import TenantId
from bedplate.domain.money import to_micro
from bedplate.domain.runs import Run, RunLimits, RunMemory, RunSetup
from bedplate.durable.protocol import Durable, Queue, Schedule, Work
from bedplate.errors import ConfigError
from bedplate.journal import JOURNALS
from bedplate.journal.protocol import Journal
from bedplate.review.protocol import AskHuman
from bedplate.tools.protocol import Tool

JOURNAL_FILE = "runs.db"

OF_THE_WINDOW = 0.75
"""Of a model's tokens a run's requests take; the rest is for the answer, and for a wrong count."""


@dataclass(frozen=True, slots=True)
class RunsParts:
    """What pursues runs; `begin` gives it the jobs, which know its work by then."""

    journal: Journal
    works: tuple[Work, ...]
    queue: Queue
    schedules: tuple[Schedule, ...]
    begin: Callable[[Durable], "RunsAtWork"]


@dataclass(frozen=True, slots=True)
class RunsAtWork:
    runs: Runs
    upkeep: RunUpkeep


def open_journal(config: Config) -> AbstractAsyncContextManager[Journal]:
    """A file in the data folder, or tables in the catalog's database."""
    database = config.data.database
    if database is None:
        return JOURNALS.load("sqlite")(config.data.dir / JOURNAL_FILE)
    return JOURNALS.load("postgres")(database.get_secret_value())


@asynccontextmanager
async def open_runs(
    config: Config, turn: Turn, offer: OfferTools, setup_of: SetupOf, reviews: AskHuman | None
) -> AsyncGenerator[RunsParts]:
    """
    Raises:
        ConfigError, StorageError, Unavailable: the journal cannot be used.
        ConfigError: a schedule, a hook or a delegate names no declared assistant.
    """
    check_runs(config)
    settings = config.runs
    humans = None
    if reviews is not None:
        humans = Humans(reviews, settings.approval_seconds, settings.approval_default)
    async with open_journal(config) as journal:
        # A leg that is taken up the moment the jobs open may start a run before `begin` returned.
        begun: asyncio.Future[Runs] = asyncio.get_running_loop().create_future()

        async def start(parent: Run, id: str, assistant: str, goal: str) -> Run:
            return await (await asyncio.shield(begun)).start_child(parent, id, assistant, goal)

        async def start_new(account: Account, new: NewRun) -> Run:
            return await (await asyncio.shield(begun)).start(account, new)

        async def look(parent: Run, id: str) -> Run:
            return await journal.get(parent.tenant, id)

        def begin(durable: Durable) -> RunsAtWork:
            runs = Runs(journal, durable, setup_of, offer, reviews)
            begun.set_result(runs)
            keep = timedelta(days=settings.keep_days)
            upkeep = RunUpkeep(journal, durable, runs, humans, keep=keep, most=settings.max_kept)
            return RunsAtWork(runs, upkeep)

        parts = RunParts(
            journal,
            turn,
            offer,
            humans,
            start,
            look,
            provenance=settings.provenance,
            repeats=settings.repeats,
        )
        queue = run_queue(at_once=settings.at_once, waiting=settings.max_waiting)
        works = (RunWork(parts), StartWork(start_new))
        yield RunsParts(journal, works, queue, _schedules(config), begin)


def check_runs(config: Config) -> None:
    """ConfigError where a setting of runs names an assistant that is not declared."""
    settings = config.runs
    named = {f"runs.schedules.{name}": each.assistant for name, each in settings.schedules.items()}
    named |= {f"runs.hooks.{name}": each.assistant for name, each in settings.hooks.items()}
    named |= {
        f"assistants.{name}.delegates": delegate
        for name, each in config.assistants.items()
        for delegate in each.delegates
    }
    for key, assistant in named.items():
        if assistant not in config.assistants:
            known = ", ".join(config.assistants) or "none"
            raise ConfigError(f"{key} names the assistant {assistant!r}. Declared: {known}.")


def _schedules(config: Config) -> tuple[Schedule, ...]:
    return tuple(
        run_schedule(
            name,
            each.assistant,
            each.goal,
            tenant=TenantId(each.tenant),
            cron=each.cron,
            every=None if each.every_seconds is None else timedelta(seconds=each.every_seconds),
            timezone=each.timezone,
        )
        for name, each in config.runs.schedules.items()
    )


class ListTools(Protocol):
    """See Toolbox: the tools that the names of tables or tools mean."""

    async def list(
        self, names: Sequence[str] | None = None, *, assistant: str | None = None
    ) -> tuple[Tool, ...]: ...


def tools_of(toolbox: ListTools) -> OfferTools:
    """The tools of a run, by the names under which a model calls them."""

    async def offer(assistant: str, names: Sequence[str]) -> Mapping[str, Tool]:
        found = await toolbox.list(list(names), assistant=assistant)
        return {tool.spec.name: tool for tool in found}

    return offer


def setups_of(roster: Roster, config: Config) -> SetupOf:
    """The assistants that there are, each in the version that answers or is named."""

    async def setup_of(tenant: TenantId, name: str) -> RunSetup:
        found = await roster.find(name, tenant)
        if found is None:
            raise await roster.missing(name, tenant, "assistant")
        slot = config.models.get(found.settings.model)
        setup = setup_of_assistant(found, None if slot is None else slot.context_tokens)
        return replace(setup, priced=setup.priced and config.budgets.unknown_price == "refuse")

    return setup_of


def setup_of_assistant(found: Assistant, window: int | None = None) -> RunSetup:
    """The assistant as a run takes it with it; `window` is its model's."""
    assistant = found.settings
    tokens = assistant.memory.tokens
    if window is not None:
        tokens = min(tokens, int(window * OF_THE_WINDOW))
    return RunSetup(
        model=assistant.model,
        instructions=assistant.instructions,
        tools=assistant.tools,
        delegates=assistant.delegates,
        limits=limits_of(assistant.budget),
        trusted=assistant.trusted_tools,
        undo=assistant.undo,
        name=found.name,
        version=found.version,
        priced="usd" in assistant.budget.model_fields_set,
        memory=RunMemory(tokens, assistant.memory.summary, assistant.memory.recall),
    )


def limits_of(budget: RunBudgetConfig) -> RunLimits:
    return RunLimits(
        steps=budget.steps,
        model_calls=budget.model_calls,
        tool_calls=budget.tool_calls,
        tokens=budget.tokens,
        micro_usd=to_micro(Decimal(str(budget.usd))),
        seconds=budget.seconds,
        failures=budget.failures,
    )
