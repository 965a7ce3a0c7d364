"""What a reranker is: a query and texts in, a score for each text out."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Reranker(Protocol):
    """Reads the query and each text together, which a comparison of vectors cannot."""

    async def score(
        self, query: str, texts: Sequence[str], *, deadline: float | None
    ) -> list[float]:
        """One finite score a text, in order; higher is better. No texts, no work.

        Scores order the texts of one call, wherever they stand in it, and compare with nothing
        else: their scale is the adapter's own. `deadline` is on the event loop's clock.

        Raises:
            UpstreamTimeout: not done by the deadline.
            UpstreamError: the scores could not be had, or one of them is missing or no number.
        """
        ...


class OpenReranker(Protocol):
    def __call__(self, options: Mapping[str, Any]) -> AbstractAsyncContextManager[Reranker]: ...
