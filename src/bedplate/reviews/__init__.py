"""Where reviews are kept: what waits for a human, and what was decided. One file per database."""

from bedplate.registry import Registry
from bedplate.reviews.protocol import OpenReviews

REVIEWS = Registry[OpenReviews](
    "reviews",
    {
        "sqlite": "bedplate.reviews.sqlite:open_sqlite_reviews",
        "postgres": "bedplate.reviews.postgres:open_postgres_reviews",
    },
    extras={"postgres": "postgres"},
)
