"""Responses and conversations that can be gone on from. One file per database."""

from bedplate.registry import Registry
from bedplate.transcripts.protocol import OpenTranscripts

TRANSCRIPTS = Registry[OpenTranscripts](
    "transcripts",
    {
        "sqlite": "bedplate.transcripts.sqlite:open_sqlite_transcripts",
        "postgres": "bedplate.transcripts.postgres:open_postgres_transcripts",
    },
    extras={"postgres": "postgres"},
)
