"""An ingest as a step of its trace."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from bedplate.domain.accounts import Account
from bedplate.domain.retrieval import Scope
from bedplate.ingest.report import Report
from bedplate.telemetry.conventions import (
    ADDED,
    CHUNKS,
    COLLECTION,
    DELETED,
    FAILED,
    UNCHANGED,
    UPDATED,
)
from bedplate.telemetry.trace import span

P = ParamSpec("P")
S = TypeVar("S")


def traced(
    run: Callable[Concatenate[S, Scope, P], Awaitable[Report]],
) -> Callable[Concatenate[S, Scope, P], Awaitable[Report]]:
    """Tells what the run came to."""

    @wraps(run)
    async def inside(self: S, scope: Scope, *args: P.args, **options: P.kwargs) -> Report:
        with span("ingest") as step:
            step.set(COLLECTION, scope.collection)
            step.bill(Account(scope.tenant))
            report = await run(self, scope, *args, **options)
            step.attributes.update(
                {
                    ADDED: report.added,
                    UPDATED: report.updated,
                    UNCHANGED: report.unchanged,
                    DELETED: report.deleted,
                    FAILED: report.failed,
                    CHUNKS: report.chunks,
                }
            )
            return report

    return inside
