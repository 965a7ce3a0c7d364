"""Durable work, wired: which kinds there are, their queues, and who starts them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from bedplate.config import Config
from bedplate.durable.protocol import Durable, Work
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.push_syncs import PushSyncs
from bedplate.ingest.rescrub import Rescrub
from bedplate.ingest.rescrub_work import RescrubWork, rescrub_queue
from bedplate.ingest.spool import Spool
from bedplate.ingest.sync import SyncSource
from bedplate.ingest.sync_work import SyncJobs, SyncWork, sync_queue
from bedplate.ingest.uploads import Uploads, UploadWork, upload_queue
from bedplate.state.protocol import Catalog

UPLOADS_FOLDER = "uploads"
BEATS = 6
"""How often a process shows that it lives, in the time after which it is given up."""

STOP_SECONDS = 2.0
"""How long running jobs may go on when the server stops; then they are cut off, to be resumed."""


@dataclass(frozen=True, slots=True)
class JobParts:
    """What an app that was opened for work has more than others."""

    jobs: Durable
    syncs: SyncJobs
    uploads: Uploads
    push_syncs: PushSyncs


@asynccontextmanager
async def open_jobs(
    config: Config, catalog: Catalog, ingest: Ingest, sync: SyncSource, rescrub: Rescrub
) -> AsyncGenerator[JobParts]:
    """Take part in durable work, for as long as the block runs.

    Raises:
        StorageError, ConfigError: its place cannot be used.
    """
    seconds = config.jobs.seconds
    spool = Spool(
        config.data.dir / UPLOADS_FOLDER,
        max_files=config.uploads.max_files,
        max_bytes=config.uploads.max_bytes,
    )
    works = [
        SyncWork(sync, seconds=seconds),
        UploadWork(ingest, spool, seconds=seconds),
        RescrubWork(rescrub, seconds=seconds),
    ]
    async with _open_durable(config, works) as jobs:
        syncs = SyncJobs(jobs, seconds=seconds)
        yield JobParts(
            jobs,
            syncs,
            Uploads(jobs, ingest, spool, seconds=seconds),
            PushSyncs(
                catalog,
                syncs,
                quiet_seconds=config.push.quiet_seconds,
                longest_seconds=config.push.longest_seconds,
            ),
        )


def _open_durable(config: Config, works: Sequence[Work]) -> AbstractAsyncContextManager[Durable]:
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
        ],
    )
