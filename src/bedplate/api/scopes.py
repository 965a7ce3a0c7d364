"""What a key must be allowed, by method and path. What is not named here needs more, not less."""

import re
from functools import lru_cache

from bedplate.access.protocol import Scope

ANY = re.compile(r"/|/openapi\.json|/v1/models(/.*)?", re.DOTALL)
"""Says what this server is, to any key: official clients look at the models first."""

ADMIN = re.compile(
    r"/metrics|/api/(assistants|doctor|keys|budgets|usage|models|tools|traces|feedback/rows|reviews/secret|evaluations|collections/[^/]+/originals)(/.*)?",
    re.DOTALL,
)
"""Of the tenant's operator: who may call, what it costs, what everybody asked, which servers are
behind the models, and files as they came, before a guard took anything out.
"""

ASK = re.compile(
    r"/api/(ask|guard|judge|feedback)"
    r"|/v1/(completions|embeddings|messages(/count_tokens)?|moderations|rerank)|/v2/rerank"
    r"|/v1/(chat/completions|responses|conversations|batches)(/.*)?|/api/runs(/.*)?",
    re.DOTALL,
)
"""Whatever has a model at work, on all that OpenAI's and Anthropic's clients know of it: a key that
may ask may also read its responses again.
"""

REVIEWS = "/api/reviews"
OUTCOME = re.compile(r"/api/reviews/[^/]+/(outcome|events)", re.DOTALL)
"""Whoever may ask for a review may ask what became of it; what else is in the queue is reviewers'."""

READ = re.compile(r"/api/search|/v1/vector_stores/[^/]+/search")
"""Asked by POST, yet it changes nothing."""

OWN_CHECKS = "/mcp"
"""Looks at the key for each tool, as a key may be allowed some of them."""


SESSION = "/api/session"
"""Signing in and out, with any key; and who one is."""


@lru_cache(maxsize=1_024)
def scope_of(method: str, path: str) -> Scope | None:
    """None is any key. Whatever is not known to only read needs `write`."""
    if ADMIN.fullmatch(path):
        return "admin"
    if ASK.fullmatch(path) or OUTCOME.fullmatch(path) or (path, method) == (REVIEWS, "POST"):
        return "ask"
    if path == REVIEWS or path.startswith(f"{REVIEWS}/"):
        return "review"
    if path == SESSION or (path == OWN_CHECKS and method == "POST"):
        return None
    reads = method in {"GET", "HEAD"}
    if reads and ANY.fullmatch(path):
        return None
    return "read" if reads or READ.fullmatch(path) else "write"
