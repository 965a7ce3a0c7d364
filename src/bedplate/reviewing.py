"""Reviews, wired: the human queue, where it is kept, and what becomes of it by itself."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from bedplate.config import Config
from bedplate.errors import ConfigError
from bedplate.rag.checks.json_answer import misfits
from bedplate.review.edits import Edits
from bedplate.review.queue import QueueLimits, ReviewQueue
from bedplate.review.upkeep import ReviewUpkeep, UpkeepOptions
from bedplate.review.webhooks import WebhookOptions, open_webhooks
from bedplate.reviews import REVIEWS
from bedplate.reviews.protocol import Reviews
from bedplate.safeguards import Safeguards
from bedplate.upstream.addresses import AddressRules

REVIEWS_FILE = "reviews.db"
LEAST_SECRET = 16
"""Characters of the secret of webhooks."""


@dataclass(frozen=True, slots=True)
class Reviewing:
    """`queue` is what other flows ask and reviewers decide; `upkeep` runs in one process at least."""

    queue: ReviewQueue
    upkeep: ReviewUpkeep


@asynccontextmanager
async def open_reviewing(config: Config, safeguards: Safeguards) -> AsyncGenerator[Reviewing]:
    """
    Raises:
        ConfigError: a secret that is too short.
        ConfigError, StorageError, Unavailable: the place of reviews cannot be used.
    """
    settings = config.reviews
    options = webhook_options(config)
    async with open_reviews(config) as reviews, open_webhooks(options) as webhooks:
        limits = QueueLimits(pending=settings.max_pending)
        queue = ReviewQueue(reviews, edits_of(config, safeguards), webhooks, limits)
        upkeep = ReviewUpkeep(
            queue,
            reviews,
            webhooks,
            UpkeepOptions(
                keep_days=settings.keep_days,
                attempts=settings.webhook_attempts,
                call_seconds=settings.webhook_seconds,
            ),
        )
        yield Reviewing(queue, upkeep)


@asynccontextmanager
async def open_queue(
    config: Config, safeguards: Safeguards | None = None
) -> AsyncGenerator[ReviewQueue]:
    """The queue alone, for who needs nothing else; without safeguards it takes no edits."""
    edits = None if safeguards is None else edits_of(config, safeguards)
    async with open_reviews(config) as reviews, open_webhooks(webhook_options(config)) as webhooks:
        limits = QueueLimits(pending=config.reviews.max_pending)
        yield ReviewQueue(reviews, edits, webhooks, limits)


def edits_of(config: Config, safeguards: Safeguards) -> Edits:
    """What looks at reviewers' edits."""
    return Edits(
        safeguards.calls,
        safeguards.injection,
        misfits,
        on_injection=config.reviews.injection,
    )


def open_reviews(config: Config) -> AbstractAsyncContextManager[Reviews]:
    """A file in the data folder, or tables in the catalog's database."""
    database = config.data.database
    if database is None:
        return REVIEWS.load("sqlite")(config.data.dir / REVIEWS_FILE)
    return REVIEWS.load("postgres")(database.get_secret_value())


def webhook_options(config: Config) -> WebhookOptions:
    """ConfigError for a secret that is too short to keep anybody out."""
    settings = config.reviews
    secret = settings.webhook_secret
    if secret is not None and len(secret.get_secret_value()) < LEAST_SECRET:
        raise ConfigError(
            f"reviews.webhook_secret has fewer than {LEAST_SECRET} characters: give a longer one, "
            "such as 32 random bytes in base64."
        )
    return WebhookOptions(
        secret=None if secret is None else secret.get_secret_value().encode(),
        rules=AddressRules(allow_hosts=settings.webhook_hosts, settings="reviews.webhook_hosts"),
        seconds=settings.webhook_seconds,
    )
