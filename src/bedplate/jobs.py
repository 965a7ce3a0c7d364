"""Durable work, wired: which kinds there are, their queues, and who starts them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from bedplate.chunkers import CHUNKERS
from bedplate.chunkers.protocol import Chunker
from bedplate.config import Config
from bedplate.durable.protocol import Durable, Work
from bedplate.durable.traced import TracedWork
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.push_syncs import PushSyncs
from bedplate.ingest.rescrub import Rescrub
from bedplate.ingest.rescrub_work import RescrubWork, rescrub_queue
from bedplate.ingest.spool import Spool
from bedplate.ingest.sync import SyncSource
from bedplate.ingest.sync_work import SyncJobs, SyncWork, sync_queue
from bedplate.ingest.uploads import Uploads, UploadWork, upload_queue
from bedplate.library.attach_work import AttachWork, attach_queue
from bedplate.library.attaching import Attaching
from bedplate.library.batch_calls import Calls
from bedplate.library.batch_work import BatchWork, batch_queue
from bedplate.library.batches import Batches
from bedplate.library.files import UploadedFiles
from bedplate.library.library import Library
from bedplate.library.part_uploads import PartUploads
from bedplate.library.upkeep import Upkeep
from bedplate.library.vector_stores import VectorStores
from bedplate.objects import OBJECTS
from bedplate.objects.protocol import Chunking, Objects, Room
from bedplate.running import RunsAtWork, RunsParts
from bedplate.state.protocol import Catalog
from bedplate.telemetry.trace import recorder_in_use

UPLOADS_FOLDER = "uploads"
OBJECTS_FILE = "objects.db"
BEATS = 6
"""How often a process shows that it lives, in the time after which it is given up."""

CHARACTERS_PER_TOKEN = 4
"""By which sizes in tokens become those of our chunker."""

DAY_SECONDS = 86_400

STOP_SECONDS = 2.0
"""How long running jobs may go on when the server stops; then they are cut off, to be resumed."""


@dataclass(frozen=True, slots=True)
class JobParts:
    """What an app that was opened for work has more than others."""

    jobs: Durable
    syncs: SyncJobs
    uploads: Uploads
    library: Library
    push_syncs: PushSyncs
    runs: RunsAtWork


@asynccontextmanager
async def open_jobs(
    config: Config,
    catalog: Catalog,
    ingest: Ingest,
    sync: SyncSource,
    rescrub: Rescrub,
    opening_runs: AbstractAsyncContextManager[RunsParts],
) -> AsyncGenerator[JobParts]:
    """Take part in durable work, for as long as the block runs; it is recorded as the block is.

    Raises:
        StorageError, ConfigError: its place cannot be used.
    """
    seconds = config.jobs.seconds
    spool = Spool(
        config.data.dir / UPLOADS_FOLDER,
        max_files=config.uploads.max_files,
        max_bytes=config.uploads.max_bytes,
    )
    async with _open_objects(config) as objects, opening_runs as runs:
        room = Room(config.files.max_files, config.files.max_bytes)
        files = UploadedFiles(
            objects,
            room=room,
            batch_seconds=config.files.batch_days * DAY_SECONDS,
        )
        calls = Calls()
        batch_work = BatchWork(
            objects,
            files,
            calls,
            at_once=config.batches.requests_at_once,
            most=config.batches.max_requests,
        )
        works = [
            SyncWork(sync, seconds=seconds),
            UploadWork(ingest, spool, seconds=seconds),
            RescrubWork(rescrub, seconds=seconds),
            AttachWork(objects, catalog, ingest, files, _open_chunker, seconds=seconds),
            batch_work,
            *runs.works,
        ]
        recorder = recorder_in_use()
        traced = [TracedWork(work, recorder) for work in works]
        async with _open_durable(config, traced, runs) as jobs:
            stores = VectorStores(objects, catalog, ingest)
            attaching = Attaching(objects, stores, catalog, ingest, jobs, seconds=seconds)
            batches = Batches(
                objects,
                jobs,
                batch_work,
                waiting=config.batches.max_waiting,
                file_seconds=config.files.batch_days * DAY_SECONDS,
            )
            upkeep = Upkeep(objects, stores, attaching, batches, jobs, seconds=seconds)
            syncs = SyncJobs(jobs, seconds=seconds)
            parts = PartUploads(objects, files, room=room, most=config.files.max_uploads)
            yield JobParts(
                jobs,
                syncs,
                Uploads(jobs, ingest, spool, seconds=seconds),
                Library(objects, files, parts, stores, attaching, batches, calls, upkeep),
                PushSyncs(
                    catalog,
                    syncs,
                    quiet_seconds=config.push.quiet_seconds,
                    longest_seconds=config.push.longest_seconds,
                ),
                runs.begin(jobs),
            )


def _open_objects(config: Config) -> AbstractAsyncContextManager[Objects]:
    database = config.data.database
    if database is None:
        return OBJECTS.load("sqlite")(config.data.dir / OBJECTS_FILE)
    return OBJECTS.load("postgres")(database.get_secret_value())


def _open_chunker(chunking: Chunking) -> AbstractAsyncContextManager[Chunker]:
    size = chunking.max_tokens * CHARACTERS_PER_TOKEN
    overlap = chunking.overlap_tokens * CHARACTERS_PER_TOKEN
    return CHUNKERS.load("structure")({"size": size, "longest": size, "overlap": overlap})


def _open_durable(
    config: Config, works: Sequence[Work], runs: RunsParts
) -> AbstractAsyncContextManager[Durable]:
    # Over a second to import: whoever only asks must not wait for it.
    from bedplate.durable.open import DurableOptions, open_durable  # noqa: PLC0415

    settings = config.jobs
    return open_durable(
        DurableOptions(
            dir=config.data.dir,
            database=config.data.database,
            keep_days=settings.keep_days,
            dead_seconds=settings.dead_seconds,
            beat_seconds=settings.dead_seconds / BEATS,
            stop_seconds=STOP_SECONDS,
        ),
        works=works,
        queues=[
            sync_queue(at_once=config.sync.at_once, waiting=settings.max_waiting),
            upload_queue(at_once=config.uploads.at_once, waiting=settings.max_waiting),
            rescrub_queue(waiting=settings.max_waiting),
            attach_queue(at_once=config.uploads.at_once, waiting=settings.max_waiting),
            batch_queue(at_once=config.batches.at_once, waiting=settings.max_waiting),
            runs.queue,
        ],
        schedules=runs.schedules,
    )
