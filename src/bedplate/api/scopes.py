"""What a key must be allowed, by method and path. What is not named here needs more, not less."""

import re

from bedplate.access.protocol import Scope

ANY = re.compile(r"/|/openapi\.json|/v1/models(/.*)?")
"""Says what this server is, to any key: official clients look at the models first."""

ADMIN = re.compile(r"/api/(keys|budgets|usage|models)(/.*)?")
"""Of the tenant's operator: who may call, what it costs, and which servers are behind the models."""

ASK = re.compile(r"/api/ask|/v1/(chat/completions|embeddings)")
READ = re.compile(r"/api/search")
"""Asked by POST, yet it changes nothing."""


def scope_of(method: str, path: str) -> Scope | None:
    """None is any key. Whatever is not known to only read needs `write`."""
    if ADMIN.fullmatch(path):
        return "admin"
    if ASK.fullmatch(path):
        return "ask"
    reads = method in {"GET", "HEAD"}
    if reads and ANY.fullmatch(path):
        return None
    return "read" if reads or READ.fullmatch(path) else "write"
