"""What keeps the verdicts of online evaluation."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bedplate.domain.evaluations import Evaluation, EvaluationGroup, HallucinationRate
from bedplate.domain.ids import TenantId

MOST_GROUPS = 1_000


class Evaluations(Protocol):
    """Verdicts, written in batches, added up by group, and forgotten after a time."""

    async def add(self, evaluations: Sequence[Evaluation]) -> None:
        """Keep them all; those that are there stay as they are."""
        ...

    async def rates(
        self,
        tenant: TenantId | None,
        by: EvaluationGroup,
        *,
        since: datetime,
        until: datetime,
    ) -> tuple[HallucinationRate, ...]:
        """Of the tenant's, or all: from `since` until before `until`, days in order, others by how
        many were judged, at most MOST_GROUPS. An answer from several collections counts in each;
        one that claims nothing in none.
        """
        ...

    async def forget(self, before: datetime) -> int:
        """Delete what is older; how many they were."""
        ...


class OpenEvaluations(Protocol):
    """Opens them in a file, or at the address of a PostgreSQL database whose catalog is there."""

    def __call__(self, place: Path | str) -> AbstractAsyncContextManager[Evaluations]: ...
