"""The App: every flow as a field, wired from a configuration and closed in one place."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from bedplate.access.keyring import Keyring, open_keyring
from bedplate.answering import Grounds, Oversight, open_answers, question_reader
from bedplate.assistants.assistants import Assistants
from bedplate.chat.turn import Turn
from bedplate.config import Config
from bedplate.cutting import open_cutting
from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.ids import DEFAULT_TENANT, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.durable.protocol import Durable, Page
from bedplate.embedders.protocol import Embedder, ImageEmbedder
from bedplate.embedding import open_embedders
from bedplate.evaluating import open_evaluation
from bedplate.evaluation.online import OnlineEvaluation
from bedplate.feeds import open_source
from bedplate.ingest.embedding import HowEmbedded
from bedplate.ingest.originals import Originals
from bedplate.ingest.pictures import Pictures
from bedplate.ingest.pipeline import Ingest, Parts
from bedplate.ingest.push_syncs import PushSyncs
from bedplate.ingest.pushes import PushDocuments
from bedplate.ingest.readings import Readings
from bedplate.ingest.reindex import Reindex
from bedplate.ingest.rescrub import Rescrub
from bedplate.ingest.schedule import Schedules
from bedplate.ingest.snapshots import Snapshots
from bedplate.ingest.sources import Sources
from bedplate.ingest.sync import SyncSource
from bedplate.ingest.sync_work import SyncJobs
from bedplate.ingest.uploads import Uploads
from bedplate.jobs import open_jobs
from bedplate.keys import open_keys
from bedplate.ledger.protocol import Ledger
from bedplate.library.library import Library
from bedplate.library.memories import Memories
from bedplate.limits import open_ledger
from bedplate.lineup import open_lineup
from bedplate.models.breaker import Breakers
from bedplate.models.managed_finding import Findings
from bedplate.models.managed_servers import ManagedServers
from bedplate.options import (
    business_tables,
    check_assistants,
    check_readers,
    original_limits,
    original_seals,
    parse_limits,
    push_limits,
    ranking,
    reading_recipe,
    recipe,
    sync_limits,
)
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import Parser
from bedplate.rag.answer import Ask, AskRequest
from bedplate.rag.checks.settings import read_check
from bedplate.rag.images import ImageSearch
from bedplate.rag.interpret import Interpret
from bedplate.rag.retrieve import Retrieve
from bedplate.rag.windows import WindowSearch
from bedplate.rerankers import RERANKERS
from bedplate.rerankers.protocol import Reranker
from bedplate.responses.background import Background
from bedplate.responses.respond import Respond
from bedplate.review.queue import ReviewQueue
from bedplate.review.upkeep import ReviewUpkeep
from bedplate.reviewing import open_reviewing
from bedplate.running import RunsAtWork, open_runs, setups_of, tools_of
from bedplate.safeguards import Safeguards, open_safeguards
from bedplate.slots import open_optional, open_slot
from bedplate.state.protocol import Catalog
from bedplate.storage import CATALOG_FILE, open_catalog, store_slot
from bedplate.stores import STORES
from bedplate.stores.protocol import Store, StoreQuery
from bedplate.terms import TermVector
from bedplate.toolbox import Toolbox
from bedplate.tracing import Tracing, open_tracing
from bedplate.transcripts.protocol import Transcripts


@dataclass(frozen=True, slots=True)
class App:
    """What the edges call. Parts are here for reading; flows are how anything is done.

    `embedder` is the one without a cache: a check of it must reach it. `former` serves collections
    that were made with it. `breakers` are those of the models' endpoints, `servers` the models that
    run here. `jobs`, `syncs`, `schedules`, `uploads`, `library`, `push_syncs` and `runs` are there
    where it was opened for work.
    """

    config: Config
    keyring: Keyring
    catalog: Catalog
    store: Store
    embedder: Embedder
    former: Embedder | None
    images: ImageEmbedder | None
    reranker: Reranker | None
    parser: Parser
    safeguards: Safeguards
    ledger: Ledger
    turn: Turn
    breakers: Breakers
    servers: ManagedServers
    search: Interpret
    ask: Ask
    assistants: Assistants
    respond: Respond
    transcripts: Transcripts
    background: Background
    toolbox: Toolbox
    ingest: Ingest
    reindex: Reindex
    rescrub: Rescrub
    snapshots: Snapshots
    sources: Sources
    jobs: Durable | None
    syncs: SyncJobs | None
    schedules: Schedules | None
    uploads: Uploads | None
    library: Library | None
    pushes: PushDocuments
    originals: Originals
    push_syncs: PushSyncs | None
    runs: RunsAtWork | None
    evaluation: OnlineEvaluation
    reviews: ReviewQueue
    review_upkeep: ReviewUpkeep
    tracing: Tracing

    def scope(self, collection: str, tenant: TenantId = DEFAULT_TENANT) -> Scope:
        return Scope(tenant, collection)

    def question(
        self,
        collection: str,
        question: str,
        *,
        model: str | None = None,
        filter: str | Mapping[str, object] | None = None,
        join: Mapping[str, object] | None = None,
        deadline: float | None = None,
        account: Account = LOCAL,
    ) -> AskRequest:
        """A question to one collection with the configuration's settings, for `ask`."""
        settings = self.config.ask
        return AskRequest(
            question=question,
            scopes=(Scope(account.tenant, collection),),
            model=model or settings.model,
            filter=filter,
            join=join,
            passages=settings.passages,
            max_output_tokens=settings.max_output_tokens,
            deadline=deadline,
            self_query=self.config.search.self_query,
            account=account,
            check=read_check(self.config.check),
        )

    async def check(self) -> None:
        """Exercise catalog, store, embedder and guards once; the error of the first that fails.

        Models were opened at start-up and are not called: a call may cost money.
        """
        await self.catalog.collections.list(DEFAULT_TENANT)
        await self.store.search(
            self.scope(""), StoreQuery("keyword", TermVector.of("ready"), None, 1)
        )
        await self.embedder.embed(["ready"])
        if self.images is not None:
            await self.images.embed_texts(["ready"])
        await self.safeguards.check()
        if self.reranker is not None:
            await self.reranker.score("ready", ["ready"], deadline=None)
        await self.ledger.budgets.list(DEFAULT_TENANT)
        if self.jobs is not None:
            await self.jobs.list(DEFAULT_TENANT, Page(limit=1))


