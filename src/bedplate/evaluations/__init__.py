"""Where verdicts of online evaluation are kept. One file per database."""

from bedplate.evaluations.protocol import OpenEvaluations
from bedplate.registry import Registry

EVALUATIONS = Registry[OpenEvaluations](
    "evaluations",
    {
        "sqlite": "bedplate.evaluations.sqlite:open_sqlite_evaluations",
        "postgres": "bedplate.evaluations.postgres:open_postgres_evaluations",
    },
    extras={"postgres": "postgres"},
)
