"""/api/collections/{collection}/quality and …/rescrub: how well documents came in, and what is done
about personal data that the guard learnt to find since.
"""

from fastapi import APIRouter

from bedplate.api.current import CurrentApp, CurrentJobs, Tenant
from bedplate.api.schemas import Shown
from bedplate.ingest.rescrub_work import start_rescrub

router = APIRouter(prefix="/api/collections/{collection}", tags=["quality"])


class QualitySummary(Shown):
    """Sums over a collection; see the domain for what they mean."""

    documents: int
    measured: int
    pages: int
    chunks: int
    characters: int
    unreadable: float
    repeated: float
    left_out: int
    repaired: int
    warned: int
    redacted: int
    copies: int
    exact_copies: int
    languages: dict[str, int]
    encodings: dict[str, int]
    redactions: dict[str, int]


class Started(Shown):
    """The job to follow under /api/jobs."""

    job: str


@router.get("/quality")
async def get_quality(collection: str, app: CurrentApp, tenant: Tenant) -> QualitySummary:
    """Counts and shares over all documents, never values."""
    found = await app.catalog.quality.summary(app.scope(collection, tenant))
    return QualitySummary.model_validate(found)


@router.post("/rescrub", status_code=202)
async def rescrub(collection: str, app: CurrentApp, jobs: CurrentJobs, tenant: Tenant) -> Started:
    """Run today's PII guard over what the collection and its snapshots hold, as a job.

    It can be asked for at any time, and does nothing where nothing is found.
    """
    scope = app.scope(collection, tenant)
    await app.catalog.collections.get(scope)
    job = await start_rescrub(jobs, scope, seconds=app.config.jobs.seconds)
    return Started(job=job.id)
