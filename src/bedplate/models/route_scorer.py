"""A head at work: prompts in, scores out, with the encoder's vector where it has one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bedplate.embedders.protocol import Embedder
from bedplate.errors import UpstreamError
from bedplate.models.ending import why
from bedplate.models.route_head import MOST_EMBEDDED, RouteHead

AT_ONCE = 1_000
"""Characters: a longer prompt takes several milliseconds, for which a thread is worth its while."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scored:
    """A score, where it is from, and the Estimate's benefit."""

    score: float
    reason: str
    benefit: float | None = None


def scorer_of(head: RouteHead, embedder: Embedder | None) -> Callable[[str], Awaitable[Scored]]:
    """Scores prompts; without an embedder, or with another one than the head's, by surface alone.

    A remote embedder that fails costs a request its vector, not its answer.
    """
    reads = embedder if embedder and head.needs_vectors(embedder.fingerprint) else None
    if embedder is not None and reads is None and head.full is not None and head.trust > 0:
        logger.info(
            "the router reads prompts without vectors: its head is for another embedder",
            extra={"head": head.fingerprint, "embedder": embedder.fingerprint},
        )

    async def score(prompt: str) -> Scored:
        vector, trouble = None, ""
        if reads is not None:
            try:
                vector = (await reads.embed([prompt[:MOST_EMBEDDED]]))[0]
            except UpstreamError as error:
                trouble = f", without a vector: {why(error)}"
        if len(prompt) > AT_ONCE:
            estimate = await asyncio.to_thread(head.estimate, prompt, vector)
        else:
            estimate = head.estimate(prompt, vector)
        return Scored(estimate.score, f"{estimate.reason}{trouble}", estimate.benefit)

    return score