@asynccontextmanager
async def open_app(config: Config, *, work: bool = False) -> AsyncGenerator[App]:
    """Open every part, wire the flows, close all in reverse order.

    With `work` it takes part in durable work, that of a process that died included.

    Raises:
        ConfigError: an adapter that does not exist, options it does not take, or a business table
            that is not there.
        StorageError: the data folder, the catalog or the durable work cannot be used.
    """
    check_assistants(config)
    check_readers(config)
    slot = store_slot(config, "store", config.store)
    path = config.data.dir / CATALOG_FILE
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        made = await enter(open_embedders(config))
        cutting = await enter(open_cutting(config))
        reranker = await enter(open_optional("reranker", config.reranker, RERANKERS.load))
        parser = await enter(open_parser(parse_limits(config)))
        catalog = await enter(open_catalog(config))
        keyring = await enter(open_keyring(await enter(open_keys(config))))
        tables = business_tables(config)
        await catalog.tables.check(list(tables.values()))
        store = await enter(open_slot("store", slot, STORES.load, path=path))
        breakers = Breakers()
        servers = ManagedServers(config.managed, findings=Findings(config.data.dir))
        ledger = await enter(open_ledger(config))
        models = await enter(
            open_lineup(
                config.models,
                embedder=made.remembering,
                breakers=breakers,
                servers=servers,
                ledger=ledger,
            )
        )
        safeguards = await enter(open_safeguards(config, models, made.embedder, ledger))
        tracing = await enter(open_tracing(config, safeguards))
        turn = Turn(models, seconds=config.ask.seconds, ledger=ledger, guard=safeguards.calls)
        retrieve = Retrieve(
            catalog,
            store,
            made.remembering,
            reranker,
            ranking=ranking(config.search),
            tables=tables,
            former=made.former,
        )
        searched = (
            retrieve
            if made.images is None
            else ImageSearch(retrieve, catalog, made.images, most=config.search.max_images)
        )
        search = Interpret(
            WindowSearch(searched, catalog), catalog, reader=question_reader(config, turn)
        )
        token_chunks = config.search.late_chunks if config.search.late_top else 0
        ingest = Ingest(
            Parts(
                catalog,
                store,
                parser,
                cutting.chunker,
                made.remembering,
                safeguards.pii,
                made.former,
                None if made.images is None else Pictures(parser, made.images),
                safeguards.documents,
                cutting.own,
                Originals(catalog, original_limits(config), original_seals(config)),
                cutting.header,
            ),
            batch_chunks=config.ingest.batch_chunks,
            max_file_bytes=config.ingest.max_file_bytes,
            token_chunks=token_chunks,
            recipe=partial(recipe, config),
            readings=Readings(catalog, recipe=reading_recipe(config, made.images)),
            skip_copies=config.ingest.duplicates == "skip",
        )
        sync = SyncSource(catalog, ingest, partial(open_source, catalog), sync_limits(config))
        rescrub = Rescrub(
            catalog,
            store,
            [made.remembering, *([made.former] if made.former else [])],
            safeguards.pii,
            batch_chunks=config.ingest.batch_chunks,
            header=cutting.header,
        )
        reviewing = await enter(open_reviewing(config, safeguards))
        evaluation = await enter(open_evaluation(config, models, ledger, made.embedder))
        answers = await enter(
            open_answers(
                config,
                Grounds(catalog, search, Memories(ingest, search)),
                turn,
                safeguards,
                made.remembering,
                Oversight(reviewing.queue, evaluation, ledger.admit),
            )
        )
        # The last part: it uses the others until it is closed.
        parts = None
        if work:
            offer, setups = (
                tools_of(answers.toolbox),
                setups_of(answers.assistants.roster, config),
            )
            runs = open_runs(config, turn, offer, setups, reviewing.queue)
            parts = await enter(open_jobs(config, catalog, ingest, sync, rescrub, runs))
        yield App(
            config=config,
            keyring=keyring,
            catalog=catalog,
            store=store,
            embedder=made.embedder,
            former=made.former,
            images=made.images,
            reranker=reranker,
            parser=parser,
            safeguards=safeguards,
            ledger=ledger,
            turn=turn,
            breakers=breakers,
            servers=servers,
            search=search,
            ask=answers.ask,
            assistants=answers.assistants,
            respond=answers.respond,
            transcripts=answers.transcripts,
            background=answers.background,
            toolbox=answers.toolbox,
            ingest=ingest,
            reindex=Reindex(
                catalog,
                store,
                made.remembering,
                HowEmbedded(config.ingest.batch_chunks, token_chunks, cutting.header),
                max_snapshots=config.data.max_snapshots,
            ),
            rescrub=rescrub,
            snapshots=Snapshots(catalog, store, most=config.data.max_snapshots),
            sources=Sources(catalog, ingest, partial(open_source, catalog), sync),
            jobs=parts and parts.jobs,
            syncs=parts and parts.syncs,
            schedules=Schedules(catalog, parts.syncs) if parts else None,
            uploads=parts and parts.uploads,
            library=parts and parts.library,
            pushes=PushDocuments(
                catalog, push_limits(config), max_bytes=config.ingest.max_file_bytes
            ),
            originals=ingest.originals,
            push_syncs=parts and parts.push_syncs,
            runs=parts and parts.runs,
            evaluation=evaluation,
            reviews=reviewing.queue,
            review_upkeep=reviewing.upkeep,
            tracing=tracing,
        )
